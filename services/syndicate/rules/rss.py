"""Rules of RSS 2.0 with its Profile, Dublin Core, Media RSS and the syndication module. Pure."""

import re
from datetime import datetime
from typing import Any

from services.syndicate.rules.body import images
from services.syndicate.rules.fault import Checks, Expected, Fault, Said, short
from services.syndicate.rules.part import Document, Head, Part
from services.syndicate.rules.rels import RELATIONS
from services.syndicate.rules.values import not_a_type, rfc822, rfc3339
from services.syndicate.rules.xml import ATOM, NAMESPACES, Node, node

_A = f"{{{ATOM}}}"
_DC = f"{{{NAMESPACES['dc']}}}"
_MEDIA = f"{{{NAMESPACES['media']}}}"
_SY = f"{{{NAMESPACES['sy']}}}"
_FH = f"{{{NAMESPACES['fh']}}}"
ENCODED = f"{{{NAMESPACES['content']}}}encoded"
ENTRY_TAG = "item"
_TITLE = re.compile(rb"<title>(.*?)</title>", re.DOTALL)
_PERIODS = frozenset({"hourly", "daily", "weekly", "monthly", "yearly"})
_HISTORY = frozenset({"first", "last", "next", "previous", "prev", "prev-archive", "next-archive", "current"})
_FEED_URL = re.compile(r"\.(?:rss|atom|json|xml|ninjs|newsml|ndjson)$")


def entry(element: Any) -> Part:
    """Read an `item`."""
    own = node(element)
    published, bad = _date(own, "pubDate")
    stated = own.text(f"{_A}updated")
    updated = None if stated is None else rfc3339(stated)
    if stated is not None and updated is None:
        bad = (*bad, ("atom:updated", stated))
    full, summary = own.text(ENCODED), own.text("description")
    bodies = tuple((where, text) for where, text in (("description", summary), ("content:encoded", full)) if text)
    lines = [(name, text) for name in ("title",) if (text := own.text(name))]
    lines.extend(("dc:creator", one.text) for one in own.all(f"{_DC}creator") if one.text)
    lines.extend(("category", one.text) for one in own.all("category") if one.text)
    return Part(
        kind="entry",
        own=own,
        id=own.text("guid"),
        urls=_urls(own),
        bodies=bodies,
        lines=tuple(lines),
        lang=own.text(f"{_DC}language"),
        published=published,
        updated=updated or published,
        bad_dates=bad,
        body=full,
    )


def _date(own: Node, name: str) -> tuple[datetime | None, tuple[tuple[str, str], ...]]:
    text = own.text(name)
    at = None if text is None else rfc822(text)
    return at, () if text is None or at is not None else ((name, text),)


def _urls(own: Node) -> tuple[tuple[str, str], ...]:
    urls = [("link", text) for one in own.all("link") if (text := one.text or "") or True]
    urls.extend(("enclosure", one.get("url", "")) for one in own.all("enclosure"))
    urls.extend((f"atom:link {one.get('rel')}", one.get("href", "")) for one in own.all(f"{_A}link"))
    urls.extend(("source", url) for one in own.all("source") if (url := one.get("url")) is not None)
    for one in own.all(f"{_MEDIA}content"):
        urls.append(("media:content", one.get("url", "")))
        urls.extend((kid.tag.rpartition("}")[2], url) for kid in one if (url := kid.get("url")) is not None)
    for one in own.all("image"):
        urls.extend((f"image {name}", one.findtext(name) or "") for name in ("url", "link"))
    return tuple(urls)


def plain_title(raw: bytes) -> list[Fault]:
    """Rule 3 on an item's bytes: & and < of a plain title are hexadecimal references (RSS Profile, character data)."""
    found = _TITLE.search(raw)
    if found is None:
        return []
    if b"<![CDATA[" in found[1] or b"&amp;" in found[1] or b"&lt;" in found[1]:
        return [Fault(3, "title", "readers would take it for HTML: write & and < as &#x26; and &#x3C;")]
    return []


def _named(part: Part) -> Said:
    """Rule 12: the id is no address, and says so."""
    guids = part.own.all("guid")
    if len(guids) != 1 or not part.id:
        yield "guid", "is missing or empty" if len(guids) < 2 else f"stands {len(guids)} times"
    elif guids[0].get("isPermaLink") != "false":
        yield "guid", 'does not say isPermaLink="false"'


def _shown(part: Part) -> Said:
    """RSS 2.0: title or description must be there; ours has a title, which readers list."""
    if not (part.own.text("title") or "").strip():
        yield "title", "is missing or empty"
    if len(part.own.all("link")) > 1:
        yield "link", "stands more than once"
    if part.published is None and not part.bad_dates:
        yield "pubDate", "is missing"


def _summary_first(part: Part) -> Said:
    """Rule 26."""
    tags = list(part.own.kids)
    if len(part.own.all("description")) > 1 or len(part.own.all(ENCODED)) > 1:
        yield "description", "stands more than once"
    if ENCODED in tags and "description" in tags and tags.index("description") > tags.index(ENCODED):
        yield "description", "comes after content:encoded"


