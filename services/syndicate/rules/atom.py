"""Rules of Atom: RFC 4287, with RFC 5005 (history) and RFC 6721 (deleted entries). Pure."""

from datetime import datetime
from typing import Any

from services.syndicate.rules.fault import Checks, Expected, Said, short
from services.syndicate.rules.part import Document, Head, Part
from services.syndicate.rules.rels import RELATIONS
from services.syndicate.rules.values import not_a_type, rfc3339, wrong_address
from services.syndicate.rules.xml import ATOM, LANG, NAMESPACES, Node, node

_A = f"{{{ATOM}}}"
_MEDIA = f"{{{NAMESPACES['media']}}}"
_FH = f"{{{NAMESPACES['fh']}}}"
_GONE = f"{{{NAMESPACES['at']}}}deleted-entry"
ENTRY_TAG, GONE_TAG = f"{_A}entry", _GONE
_FEED = frozenset(
    {"author", "category", "contributor", "generator", "icon", "id", "link", "logo", "rights", "subtitle", "title"}
    | {"updated", "entry"}
)
_HISTORY = frozenset({"first", "last", "next", "previous", "prev", "prev-archive", "next-archive", "current"})


def entry(element: Any) -> Part:
    """Read an `atom:entry` or an `at:deleted-entry`."""
    if element.tag == _GONE:
        return _tombstone(element)
    own = node(element)
    dates: dict[str, datetime | None] = {}
    bad: list[tuple[str, str]] = []
    for name in ("published", "updated"):
        text = own.text(f"{_A}{name}")
        dates[name] = None if text is None else rfc3339(text)
        if text is not None and dates[name] is None:
            bad.append((name, text))
    bodies, lines = _texts(own)
    return Part(
        kind="entry",
        own=own,
        id=own.text(f"{_A}id"),
        urls=_urls(own),
        bodies=bodies,
        lines=lines,
        lang=element.get(LANG),
        published=dates["published"],
        updated=dates["updated"],
        bad_dates=tuple(bad),
        body=next((text for where, text in bodies if where == "content"), None),
    )


def _tombstone(element: Any) -> Part:
    own = node(element)
    when = element.get("when") or ""
    at = rfc3339(when)
    said = own.all(f"{{{NAMESPACES['at']}}}comment")
    return Part(
        kind="gone",
        own=own,
        id=element.get("ref"),
        lines=tuple(("comment", one.text) for one in said if one.text),
        lang=next((tag for one in said if (tag := one.get(LANG))), None),
        updated=at,
        bad_dates=() if at is not None else (("when", when),),
    )


def _texts(own: Node) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    bodies: list[tuple[str, str]] = []
    lines: list[tuple[str, str]] = []
    for name in ("title", "summary", "content", "rights", "subtitle"):
        for one in own.all(f"{_A}{name}"):
            if one.text:
                (bodies if one.get("type") == "html" else lines).append((name, one.text))
    for person in own.all(f"{_A}author"):
        lines.extend(("author", name.text) for name in person.findall(f"{_A}name") if name.text)
    lines.extend(("category", label) for one in own.all(f"{_A}category") if (label := one.get("label")))
    return tuple(bodies), tuple(lines)


def _urls(own: Node) -> tuple[tuple[str, str], ...]:
    urls = [(f"link {link.get('rel', 'alternate')}", link.get("href", "")) for link in own.all(f"{_A}link")]
    for one in own.all(f"{_MEDIA}content"):
        urls.append(("media:content", one.get("url", "")))
        urls.extend((kid.tag.rpartition("}")[2], url) for kid in one if (url := kid.get("url")) is not None)
    for person in own.all(f"{_A}author"):
        urls.extend(("author uri", uri.text or "") for uri in person.findall(f"{_A}uri"))
    urls.extend((name, text) for name in ("icon", "logo") if (text := own.text(f"{_A}{name}")) is not None)
    if (content := own.all(f"{_A}content")) and (source := content[0].get("src")) is not None:
        urls.append(("content src", source))
    return tuple(urls)


