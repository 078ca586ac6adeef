"""Rules of the news formats: ninjs 2, NewsML-G2 and lines of JSON. Their schemas are judged by tests. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from services.syndicate.rules.fault import Checks, Said, short
from services.syndicate.rules.part import Head, Part
from services.syndicate.rules.values import not_a_type, rfc3339
from services.syndicate.rules.xml import ATOM, LANG, NAR

_N = f"{{{NAR}}}"
_A = f"{{{ATOM}}}"
ITEM_TAG = f"{_N}newsItem"
_STATUS = frozenset({"usable", "canceled", "withheld"})
_TEXTS = frozenset({"title", "name", "headline", "by", "description", "edNote", "copyrightNotice"})


def _dates(of: dict[str, Any], names: tuple[str, ...]) -> tuple[list[datetime | None], tuple[tuple[str, str], ...]]:
    read = {name: (str(of[name]), rfc3339(str(of[name]))) for name in names if of.get(name) is not None}
    bad = tuple((name, text) for name, (text, at) in read.items() if at is None)
    return [read[name][1] if name in read else None for name in names], bad


def _objects(value: object) -> Iterator[dict[str, Any]]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one


def ninjs(item: dict[str, Any]) -> Part:
    """Read an item of ninjs."""
    (first, last), bad = _dates(item, ("firstcreated", "versioncreated"))
    bodies = [("bodies", str(one.get("value"))) for one in _objects(item.get("bodies"))]
    lines = [
        (name, str(one.get("value"))) for name in ("headlines", "descriptions") for one in _objects(item.get(name))
    ]
    lines.extend((name, str(item[name])) for name in ("by", "ednote", "copyrightnotice") if item.get(name))
    return Part(
        kind="entry" if item.get("pubstatus") == "usable" else "gone",
        own=item,
        id=item["uri"] if isinstance(item.get("uri"), str) else None,
        urls=tuple(_ninjs_urls(item)),
        bodies=tuple(bodies),
        lines=tuple(lines),
        lang=item.get("language"),
        published=first,
        updated=last,
        bad_dates=bad,
        body=bodies[0][1] if bodies else None,
    )


def _ninjs_urls(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for one in _objects(item.get("renditions")):
        yield "renditions", str(one.get("href", ""))
    for name in ("people", "subjects", "infosources"):
        yield from ((name, str(one["uri"])) for one in _objects(item.get(name)) if "uri" in one)
    for one in _objects(item.get("associations")):
        yield "associations", str(one.get("uri", ""))
        yield from _ninjs_urls(one)


def _ninjs_item(part: Part) -> Said:
    """Rule 12: `uri` is the id; and what a receiver decides by."""
    item: dict[str, Any] = part.own
    if not part.id:
        yield "uri", "is missing, empty or no string"
    if item.get("pubstatus") not in _STATUS:
        yield "pubstatus", f"{short(item.get('pubstatus'))} is none of {', '.join(sorted(_STATUS))}"
    if not str(item.get("version", "")).isdigit():
        yield "version", "is no number: receivers replace the lower by the higher"


def _ninjs_media(part: Part) -> Said:
    """Rule 21: what is fetched says what it is, if it says anything."""
    for one in _objects(part.own.get("associations")):
        for rendition in _objects(one.get("renditions")):
            kind = rendition.get("contenttype")
            if kind is not None and not_a_type(str(kind)) is not None:
                yield "renditions", f"{short(kind)} is no media type"


def _silent(part: Part) -> Said:
    """Rule 39: what was taken back tells its id, its state and why."""
    if part.kind == "gone":
        for name in ("bodies", "descriptions", "associations", "people", "renditions", "subjects"):
            if part.own.get(name):
                yield name, "is still told of a story that was taken back"


NINJS: Checks[Part] = ((12, _ninjs_item), (21, _ninjs_media), (39, _silent))


def ninjs_head(top: dict[str, Any]) -> Head:
    """Read the composite that lists items."""
    (at,), bad = _dates(top, ("versioncreated",))
    hrefs = {str(one.get("name")): str(one.get("href")) for one in _objects(top.get("renditions"))}
    return Head(
        own=top,
        urls=tuple(hrefs.items()),
        lines=(("title", str(top.get("title", ""))),),
        lang=top.get("language"),
        self_url=hrefs.get("self"),
        updated=at,
        bad_dates=bad,
    )


def newsml(element: Any) -> Part:
    """Read a `newsItem`."""
    bad: list[tuple[str, str]] = []
    dates: dict[str, datetime | None] = {}
    urls: list[tuple[str, str]] = []
    lines: list[tuple[str, str]] = []
    bodies: list[tuple[str, str]] = []
    for one in element.iter(f"{_N}*"):
        name = one.tag[len(_N) :]
        if name in _TEXTS and one.text:
            lines.append((name, one.text))
        elif name == "inlineData" and one.text:
            bodies.append((name, one.text))
        elif name in {"versionCreated", "firstCreated"}:
            dates[name] = rfc3339(one.text or "")
            if dates[name] is None:
                bad.append((name, one.text or ""))
        elif name == "altRep":
            urls.append((name, one.text or ""))
        urls.extend((f"{name} {key}", value) for key in ("href", "uri") if (value := one.get(key)) is not None)
    status = element.find(f"{_N}itemMeta/{_N}pubStatus")
    said = "" if status is None else status.get("qcode", "").removeprefix("stat:")
    return Part(
        kind="entry" if said == "usable" else "gone",
        own=element,
        id=element.get("guid"),
        urls=tuple(urls),
        bodies=tuple(bodies),
        lines=tuple(lines),
        lang=element.get(LANG),
        published=dates.get("firstCreated"),
        updated=dates.get("versionCreated"),
        bad_dates=tuple(bad),
        body=bodies[0][1] if bodies else None,
    )


def _newsml_item(part: Part) -> Said:
    """Rule 12: `guid` is the id."""
    if not part.id:
        yield "guid", "is missing or empty"
    if not (part.own.get("version") or "").isdigit():
        yield "version", "is no number: receivers replace the lower by the higher"
    status = part.own.find(f"{_N}itemMeta/{_N}pubStatus")
    if status is None or status.get("qcode", "").removeprefix("stat:") not in _STATUS:
        yield "pubStatus", f"is none of {', '.join(sorted(_STATUS))}"


def _newsml_silent(part: Part) -> Said:
    """Rule 39."""
    if part.kind == "gone":
        for name in (
            "contentSet",
            "contentMeta/description",
            "contentMeta/creator",
            "contentMeta/icon",
            "itemMeta/link",
        ):
            if part.own.find("/".join(f"{_N}{step}" for step in name.split("/"))) is not None:
                yield name, "is still told of a story that was taken back"


NEWSML: Checks[Part] = ((12, _newsml_item), (39, _newsml_silent))


def newsml_head(root: Any) -> Head:
    """Read the message's header."""
    sent = root.findtext(f"{_N}header/{_N}sent") or ""
    at = rfc3339(sent)
    links = {one.get("rel"): one.get("href") for one in root.iterfind(f"{_N}header/{_A}link")}
    return Head(
        own=root,
        urls=tuple(links.items()),
        lines=(("channel", root.findtext(f"{_N}header/{_N}channel") or ""),),
        self_url=links.get("self"),
        updated=at,
        bad_dates=() if at is not None else (("sent", sent),),
    )


