"""The fields of the language: from a name and a value to a term, or what to write instead. Pure."""

import re
from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol, TypeVar

from schemas.feed import slug
from services.filters.dates import FIRST, LAST, span_of
from services.filters.nodes import Between, NameField, Node, OneOf, Says, SpanField, Speaks, Starts, TextField
from services.text.words import phrase

HAS = ("image", "audio", "video", "enclosure", "correction")
T = TypeVar("T", int, datetime)
_ALIASES = {"lang": "language"}
_MEANT = {
    "body": "text",
    "content": "text",
    "summary": "text",
    "headline": "title",
    "category": "section",
    "keyword": "tag",
    "byline": "author",
    "by": "author",
    "from": "source",
    "date": "published",
    "type": "has",
    "length": "words",
}
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*", re.ASCII)
_COMPARED = re.compile(r"(>=|<=|>|<|=)?\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class Maker(Protocol):
    """Makes a term of a value; `prefix` says that it stood before a `*`."""

    def __call__(self, value: str, *, prefix: bool) -> Node:
        """Raise ValueError for a value that the field cannot have."""
        ...


def field_named(name: str) -> str:
    """Give a field's own name. Raises ValueError that names the nearest one."""
    plain = name.lower()
    plain = _ALIASES.get(plain, plain)
    if plain in FIELDS:
        return plain
    near = _MEANT.get(plain) or next(iter(get_close_matches(plain[:20], (*FIELDS, *_ALIASES), 1)), None)
    meant = f'did you mean "{near}:"?' if near else f"the fields are {', '.join(FIELDS)}."
    raise ValueError(f'there is no field "{name[:40]}"; {meant} To search for it as text, put it in quotes')


def term(field: str, value: str, *, prefix: bool = False) -> Node:
    """Make a term; `field` comes from `field_named`. Raises ValueError that says what to write instead."""
    return FIELDS[field](value, prefix=prefix)


def _name(field: NameField) -> Maker:
    def make(value: str, *, prefix: bool) -> Node:
        short = slug(value)
        if not short:
            raise ValueError(f'"{value[:40]}" has no letter or digit to compare by')
        return Starts(field, short) if prefix else OneOf(field, (short,))

    return make


def _text(field: TextField) -> Maker:
    def make(value: str, *, prefix: bool) -> Node:
        shown = " ".join(value.split())
        if not phrase(shown, prefix=prefix).words:
            raise ValueError(f'"{value[:40]}" has no letter or digit to search for')
        return Says(field, shown, prefix)

    return make


def _id(value: str, *, prefix: bool) -> Node:
    if not value:
        raise ValueError("an id is missing")
    return Starts("id", value) if prefix else OneOf("id", (value,))


def _language(value: str, *, prefix: bool) -> Node:
    if prefix and _LANGUAGE.fullmatch(value.strip("-")) is not None:
        raise ValueError(f"a language takes in its regions by itself; write language:{value.strip('-')}")
    if value == "*" or _LANGUAGE.fullmatch(value) is None:
        raise ValueError(
            f'"{value[:40]}" is no language tag; write one like fr or pt-BR, several as language:(fr OR en)'
        )
    return Speaks((value.replace("_", "-").lower(),))


def _has(value: str, *, prefix: bool) -> Node:
    plain = value.lower()
    if plain in HAS and not prefix:
        return OneOf("has", (plain,))
    near = get_close_matches(plain[:20], HAS, 1)
    meant = f'did you mean "{near[0]}"? ' if near else ""
    raise ValueError(f'"has" does not know "{value[:40]}"; {meant}It knows {", ".join(HAS)}')


def _when(field: SpanField) -> Maker:
    def make(value: str, *, prefix: bool) -> Node:
        if prefix:
            raise ValueError(f'a time has no "*"; write {field}:2026-01 for a month, {field}:2026 for a year')
        return _between(field, value, span_of, FIRST, LAST)

    return make


def _number(field: SpanField, least: int, most: int) -> Maker:
    def read(text: str) -> tuple[int, int]:
        if _NUMBER.fullmatch(text) is None or not least <= int(text) <= most:
            raise ValueError(
                f'"{text[:40]}" is no whole number from {least} to {most:,}; write {field}:{least} or {field}:<=3'
            )
        return int(text), int(text) + 1

    def make(value: str, *, prefix: bool) -> Node:
        if prefix:
            raise ValueError(f'a number has no "*"; write a range, like {field}:1..3')
        return _between(field, value, read, least, most + 1)

    return make


def _between(field: SpanField, value: str, read: Callable[[str], tuple[T, T]], least: T, most: T) -> Node:
    """Read `>x`, `>=x`, `<x`, `<=x`, `x`, `a..b`, `a..` or `..b`; x and the ends of a span count as wholes."""
    if ".." in value:
        first, _, last = (part.strip() for part in value.partition(".."))
        low = read(first)[0] if first else None
        high = read(last)[1] if last else None
        if low is None and high is None:
            raise ValueError(f"a range needs an end at least; write {field}:a..b, {field}:a.. or {field}:..b")
        if low is not None and high is not None and low >= high:
            raise ValueError(f"the range ends before it begins; write {last}..{first}")
        return Between(field, f"{first}..{last}".upper(), low, high)
    found = _COMPARED.fullmatch(value)
    assert found is not None, "it matches everything"
    sign, stated = found[1] or "", found[2].strip()
    if not stated:
        raise ValueError(f"a value is missing after {field}:{sign}")
    start, end = read(stated)
    low, high = {">": (end, None), ">=": (start, None), "<": (None, start), "<=": (None, end)}.get(sign, (start, end))
    if low == most or high == least:
        raise ValueError(f"nothing can be {sign} {stated}")
    return Between(field, f"{'' if sign == '=' else sign}{stated}".upper(), low, high)


FIELDS: dict[str, Maker] = {
    "section": _name("section"),
    "tag": _name("tag"),
    "language": _language,
    "source": _name("source"),
    "author": _name("author"),
    "title": _text("title"),
    "text": _text("text"),
    "published": _when("published"),
    "updated": _when("updated"),
    "urgency": _number("urgency", 1, 9),
    "words": _number("words", 0, 10_000_000),
    "has": _has,
    "id": _id,
}
RANGED = frozenset({"published", "updated", "urgency", "words"})
SINGLE = frozenset({"language", "source", "urgency", "id", "published", "updated", "words"})
"""An article has at most one of these."""
