"""What a file is, is told by its content."""

import pytest

from services.cli.documents import Document, Kind, Unreadable, chunks, read_document

ARTICLE = '{"id": "1", "title": "Élan"}'


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (ARTICLE.encode(), Kind.ARTICLE),
        (("\n  " + ARTICLE).encode(), Kind.ARTICLE),
        (b'{\n  "id": "1",\n  "title": "T"\n}\n', Kind.ARTICLE),
        (b'{"type": "article.retracted", "data": {"id": "1"}}', Kind.ARTICLE),
        (b'{"specversion": "1.0", "id": "e", "data": {}}', Kind.CLOUDEVENT),
        (b'[{"specversion": "1.0", "id": "e", "data": {}}]', Kind.CLOUDEVENTS),
        (b'{"id": "1"}\n{"id": "2"}\n', Kind.NDJSON),
        (b'{"id": "1"}\nbroken\n', Kind.NDJSON),
        (b'{"id": "1", broken', Kind.ARTICLE),  # the service names the place
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, Kind.ARTICLE),  # and refuses the depth
        (b"Un titre\n\nUn paragraphe.", Kind.TEXT),
        (b"[Politique] Un titre\n\nUn paragraphe.", Kind.TEXT),
        (b"<!DOCTYPE html><title>T</title>", Kind.HTML),
        (b"\xef\xbb\xbf  <html><body>x", Kind.HTML),
        (b'<?xml version="1.0"?><!DOCTYPE html><html/>', Kind.HTML),
    ],
)
def test_the_kind_is_told_by_the_content(raw: bytes, kind: Kind) -> None:
    found = read_document(raw)
    assert isinstance(found, Document)
    assert found.kind is kind


def test_a_stated_kind_settles_it() -> None:
    found = read_document(ARTICLE.encode(), Kind.TEXT)
    assert isinstance(found, Document)
    assert found.kind is Kind.TEXT


def test_json_stays_the_bytes_it_is() -> None:
    raw = b'{"id":"1","id":"2","n":NaN}'
    found = read_document(raw)
    assert isinstance(found, Document)
    assert found.raw == raw


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("é’«»".encode(), "é’«»"),
        (b"\xef\xbb\xbf" + "é".encode(), "é"),
        ("\ufeffé titre".encode("utf-16-le"), "é titre"),
        ("\ufeffé titre".encode("utf-16-be"), "é titre"),
        (b'<html><meta charset="iso-8859-1">\xe9', '<html><meta charset="iso-8859-1">é'),
    ],
)
def test_text_is_read_in_the_encoding_it_names(raw: bytes, text: str) -> None:
    found = read_document(raw)
    assert isinstance(found, Document)
    assert found.text == text


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"caf\xe9", "not UTF-8 text (byte 3)"),
        (b"\x7fELF\x00\x01", "NUL"),
        (b'<html><meta charset="utf-9">\xe9', "utf-9"),
        (b'<?xml version="1.0"?>\n<rss version="2.0"><channel/></rss>', "a feed (<rss>)"),
        (b"x" * (10 * 1024 * 1024 + 1), "the limit is"),
    ],
)
def test_what_is_no_document_is_refused_with_its_reason(raw: bytes, why: str) -> None:
    found = read_document(raw)
    assert isinstance(found, Unreadable)
    assert why in found.why


def test_ndjson_is_cut_between_lines() -> None:
    lines = [b'{"id":"%d"}' % number for number in range(1_000)]
    pieces = list(chunks(b"\n".join(lines), most=100))
    assert b"\n".join(pieces).split(b"\n") == lines
    assert all(len(piece) <= 100 for piece in pieces)


def test_a_line_longer_than_a_piece_is_a_piece_of_its_own() -> None:
    assert list(chunks(b"a" * 50 + b"\nb\n\n" + b"c" * 50, most=10)) == [b"a" * 50, b"b", b"c" * 50]