def _types(part: Part) -> Said:
    """Rule 4, RFC 4287 §3.1.1, §4.1.3."""
    own: Node = part.own
    for title in own.all(f"{_A}title"):
        if title.get("type", "text") != "text":
            yield "title", f'type {short(title.get("type"))}: titles are type="text"'
    for name in ("summary", "rights"):
        for one in own.all(f"{_A}{name}"):
            if one.get("type", "text") not in {"text", "html"}:
                yield name, f"type {short(one.get('type'))} is no text"
    for content in own.all(f"{_A}content"):
        kind = content.get("type", "text")
        if kind != "html" and content.get("src") is None and (kind != "text" or "</" in (content.text or "")):
            yield "content", f'type {short(kind)}: HTML is type="html"'
    for one in (*own.all(f"{_A}title"), *own.all(f"{_A}summary"), *own.all(f"{_A}content")):
        if len(one):
            yield one.tag.rpartition("}")[2], "holds elements: HTML is escaped"


def _byline(part: Part) -> Said:
    """Rule 18."""
    people = part.own.all(f"{_A}author")
    if not people:
        yield "author", "is missing: readers show no byline of the feed's"
    for person in people:
        if not (person.findtext(f"{_A}name") or "").strip():
            yield "author", "has no name"


def _links(part: Part) -> Said:
    """Rule 19, RFC 4287 §4.1.2; 4.2.7."""
    yield from _alternates(part.own)


def _alternates(own: Node) -> Said:
    seen: set[tuple[str, str]] = set()
    for link in own.all(f"{_A}link"):
        if not link.get("href"):
            yield "link", "has no href"
        if link.get("rel", "alternate") != "alternate":
            continue
        kind, lang = link.get("type", ""), link.get("hreflang", "")
        if kind not in {"text/html", ""}:
            yield "link alternate", f"is {short(kind)}, not a page"
        if (kind, lang) in seen:
            yield "link alternate", f"stands twice with type {short(kind)} and hreflang {short(lang)}"
        seen.add((kind, lang))


def _complete(part: Part) -> Said:
    """Rule 20, RFC 4287 §4.1.2."""
    own: Node = part.own
    for name in ("id", "title", "updated"):
        found = own.all(f"{_A}{name}")
        if len(found) != 1 or not (found[0].text or "").strip():
            yield name, "is missing or empty" if len(found) < 2 else f"stands {len(found)} times"
    content = own.all(f"{_A}content")
    if len(content) > 1:
        yield "content", f"stands {len(content)} times"
    if not content and not any(link.get("rel", "alternate") == "alternate" for link in own.all(f"{_A}link")):
        yield "link", "neither an alternate link nor content"
    if content and not own.all(f"{_A}summary"):
        kind = content[0].get("type", "text")
        if content[0].get("src") is not None or (
            "/" in kind and not kind.startswith("text/") and not kind.endswith("xml")
        ):
            yield "summary", "is missing beside remote or binary content"


def _enclosures(part: Part) -> Said:
    """Rule 21, RFC 4287 §4.2.7."""
    for link in part.own.all(f"{_A}link"):
        if link.get("rel") == "enclosure":
            if not_a_type(link.get("type", "")) is not None:
                yield "link enclosure", "has no type"
            if not link.get("length", "").isdigit():
                yield "link enclosure", "has no length"


def _relations(part: Part | Head) -> Said:
    """Rule 22, RFC 4287 §4.2.7.2."""
    for link in part.own.all(f"{_A}link"):
        relation = link.get("rel", "alternate")
        if relation not in RELATIONS and wrong_address(relation) is not None:
            yield "link", f"relation {short(relation)} is not registered"


def _categories(part: Part) -> Said:
    """Rule 23, RFC 4287 §4.2.2."""
    for one in part.own.all(f"{_A}category"):
        if not one.get("term") or not one.get("label"):
            yield "category", "has no term or no label"
        if ":" not in one.get("scheme", ""):
            yield "category", f"{short(one.get('term'))} has no scheme"


