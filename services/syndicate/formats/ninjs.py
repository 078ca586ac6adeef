"""ninjs 2.2, News in JSON (https://iptc.org/std/ninjs/): single items, and a composite that lists them.

`pubstatus` tells the state: usable, canceled (taken back, RFC 6721's deleted entry), withheld (expired). Recordings
and pictures are associated items of their own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from schemas.article import Enclosure, Image
from schemas.feed import Entry, FeedHead
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import full_html, image_type, stub_text, stub_title, summary_text
from services.syndicate.formats.head import SEVERAL_LANGUAGES
from services.syndicate.formats.json_text import listed, said
from services.syndicate.formats.news import STATUS, concept, version
from services.syndicate.formats.text import line, rfc3339, xml_text

_STANDARD = {
    "name": "ninjs",
    "version": "2.2",
    "schema": "http://www.iptc.org/std/ninjs/ninjs-schema_2.2.json",
}
_MEDIA = {"audio", "video"}


def _picture(image: Image) -> dict[str, Any]:
    original = {"name": "original", "href": image.url, "contenttype": image_type(image.url)}
    alt = xml_text(image.alt or "")
    return {
        "name": "picture",
        "uri": image.url,
        "type": "picture",
        "by": line(image.credit or ""),
        "descriptions": [{"role": "alt", "contenttype": "text/plain", "value": alt}] if alt else None,
        "renditions": [said({**original, "width": image.width, "height": image.height})],
    }


def _recording(one: Enclosure) -> dict[str, Any]:
    kind = one.type.partition("/")[0]
    original = {"name": "original", "href": one.url, "contenttype": one.type}
    return {
        "name": "recording" if kind in _MEDIA else "file",
        "uri": one.url,
        "type": kind if kind in _MEDIA else "component",
        "renditions": [said({**original, "sizeinbytes": one.length or None, "duration": one.duration})],
    }


def _associations(entry: Entry) -> Iterator[dict[str, Any]]:
    yield from (said(_picture(image)) for image in entry.images)
    yield from (said(_recording(one)) for one in entry.enclosures)


def _common(entry: Entry) -> dict[str, Any]:
    return {
        "uri": xml_text(entry.id),
        "standard": _STANDARD,
        "type": "text",
        "version": str(version(entry)),
        "firstcreated": rfc3339(entry.published),
        "versioncreated": rfc3339(entry.updated),
        "pubstatus": STATUS[entry.state],
        "language": entry.lang if entry.lang != "und" else None,
    }


def _stub(entry: Entry) -> dict[str, Any]:
    return {
        **_common(entry),
        "representationtype": "partial",
        "ednote": stub_text(entry),
        "headlines": [{"role": "main", "contenttype": "text/plain", "value": stub_title(entry)}]
        if entry.state == "withdrawn"
        else None,
    }


def _story(entry: Entry) -> dict[str, Any]:
    body, summary, note = full_html(entry), summary_text(entry), xml_text(entry.correction_note or "")
    main = {"role": "main", "contenttype": "text/html", "wordcount": entry.words or None, "value": body}
    web = {"name": "web", "href": entry.url, "contenttype": "text/html"}
    source = entry.source
    return {
        **_common(entry),
        "representationtype": "full",
        "urgency": entry.urgency,
        "copyrightnotice": xml_text(entry.rights or ""),
        "ednote": f"Correction: {note}" if note else None,
        "headlines": [{"role": "main", "contenttype": "text/plain", "value": line(entry.title)}],
        "descriptions": [{"role": "summary", "contenttype": "text/plain", "value": summary}] if summary else None,
        "bodies": [said(main)] if body else None,
        "by": ", ".join(line(author.name) for author in entry.authors),
        "people": [said({"name": line(author.name), "rel": "creator", "uri": author.url}) for author in entry.authors],
        "subjects": [
            {"name": line(each.label), "rel": "about", "uri": concept(each), "literal": each.term}
            for each in entry.categories
        ],
        "infosources": [said({"name": line(source.name), "uri": source.url})] if source else None,
        "renditions": [web] if entry.url else None,
        "associations": list(_associations(entry)),
    }


def _entry(entry: Entry) -> bytes:
    item = said(_story(entry) if entry.state == "published" else _stub(entry))
    # As an associated object of a list an item needs a name; alone it may not have one (`_single`).
    return orjson.dumps({"name": "item", **item})


def _single(fragment: bytes) -> bytes:
    item = orjson.loads(fragment)
    del item["name"]
    return orjson.dumps(item)


def _document(feed: FeedHead, fragments: Sequence[bytes]) -> bytes:
    links = [("self", feed.self_url), *((link.rel, link.href) for link in feed.links)]
    top = said(
        {
            "uri": feed.id,
            "standard": _STANDARD,
            "type": "composite",
            "representationtype": "full",
            "profile": "feed",
            "versioncreated": rfc3339(feed.updated),
            "pubstatus": "usable",
            "language": feed.lang or SEVERAL_LANGUAGES,
            "title": line(feed.title),
            "descriptions": [
                {"role": "summary", "contenttype": "text/plain", "value": line(feed.description)},
            ]
            if line(feed.description)
            else None,
            "copyrightnotice": line(feed.rights or ""),
            "infosources": [{"name": line(feed.publisher)}],
            "renditions": [
                *({"name": rel, "href": href, "contenttype": "application/json"} for rel, href in links),
                {"name": "web", "href": feed.home_url, "contenttype": "text/html"},
            ],
        }
    )
    return listed(orjson.dumps(top)[:-1] + b',"associations":[', fragments, b"]}")


NINJS = Format(
    "ninjs", "application/json", _entry, _document, tombstones=True, single=_single, single_type="application/json"
)
