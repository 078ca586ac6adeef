"""Which kind of document a file is, told by its content and never by its name; and how it is posted."""

import codecs
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, cast

CHUNK = 4 * 1024 * 1024  # bytes of NDJSON in one request; the service takes 10 MiB
LARGEST = 10 * 1024 * 1024  # bytes of any other file


class Kind(StrEnum):
    """What `wireroom publish` reads."""

    ARTICLE = "article"
    CLOUDEVENT = "cloudevent"
    CLOUDEVENTS = "cloudevents"  # a batch
    NDJSON = "ndjson"
    TEXT = "text"
    HTML = "html"


CONTENT_TYPES = {
    Kind.ARTICLE: "application/json",
    Kind.CLOUDEVENT: "application/cloudevents+json",
    Kind.CLOUDEVENTS: "application/cloudevents-batch+json",
    Kind.NDJSON: "application/x-ndjson",
}
PAGES = (Kind.TEXT, Kind.HTML)

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_:.-]+)""", re.IGNORECASE)
_FEED = re.compile(r"<(rss|feed|rdf:RDF)[\s>]")


class Document(NamedTuple):
    """A file, understood. JSON stays the bytes it is, so that the service judges what was written."""

    kind: Kind
    raw: bytes
    text: str


class Unreadable(NamedTuple):
    """Why a file cannot be published."""

    why: str


def read_document(raw: bytes, kind: Kind | None = None) -> Document | Unreadable:
    """Tell what `raw` is; `kind` settles it instead, when stated."""
    if not raw.strip():
        return Unreadable("the file is empty")
    decoded = _decode(raw)
    if isinstance(decoded, Unreadable):
        return decoded
    text, utf8 = decoded
    found = kind or _detect(text)
    if isinstance(found, Unreadable):
        return found
    if len(raw) > LARGEST and found is not Kind.NDJSON:
        return Unreadable(f"{len(raw):,} bytes are too many; the limit is {LARGEST:,}")
    return Document(found, utf8, text)


def chunks(raw: bytes, most: int = CHUNK) -> Iterator[bytes]:
    """Cut NDJSON between lines into pieces of at most `most` bytes (a longer line is a piece of its own)."""
    start = 0
    while start < len(raw):
        end = len(raw)
        if end - start > most:
            end = raw.rfind(b"\n", start, start + most) + 1 or raw.find(b"\n", start) + 1 or len(raw)
        if piece := raw[start:end].strip():
            yield piece
        start = end


def _decode(raw: bytes) -> tuple[str, bytes] | Unreadable:
    mark, encoding = next((bom for bom in _BOMS if raw.startswith(bom[0])), (b"", "utf-8"))
    body = raw.removeprefix(mark)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        declared = _CHARSET.search(raw[:1024]) if raw.lstrip()[:1] == b"<" else None
        if declared is None:
            return Unreadable(f"not UTF-8 text (byte {error.start}); convert it, e.g. iconv -f WINDOWS-1252 -t UTF-8")
        try:
            text = raw.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            return Unreadable(f"not the {declared[1].decode('ascii')} text that it says it is")
    if "\x00" in text:
        return Unreadable("not text: it holds NUL bytes")
    return text, body if encoding == "utf-8" else text.encode()


def _detect(text: str) -> Kind | Unreadable:
    head = text.lstrip()
    if head[0] == "<":
        if head.startswith("<?xml") and (feed := _FEED.search(head[:4096])):
            return Unreadable(f"a feed (<{feed[1]}>), not an article")
        return Kind.HTML
    if head[0] == "[":
        return Kind.CLOUDEVENTS if _loads(head) is not None else Kind.TEXT
    if head[0] != "{":
        return Kind.TEXT
    if (whole := _loads(head)) is not None:
        return (
            Kind.CLOUDEVENT
            if isinstance(whole, dict) and "specversion" in cast("dict[str, object]", whole)
            else Kind.ARTICLE
        )
    return Kind.NDJSON if _loads(head.partition("\n")[0]) is not None else Kind.ARTICLE


def _loads(text: str) -> object:
    """Parse, or None: broken JSON too is posted, for the service to name the place."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
