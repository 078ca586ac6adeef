"""Newline-delimited JSON: one article a line, for programs.

A line has the fields that `POST /v1/articles` takes, so what one newsroom syndicates another can accept as it is;
what the service found out stands under `extensions.wireroom`. An article taken back is a stub line,
`{"id", "revision", "state", "reason", "gone_at", …}`: without `state` a line is a story.
There is no head: an empty feed is an empty document.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from schemas.feed import Entry, FeedHead
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import stub_text, summary_text
from services.syndicate.formats.json_text import said
from services.syndicate.formats.text import line, rfc3339, xml_text

_KINDS = {"section": "sections", "tag": "tags"}


def _names(entry: Entry) -> dict[str, list[str]]:
    """Sort categories by the last word of their scheme: sections and tags, as the publisher stated them."""
    found: dict[str, list[str]] = {}
    for each in entry.categories:
        kind = _KINDS.get(each.scheme.rpartition("/")[2])
        if kind is not None:
            found.setdefault(kind, []).append(line(each.label))
    return found


def _stub(entry: Entry) -> dict[str, Any]:
    withdrawn = entry.state == "withdrawn"
    return {
        "id": xml_text(entry.id),
        "revision": entry.revision,
        "state": "expired" if entry.state == "expired" else "retracted",
        "kind": {"withdrawn": "withdraw", "takedown": "takedown"}.get(entry.state),
        "reason": stub_text(entry),
        "title": line(entry.title) if withdrawn else None,
        "url": entry.url if withdrawn else None,  # a URL often spells the headline
        "gone_at": rfc3339(entry.gone_at or entry.updated),
    }


def _story(entry: Entry) -> dict[str, Any]:
    language = entry.lang if entry.lang != "und" else None
    return {
        "id": xml_text(entry.id),
        "revision": entry.revision,
        "url": entry.url,
        "title": line(entry.title),
        "summary": summary_text(entry),
        "content_html": xml_text(entry.content_html),
        "language": language,
        "authors": [said({"name": line(one.name), "url": one.url, "email": one.email}) for one in entry.authors],
        **_names(entry),
        "source": said({"name": line(entry.source.name), "url": entry.source.url}) if entry.source else None,
        "published_at": rfc3339(entry.published),
        "updated_at": rfc3339(entry.updated),
        "images": [said(image.model_dump()) for image in entry.images],
        "enclosures": [said(one.model_dump()) for one in entry.enclosures],
        "rights": xml_text(entry.rights or ""),
        "correction_note": xml_text(entry.correction_note or ""),
        "urgency": entry.urgency,
        "extensions": {
            "wireroom": said(
                {
                    "direction": entry.direction,
                    "words": entry.words,
                    "reading_minutes": entry.reading_minutes,
                    "published_by": entry.published_by if entry.published_by != "publisher" else None,
                }
            )
        },
    }


def _entry(entry: Entry) -> bytes:
    return orjson.dumps(said(_story(entry) if entry.state == "published" else _stub(entry)))


def _document(feed: FeedHead, fragments: Sequence[bytes]) -> bytes:
    del feed  # what stands above the lines, HTTP says: Link headers, ETag, Last-Modified
    return b"\n".join((*fragments, b"")) if fragments else b""


NDJSON = Format("ndjson", "application/x-ndjson", _entry, _document, tombstones=True)