def _media(part: Part) -> Said:
    """Rule 27."""
    enclosures = part.own.all("enclosure")
    if len(enclosures) > 1:
        yield "enclosure", f"stands {len(enclosures)} times: readers take one"
    for one in enclosures:
        if not one.get("length", "").isdigit():
            yield "enclosure", "has no length (0: unknown)"
        if not_a_type(one.get("type", "")) is not None:
            yield "enclosure", "has no type"
    pictures = [one.get("url") for one in part.own.all(f"{_MEDIA}content") if one.get("medium") == "image"]
    if pictures and part.body is not None and pictures[0] not in images(part.body):
        yield "content:encoded", f"does not show the item's picture {short(pictures[0])}"


def _people(part: Part) -> Said:
    """Rule 28."""
    for author in part.own.all("author"):
        if "@" not in (author.text or ""):
            yield "author", "has no e-mail address: a name belongs into dc:creator"
    for creator in part.own.all(f"{_DC}creator"):
        if not (creator.text or "").strip():
            yield "dc:creator", "is empty"
    if part.own.all("pubDate") and part.own.all(f"{_DC}date"):
        yield "dc:date", "stands beside pubDate"


ENTRY: Checks[Part] = (
    (12, _named),
    (25, _shown),
    (26, _summary_first),
    (27, _media),
    (28, _people),
)
GONE: Checks[Part] = ()


def head(root: Any) -> Head:
    """Read the channel."""
    channel = root.find("channel")
    own = node(root if channel is None else channel)
    updated, bad = _date(own, "lastBuildDate")
    links = own.all(f"{_A}link")
    return Head(
        own=own,
        urls=_urls(own),
        lines=tuple((name, text) for name in ("title", "description") if (text := own.text(name))),
        lang=own.text("language"),
        self_url=next((one.get("href") for one in links if one.get("rel") == "self"), None),
        hubs=tuple(one.get("href", "") for one in links if one.get("rel") == "hub"),
        updated=updated,
        exact=all(item.find(f"{_A}updated") is not None for item in own.all("item")),
        bad_dates=bad,
        archive=bool(own.all(f"{_FH}archive")),
        complete=bool(own.all(f"{_FH}complete")),
        links=tuple((one.get("rel"), one.get("href", "")) for one in links if one.get("rel") in _HISTORY),
        ttl_minutes=own.text("ttl"),
    )


def _channel(part: Head) -> Said:
    """Rule 25; that its language is a tag (en-GB, not en_GB) is rule 31."""
    own: Node = part.own
    if own.element.tag != "channel":
        yield "", "has no channel"
        return
    for name in ("title", "link", "description"):
        found = own.all(name)
        if len(found) != 1 or not (found[0].text or "").strip():
            yield name, "is missing or empty" if len(found) < 2 else f"stands {len(found)} times"
    if _FEED_URL.search(own.text("link") or ""):
        yield "link", "leads to a feed, not to a page"
    if sum(one.get("rel") == "self" for one in own.all(f"{_A}link")) != 1:
        yield "atom:link", "rel=self does not stand once"
    if own.element.getparent() is None or own.element.getparent().get("version") != "2.0":
        yield "rss", 'is not version="2.0"'


def _relations(part: Head) -> Said:
    for link in part.own.all(f"{_A}link"):
        if link.get("rel") not in RELATIONS:
            yield "atom:link", f"relation {short(link.get('rel'))} is not registered"


def _rhythm(part: Head) -> Said:
    """Rule 29."""
    period = part.own.text(f"{_SY}updatePeriod")
    if period is not None and period not in _PERIODS:
        yield "sy:updatePeriod", f"{short(period)} is none of {', '.join(sorted(_PERIODS))}"
    frequency = part.own.text(f"{_SY}updateFrequency")
    if frequency is not None and not (frequency.isdigit() and int(frequency) > 0):
        yield "sy:updateFrequency", f"{short(frequency)} is no positive number"
    for hour in part.own.element.findall("skipHours/hour"):
        if not ((hour.text or "").isdigit() and int(hour.text) <= 23):
            yield "skipHours", f"{short(hour.text)} is no hour from 0 to 23"


HEAD: Checks[Head] = ((22, _relations), (25, _channel), (29, _rhythm))


def _misspelt(document: Document, _expected: Expected) -> Said:
    """Rule 29: what feedgen writes instead of sy:updatePeriod."""
    for tag in document.head.own.kids:
        if tag.startswith(_SY) and tag[len(_SY) :] not in _SY_NAMES:
            yield tag[len(_SY) :], "is not spelt so: updatePeriod, updateFrequency, updateBase"


_SY_NAMES = frozenset({"updatePeriod", "updateFrequency", "updateBase"})
DOCUMENT = ((29, _misspelt),)
