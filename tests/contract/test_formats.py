"""What every feed format promises. A new format inherits these by its line in FORMATS."""

import json
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from schemas.article import Article
from schemas.feed import Entry
from services.syndicate.formats import FORMATS, FRAGMENTS, Format, fragment_name
from services.syndicate.render import render
from tests.golden.entries import ARABIC, CASES, HOSTILE, STORY, head, heads

every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
every_fragment = pytest.mark.parametrize("name", FRAGMENTS)
GONE = [CASES[name][0] for name in ("withdrawn", "takedown", "expired_beside_a_story")]
SECRETS = ("été", "Zoé", "/a/ete", "Météo", ".mp3", "chaud", "Un champ", "Agence")


def read(form: Format, data: bytes) -> Any:
    """What the media type promises; raises when it is broken."""
    if form.media_type.endswith("xml"):
        return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    if form.media_type == "application/x-ndjson":
        assert data == b"" or data.endswith(b"\n")
        return [json.loads(line) for line in data.splitlines()]
    return json.loads(data)


def whole(form: Format, *entries: Entry) -> bytes:
    made = [fragment for entry in entries if (fragment := form.entry(entry)) is not None]
    return form.document(head(form.name), made)


@every_format
def test_its_name_is_its_key_and_fits_in_a_url(form: Format) -> None:
    assert FORMATS[form.name] is form
    assert re.fullmatch("[a-z]+", form.name)
    assert re.fullmatch(r"application/[a-z0-9.+-]+", form.media_type)
    assert (form.single is None) == (form.single_type is None)


@every_format
def test_it_is_documented(form: Format) -> None:
    page = (Path(__file__).parents[2] / "docs" / "feed-formats.md").read_text("utf-8")
    for said in (form.name, form.media_type, form.single_type or form.media_type):
        assert f"`.{said}`" in page or said in page


@every_format
def test_its_documents_are_what_the_media_type_says(form: Format) -> None:
    for entries in CASES.values():
        read(form, whole(form, *entries))
    for above in heads(form.name).values():
        read(form, form.document(above, []))


@every_format
def test_rendering_is_pure(form: Format) -> None:
    entries = [entry for case in CASES.values() for entry in case]
    before = [entry.model_dump_json() for entry in entries]
    assert [form.entry(entry) for entry in entries] == [form.entry(entry) for entry in reversed(entries)][::-1]
    assert whole(form, STORY, ARABIC) == whole(form, STORY, ARABIC)
    assert [entry.model_dump_json() for entry in entries] == before


@every_format
def test_an_entry_stands_in_a_document_as_it_was_rendered(form: Format) -> None:
    data = whole(form, STORY, HOSTILE)
    for entry in (STORY, HOSTILE):
        assert (form.entry(entry) or b"nothing") in data


@every_format
def test_a_published_entry_has_its_id_its_title_and_its_text(form: Format) -> None:
    data = whole(form, STORY).decode()
    assert STORY.id in data
    assert "L’été s’achève" in data
    assert "Il a fait chaud" in data


@every_format
def test_alone_an_item_is_a_document_of_its_own(form: Format) -> None:
    if form.single is None:
        pytest.skip("items of this format stand in lists only")
    for entry in (STORY, ARABIC, HOSTILE, *GONE):
        fragment = form.entry(entry)
        if fragment is not None:
            alone = form.single(fragment)
            assert entry.id.encode() in alone
            read(form, alone)


@every_fragment
@pytest.mark.parametrize("entry", GONE, ids=lambda entry: entry.state)
def test_what_is_gone_leaves_no_text_and_the_id_at_most(name: str, entry: Entry) -> None:
    fragment = FRAGMENTS[name](entry)
    if fragment is None:
        assert entry.state == "expired"
        assert not FORMATS[name.removesuffix("-summary")].tombstones
        return
    text = fragment.decode()
    assert entry.id in text
    secrets = SECRETS[-3:] if entry.state == "withdrawn" else SECRETS
    assert not [word for word in secrets if word in text]


@every_fragment
def test_a_summary_fragment_has_the_summary_and_not_the_text(name: str) -> None:
    text = (FRAGMENTS[name](STORY) or b"").decode()
    assert "Un été long" in text
    assert ("Il a fait chaud" in text) == (not name.endswith("-summary"))


def test_fragments_are_named_by_format_and_body() -> None:
    assert set(FRAGMENTS) == {fragment_name(name, body) for name in FORMATS for body in ("full", "summary")}
    assert fragment_name("rss", "summary") == "rss-summary"
    assert fragment_name("ninjs", "summary") == "ninjs"
    with pytest.raises(KeyError):
        fragment_name("pdf", "full")


def test_render_makes_every_fragment_of_every_format_in_another_process_too() -> None:
    entries = [STORY, ARABIC, *GONE]
    here = render(entries)
    assert set(here[0].fragments) == set(FRAGMENTS)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(render, entries).result() == here


@pytest.mark.parametrize(
    "entry", [STORY, ARABIC, HOSTILE, CASES["bare_headline"][0]], ids=lambda entry: entry.article_id
)
def test_a_line_of_ndjson_is_an_article_as_it_is_published(entry: Entry) -> None:
    said = json.loads(FORMATS["ndjson"].entry(entry) or b"")
    article = Article.model_validate(said)
    assert (article.id, article.title) == (entry.id, said["title"])
    assert article.published_at == entry.published