def _source(part: Part) -> Said:
    """Rule 24, RFC 4287 §4.2.11."""
    for source in part.own.all(f"{_A}source"):
        for name in ("id", "title", "updated"):
            if not source.findtext(f"{_A}{name}"):
                yield "source", f"has no {name}"


def _gone(part: Part) -> Said:
    """Rule 38, RFC 6721 §3."""
    if not part.id:
        yield "at:deleted-entry", "has no ref"
    if part.own.all(f"{_A}title") or part.own.all(f"{_A}content"):
        yield "at:deleted-entry", "still shows the entry"


ENTRY: Checks[Part] = (
    (4, _types),
    (18, _byline),
    (19, _links),
    (20, _complete),
    (21, _enclosures),
    (22, _relations),
    (23, _categories),
    (24, _source),
)
GONE: Checks[Part] = ((38, _gone),)


def head(root: Any) -> Head:
    """Read what stands above the entries."""
    own = node(root)
    updated = own.text(f"{_A}updated")
    at = None if updated is None else rfc3339(updated)
    links = own.all(f"{_A}link")
    _, lines = _texts(own)
    return Head(
        own=own,
        urls=_urls(own),
        lines=lines,
        lang=root.get(LANG),
        self_url=next((link.get("href") for link in links if link.get("rel") == "self"), None),
        hubs=tuple(link.get("href", "") for link in links if link.get("rel") == "hub"),
        updated=at,
        bad_dates=() if updated is None or at is not None else (("updated", updated),),
        archive=bool(own.all(f"{_FH}archive")),
        complete=bool(own.all(f"{_FH}complete")),
        links=tuple((link.get("rel"), link.get("href", "")) for link in links if link.get("rel") in _HISTORY),
    )


def _one_each(part: Head) -> Said:
    """Rule 18, RFC 4287 §4.1.1."""
    own: Node = part.own
    if own.element.tag != f"{_A}feed":
        yield own.element.tag, "is no atom:feed"
    for name in ("id", "title", "updated"):
        found = own.all(f"{_A}{name}")
        if len(found) != 1 or not (found[0].text or "").strip():
            yield name, "is missing or empty" if len(found) < 2 else f"stands {len(found)} times"
    if not any((person.findtext(f"{_A}name") or "").strip() for person in own.all(f"{_A}author")):
        yield "author", "is missing"
    for tag in own.kids:
        if tag.startswith(_A) and tag[len(_A) :] not in _FEED:
            yield tag[len(_A) :], "is no element of a feed (RFC 4287 appendix B)"


def _plain_title(part: Head) -> Said:
    """Rule 4."""
    for title in part.own.all(f"{_A}title"):
        if title.get("type", "text") != "text":
            yield "title", f'type {short(title.get("type"))}: titles are type="text"'


def _self_and_page(part: Head) -> Said:
    """Rule 19."""
    selves = [link for link in part.own.all(f"{_A}link") if link.get("rel") == "self"]
    if len(selves) != 1:
        yield "link self", f"stands {len(selves)} times"
    if not any(link.get("rel", "alternate") == "alternate" for link in part.own.all(f"{_A}link")):
        yield "link alternate", "is missing: the page for people"
    yield from _alternates(part.own)


HEAD: Checks[Head] = ((4, _plain_title), (18, _one_each), (19, _self_and_page), (22, _relations))


def _gone_once(document: Document, _expected: Expected) -> Said:
    """Rule 38: (ref, when) once; an entry beside its tombstone is newer than it."""
    gone: dict[str, datetime] = {}
    seen: set[tuple[str | None, datetime | None]] = set()
    for part in document.parts:
        if part.kind != "gone":
            continue
        if (part.id, part.updated) in seen:
            yield short(part.id), "the same tombstone stands twice"
        seen.add((part.id, part.updated))
        if part.id is not None and part.updated is not None:
            gone[part.id] = max(part.updated, gone.get(part.id, part.updated))
    for part in document.parts:
        when = gone.get(part.id or "")
        if part.kind == "entry" and when is not None and part.updated is not None and part.updated <= when:
            yield short(part.id), "is shown beside a tombstone that is not older"


DOCUMENT = ((38, _gone_once),)
