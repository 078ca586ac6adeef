"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/), by orjson.

It knows no tombstones: a retracted story stays as a stub for as long as the window holds it.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from schemas.feed import Entry, FeedHead
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import full_html, shown_title, stub_text, stub_title, summary_html, summary_text
from services.syndicate.formats.head import SEVERAL_LANGUAGES, next_url
from services.syndicate.formats.json_text import listed, said
from services.syndicate.formats.text import line, rfc3339, xml_text


def _stand_in(entry: Entry) -> str | None:
    """Mark a `date_published` that the publisher did not state."""
    return None if entry.published_by == "publisher" else entry.published_by


def _stub(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "url": entry.url if entry.state == "withdrawn" else None,  # a URL often spells the headline
        "title": stub_title(entry),
        "content_text": stub_text(entry),
        "_wireroom": said({"state": "retracted", "revision": entry.revision, "published_by": _stand_in(entry)}),
    }


def _story(entry: Entry, *, full: bool) -> dict[str, Any]:
    html = full_html(entry) if full else summary_html(entry)
    return {
        "id": entry.id,
        "url": entry.link,
        "title": shown_title(entry),
        "content_html": html,
        "summary": summary_text(entry),
        "image": entry.images[0].url if entry.images else None,
        "authors": [said({"name": line(author.name), "url": author.url}) for author in entry.authors],
        "tags": list(dict.fromkeys(line(each.label) for each in entry.categories)),
        "attachments": [
            said(
                {
                    "url": one.url,
                    "mime_type": one.type,
                    "size_in_bytes": one.length or None,
                    "duration_in_seconds": int(one.duration or 0) or None,  # whole: readers are strict
                }
            )
            for one in entry.enclosures
        ],
        "_wireroom": said(
            {
                "revision": entry.revision,
                "published_by": _stand_in(entry),
                "correction_note": xml_text(entry.correction_note or ""),
                "source": said({"name": line(entry.source.name), "url": entry.source.url}) if entry.source else None,
                "rights": xml_text(entry.rights or ""),
                "words": entry.words,
                "reading_minutes": entry.reading_minutes,
                "urgency": entry.urgency,
                "direction": entry.direction,
            }
        ),
        # Every item has content: a bare headline has an empty text.
        **({} if html else {"content_text": summary_text(entry) or line(entry.title)}),
    }


def _item(entry: Entry, *, full: bool) -> bytes | None:
    if entry.state == "expired":
        return None
    item = said(_story(entry, full=full) if entry.state == "published" else _stub(entry))
    item["id"] = xml_text(entry.id)
    item["date_published"] = rfc3339(entry.published)
    item["date_modified"] = rfc3339(entry.updated)
    if entry.lang != "und":
        item["language"] = entry.lang
    return orjson.dumps(item)


def _entry(entry: Entry) -> bytes | None:
    return _item(entry, full=True)


def _summary(entry: Entry) -> bytes | None:
    return _item(entry, full=False)


def _single(fragment: bytes) -> bytes:
    return fragment


def _document(feed: FeedHead, fragments: Sequence[bytes]) -> bytes:
    top = said(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": line(feed.title),
            "home_page_url": feed.home_url,
            "feed_url": feed.self_url,
            "next_url": next_url(feed),
            "description": line(feed.description),
            "icon": feed.icon_url,
            "authors": [{"name": line(feed.publisher)}],
            "language": feed.lang or SEVERAL_LANGUAGES,
            "expired": feed.expired or None,
            "hubs": [{"type": "WebSub", "url": hub} for hub in feed.hub_urls],
        }
    )
    return listed(orjson.dumps(top)[:-1] + b',"items":[', fragments, b"]}")


JSON_FEED = Format(
    "json", "application/feed+json", _entry, _document, summary=_summary, single=_single, single_type="application/json"
)