def row(item: dict[str, Any]) -> Part:
    """Read a line: the fields of an article as `POST /v1/articles` takes it, or of one taken back."""
    gone = "state" in item
    (first, last, when), bad = _dates(item, ("published_at", "updated_at", "gone_at"))
    html = item.get("content_html")
    lines = [(name, str(item[name])) for name in ("title", "summary", "reason", "correction_note") if item.get(name)]
    urls = [("url", str(item["url"]))] if item.get("url") else []
    for name in ("images", "enclosures", "authors"):
        urls.extend((name, str(one["url"])) for one in _objects(item.get(name)) if "url" in one)
    return Part(
        kind="gone" if gone else "entry",
        own=item,
        id=item["id"] if isinstance(item.get("id"), str) else None,
        urls=tuple(urls),
        bodies=(("content_html", html),) if isinstance(html, str) else (),
        lines=tuple(lines),
        lang=item.get("language"),
        published=first,
        updated=when if gone else last,
        bad_dates=bad,
    )


def _row(part: Part) -> Said:
    """Rule 12."""
    if not part.id:
        yield "id", "is missing, empty or no string"
    if not isinstance(part.own.get("revision"), int):
        yield "revision", "is no number"


def _row_silent(part: Part) -> Said:
    """Rule 39."""
    if part.kind == "gone":
        for name in ("content_html", "content_text", "summary", "authors", "images", "enclosures", "tags", "sections"):
            if part.own.get(name):
                yield name, "is still told of a story that was taken back"


ROWS: Checks[Part] = ((12, _row), (39, _row_silent))
