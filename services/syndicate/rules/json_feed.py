"""Rules of JSON Feed 1.1, over a decoded item or document. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from services.syndicate.rules.fault import Checks, Said, short
from services.syndicate.rules.part import Head, Part
from services.syndicate.rules.values import not_a_type, rfc3339

VERSION = "https://jsonfeed.org/version/1.1"
_ITEM = frozenset(
    [
        "id",
        "url",
        "external_url",
        "title",
        "content_html",
        "content_text",
        "summary",
        "image",
        "banner_image",
        "date_published",
        "date_modified",
        "authors",
        "tags",
        "language",
        "attachments",
    ]
)
_TOP = frozenset(
    [
        "version",
        "title",
        "home_page_url",
        "feed_url",
        "description",
        "user_comment",
        "next_url",
        "icon",
        "favicon",
        "authors",
        "language",
        "expired",
        "hubs",
        "items",
    ]
)
_EXTENSION = "_wireroom"
_GONE = frozenset({"retracted", "withdrawn", "takedown"})


def entry(item: dict[str, Any]) -> Part:
    """Read an item."""
    dates: dict[str, datetime | None] = {}
    bad: list[tuple[str, str]] = []
    for name in ("date_published", "date_modified"):
        if (text := item.get(name)) is not None:
            dates[name] = rfc3339(str(text))
            if dates[name] is None:
                bad.append((name, str(text)))
    html = item.get("content_html")
    lines = [(name, str(text)) for name in ("title", "summary", "content_text") if (text := item.get(name))]
    lines.extend(("author", str(one.get("name", ""))) for one in _objects(item.get("authors")))
    return Part(
        kind="entry",
        own=item,
        id=item["id"] if isinstance(item.get("id"), str) else None,
        urls=_urls(item),
        bodies=(("content_html", html),) if isinstance(html, str) else (),
        lines=tuple(lines),
        lang=item.get("language"),
        published=dates.get("date_published"),
        updated=dates.get("date_modified"),
        bad_dates=tuple(bad),
        body=html if isinstance(html, str) else None,
    )


def _objects(value: object) -> Iterator[dict[str, Any]]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one


def _urls(item: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    names = ("url", "external_url", "image", "banner_image", "home_page_url", "feed_url", "next_url", "icon", "favicon")
    urls = [(name, str(item[name])) for name in names if item.get(name) is not None]
    for name in ("attachments", "hubs", "authors"):
        urls.extend((name, str(one["url"])) for one in _objects(item.get(name)) if "url" in one)
    return tuple(urls)


def _item(part: Part) -> Said:
    """Rule 30, an item."""
    item: dict[str, Any] = part.own
    if not part.id:
        yield "id", "is missing, empty or no string"
    if not isinstance(item.get("content_html"), str) and not isinstance(item.get("content_text"), str):
        yield "content_html", "neither content_html nor content_text"
    if "author" in item:
        yield "author", "was replaced by authors in 1.1"
    for one in _objects(item.get("authors")):
        if not (one.get("name") or one.get("url") or one.get("avatar")):
            yield "authors", "one without name, url and avatar"
    for one in _objects(item.get("attachments")):
        if "url" not in one or not_a_type(str(one.get("mime_type", ""))) is not None:
            yield "attachments", "one without url or mime_type"
        if "size_in_bytes" in one and not isinstance(one["size_in_bytes"], int):
            yield "attachments", "size_in_bytes is no whole number"
    if any(not isinstance(tag, str) for tag in item.get("tags", ())):
        yield "tags", "one that is no string"
    yield from _names(item, _ITEM)


def _names(of: dict[str, Any], known: frozenset[str]) -> Said:
    for name in of:
        if "." in name:
            yield name, "has a dot in its name"
        elif name not in known and name != _EXTENSION:
            yield name, f"is not JSON Feed's: extensions stand under {_EXTENSION}"
    extension = of.get(_EXTENSION)
    if extension is not None and not isinstance(extension, dict):
        yield _EXTENSION, "is no object"
    elif extension:
        for name in extension:
            if "." in name:
                yield f"{_EXTENSION}.{name}", "has a dot in its name"


def is_stub(item: dict[str, Any]) -> bool:
    """Whether it is what a retraction left."""
    extension = item.get(_EXTENSION)
    return isinstance(extension, dict) and extension.get("state") in _GONE


def _stub(part: Part) -> Said:
    """Rule 39."""
    if not is_stub(part.own):
        return
    for name in ("content_html", "summary", "image", "banner_image", "attachments", "tags", "authors"):
        if part.own.get(name):
            yield name, "is still told by the stub of a retracted story"


ENTRY: Checks[Part] = ((30, _item), (39, _stub))
GONE: Checks[Part] = ()


def head(top: dict[str, Any]) -> Head:
    """Read everything but the items."""
    hubs = tuple(str(one.get("url")) for one in _objects(top.get("hubs")))
    lines = [(name, str(text)) for name in ("title", "description") if (text := top.get(name))]
    following = (("next", str(top["next_url"])),) if top.get("next_url") else ()
    return Head(
        own=top,
        urls=_urls(top),
        lines=tuple(lines),
        lang=top.get("language"),
        self_url=top.get("feed_url"),
        hubs=hubs,
        links=following,
    )


def _top(part: Head) -> Said:
    """Rule 30, the feed."""
    top: dict[str, Any] = part.own
    if top.get("version") != VERSION:
        yield "version", f"{short(top.get('version'))} is not {VERSION}"
    if not isinstance(top.get("title"), str) or not top["title"].strip():
        yield "title", "is missing or empty"
    if not isinstance(top.get("items"), list):
        yield "items", "is no list"
    if "author" in top:
        yield "author", "was replaced by authors in 1.1"
    if top.get("next_url") is not None and top["next_url"] == top.get("feed_url"):
        yield "next_url", "leads back to the same document"
    for hub in _objects(top.get("hubs")):
        if not hub.get("type") or not hub.get("url"):
            yield "hubs", "one without type or url"
    yield from _names(top, _TOP)


HEAD: Checks[Head] = ((30, _top),)
