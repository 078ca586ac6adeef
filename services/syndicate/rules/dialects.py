"""How each format is read for judging: bytes to parts, and which rules its parts obey. Pure."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

from services.syndicate.rules import atom, common, json_feed, news, rss
from services.syndicate.rules.characters import unfit
from services.syndicate.rules.common import DocumentCheck
from services.syndicate.rules.fault import Checks, Expected, Fault, run, short
from services.syndicate.rules.part import Document, Head, Part
from services.syndicate.rules.xml import ATOM, NAR, read_document, read_fragment

_ESCAPED = re.compile(r"\\u(?:00[01][0-9A-Fa-f]|00[89][0-9A-Fa-f]|[fF]{3}[eEfF]|[dD][89A-Fa-f][0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x80-\x9f\ud800-\udfff\ufffe\uffff]")


class Read(NamedTuple):
    """What a reader made of the bytes; `faults` are those of the bytes themselves."""

    parts: tuple[Part, ...]
    faults: list[Fault]
    head: Head | None = None


class Dialect(NamedTuple):
    """One format as it is judged."""

    fragment: Callable[[bytes], Read]
    document: Callable[[bytes], Read]
    entry: Checks[Part]
    gone: Checks[Part]
    head: Checks[Head]
    whole: tuple[tuple[int, DocumentCheck], ...]


def judge_part(dialect: Dialect, part: Part, place: str = "") -> Iterator[Fault]:
    """Put every rule to one entry."""
    yield from run(dialect.gone if part.kind == "gone" else dialect.entry, part, place)
    yield from common.bodies(part, place)


def judge_whole(dialect: Dialect, read: Read, size: int, expected: Expected) -> Iterator[Fault]:
    """Put every rule to a document, its head and each of its entries."""
    if read.head is None:
        return
    yield from run(dialect.head, read.head)
    for part in read.parts:
        yield from judge_part(dialect, part, f"{short(part.id)} ")
    document = Document(read.head, read.parts, size)
    for rule, check in dialect.whole:
        for where, what in check(document, expected):
            yield Fault(rule, where, what)


def _atom_fragment(raw: bytes) -> Read:
    elements, faults = read_fragment(raw, ATOM)
    return Read(tuple(map(atom.entry, elements)), faults + _one(elements, faults))


def _rss_fragment(raw: bytes) -> Read:
    elements, faults = read_fragment(raw, None)
    return Read(tuple(map(rss.entry, elements)), faults + rss.plain_title(raw) + _one(elements, faults))


def _one(elements: list[Any], faults: list[Fault]) -> list[Fault]:
    if faults or len(elements) == 1:
        return []
    return [Fault(1, "", f"{len(elements)} elements where one entry should be")]


def _atom_document(raw: bytes) -> Read:
    root, faults = read_document(raw)
    if root is None:
        return Read((), faults)
    entries = (each for each in root if each.tag in {atom.ENTRY_TAG, atom.GONE_TAG})
    return Read(tuple(map(atom.entry, entries)), faults, atom.head(root))


def _rss_document(raw: bytes) -> Read:
    root, faults = read_document(raw)
    if root is None:
        return Read((), faults)
    for title in re.findall(rb"<item><title>.*?</title>", raw, re.DOTALL):
        faults += rss.plain_title(title)
    return Read(tuple(map(rss.entry, root.iterfind("channel/item"))), faults, rss.head(root))


def decoded(raw: bytes) -> tuple[Any, list[Fault]]:
    """Decode JSON, and judge its bytes: rules 1, 2 and 6."""
    faults = unfit(raw)
    if faults:
        return None, faults
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        cut = "surrogate" in str(error)
        return None, [Fault(6 if cut else 1, "", f"is no JSON: {error}")]
    if b"\\u" in raw and _ESCAPED.search(raw.decode()) is not None:
        faults += (
            Fault(2, where, f"a character that no feed may hold in {short(text)}") for where, text in _unfit(value)
        )
    return value, faults


def _unfit(value: object, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if _FORBIDDEN.search(value):
            yield where, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _unfit(each, str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _unfit(each, where)


def _object(read: Callable[[dict[str, Any]], Part]) -> Callable[[bytes], Read]:
    """Make a reader of fragments that are one JSON object each."""

    def fragment(raw: bytes) -> Read:
        value, faults = decoded(raw)
        if isinstance(value, dict):
            return Read((read(value),), faults)
        return Read((), faults or [Fault(30, "", "an item is an object")])

    return fragment


def _json_document(raw: bytes) -> Read:
    value, faults = decoded(raw)
    if not isinstance(value, dict):
        return Read((), faults or [Fault(30, "", "a feed is an object")])
    items = value.get("items")
    entries = [json_feed.entry(each) for each in items if isinstance(each, dict)] if isinstance(items, list) else []
    return Read(tuple(entries), faults, json_feed.head(value))


def _newsml_fragment(raw: bytes) -> Read:
    elements, faults = read_fragment(raw, NAR)
    return Read(tuple(map(news.newsml, elements)), faults + _one(elements, faults))


def _newsml_document(raw: bytes) -> Read:
    root, faults = read_document(raw)
    if root is None:
        return Read((), faults)
    return Read(tuple(map(news.newsml, root.iter(news.ITEM_TAG))), faults, news.newsml_head(root))


def _ninjs_document(raw: bytes) -> Read:
    value, faults = decoded(raw)
    if not isinstance(value, dict):
        return Read((), faults or [Fault(30, "", "a feed is an object")])
    items = [each for each in value.get("associations", ()) if isinstance(each, dict)]
    return Read(tuple(map(news.ninjs, items)), faults, news.ninjs_head(value))


def _rows(raw: bytes) -> Read:
    parts: list[Part] = []
    faults: list[Fault] = []
    for number, each in enumerate(raw.split(b"\n")[:-1], 1):
        value, found = decoded(each)
        faults += (fault._replace(where=f"line {number}") for fault in found)
        if isinstance(value, dict):
            parts.append(news.row(value))
    if raw and not raw.endswith(b"\n"):
        faults.append(Fault(1, "", "its last line has no end"))
    return Read(tuple(parts), faults, Head(own=None))


_ALL_LISTS = tuple(each for each in common.DOCUMENT if each[0] in {13, 15, 16, 33, 34})
_NEWS_HEAD = tuple(each for each in common.HEAD if each[1] is not common.language_stated)

DIALECTS: dict[str, Dialect] = {
    "atom": Dialect(
        _atom_fragment,
        _atom_document,
        (*common.ENTRY, *atom.ENTRY, (31, common.language_stated)),
        common.GONE + atom.GONE,
        common.HEAD + atom.HEAD,
        (*common.DOCUMENT, *atom.DOCUMENT, (19, common.own_address)),
    ),
    "rss": Dialect(
        _rss_fragment,
        _rss_document,
        common.ENTRY + rss.ENTRY,
        (),
        common.HEAD + rss.HEAD,
        (*common.DOCUMENT, *rss.DOCUMENT, (25, common.own_address)),
    ),
    "json": Dialect(
        _object(json_feed.entry),
        _json_document,
        common.ENTRY + json_feed.ENTRY,
        (),
        common.HEAD + json_feed.HEAD,
        (*common.DOCUMENT, (30, common.own_address)),
    ),
    "ninjs": Dialect(
        _object(news.ninjs),
        _ninjs_document,
        common.ENTRY + news.NINJS,
        common.GONE + news.NINJS,
        common.HEAD,
        (*_ALL_LISTS, (53, common.own_address)),
    ),
    "newsml": Dialect(
        _newsml_fragment,
        _newsml_document,
        (*common.ENTRY, *news.NEWSML, (31, common.language_stated)),
        common.GONE + news.NEWSML,
        _NEWS_HEAD,
        (*_ALL_LISTS, (53, common.own_address)),
    ),
    "ndjson": Dialect(_object(news.row), _rows, common.ENTRY + news.ROWS, common.GONE + news.ROWS, (), _ALL_LISTS),
}
