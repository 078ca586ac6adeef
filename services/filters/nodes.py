"""What a filter is made of: terms that ask one thing, joined by and, or, not. Frozen, compared by value.

Every node answers `test`: the terms that matched, None if it does not match. `str` writes it as a line that reads
back as the same node.
"""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Literal, TypeAlias

from services.filters.subject import GAP, Subject
from services.text.words import Phrase, phrase

Why: TypeAlias = "tuple[str, ...] | None"
NameField = Literal["section", "tag", "source", "author", "has", "id"]
SpanField = Literal["published", "updated", "urgency", "words"]
TextField = Literal["text", "title"]
_BARE = re.compile(r"(?!(?:AND|OR|NOT)\Z)[^\W_][^\s()\"“”„＂（）:：*,\\]*")
_BARE_ID = re.compile(r"\w[\w.:/@+=~-]*")


def quoted(text: str, bare: re.Pattern[str] = _BARE) -> str:
    """Write a value so that it reads back as it is, in quotes where it needs them."""
    if bare.fullmatch(text) is not None:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches all."""

    def test(self, _subject: Subject) -> Why:
        """Name nothing: there is nothing to name."""
        return ()

    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the article's names is among these. They are slugs, ids, or words of `has`."""

    field: NameField
    values: tuple[str, ...]
    labels: dict[str, str] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", {value: intern(f"{self.field}:{value}") for value in self.values})

    def test(self, subject: Subject) -> Why:
        """Name those that it has, in its order."""
        labels = self.labels
        there: tuple[str, ...] = (subject.id,) if self.field == "id" else getattr(subject, self.field)
        if labels.keys().isdisjoint(there):
            return None
        return (labels[there[0]],) if len(there) == 1 else tuple([labels[name] for name in there if name in labels])

    def __str__(self) -> str:
        return _group(self.field, [_name(self.field, value) for value in self.values])


@dataclass(frozen=True, slots=True)
class Starts:
    """One of the article's names begins so."""

    field: NameField
    prefix: str

    def test(self, subject: Subject) -> Why:
        """Name those that begin so, whole."""
        prefix = self.prefix
        return tuple([f"{self.field}:{name}" for name in names(subject, self.field) if name.startswith(prefix)]) or None

    def __str__(self) -> str:
        return f"{self.field}:{_name(self.field, self.prefix)}*"


@dataclass(frozen=True, slots=True)
class Speaks:
    """The article's language is one of these or narrower: `pt` wants `pt-BR`, not the reverse (RFC 4647 §3.3.1)."""

    values: tuple[str, ...]
    field: Literal["language"] = dataclasses.field(init=False, default="language", repr=False)

    def test(self, subject: Subject) -> Why:
        """Name the wanted languages that take in the article's."""
        spoken = f"{subject.language}-"
        return tuple([f"language:{value}" for value in self.values if spoken.startswith(f"{value}-")]) or None

    def __str__(self) -> str:
        return _group("language", [quoted(value) for value in self.values])


@dataclass(frozen=True, slots=True)
class Says:
    """These words stand in the text, one after another. `prefix`: the last is a beginning."""

    field: TextField
    text: str
    prefix: bool = False
    sought: Phrase = dataclasses.field(init=False, repr=False, compare=False)
    label: str = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sought", phrase(self.text, prefix=self.prefix))
        line = quoted(self.text) + ("*" if self.prefix else "")
        object.__setattr__(self, "label", line if self.field == "text" else f"{self.field}:{line}")

    def test(self, subject: Subject) -> Why:
        """Name the words as they were typed."""
        sought, prefix = self.sought
        if len(sought) == 1 and not prefix:
            there = sought[0] in (subject.text_words if self.field == "text" else subject.title_words)
        else:
            line = subject.text_line if self.field == "text" else subject.title_line
            there = f"{GAP}{GAP.join(sought)}{'' if prefix else GAP}" in line
        return (self.label,) if there else None

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True)
class Between:
    """A time or number from `low`, up to and without `high`; None leaves that end open. `shown` is how it was written."""

    field: SpanField
    shown: str
    low: datetime | int | None = dataclasses.field(compare=False)
    high: datetime | int | None = dataclasses.field(compare=False)

    def test(self, subject: Subject) -> Why:
        """Name the span as it was typed."""
        value = getattr(subject, self.field)
        if (
            value is None
            or (self.low is not None and value < self.low)
            or (self.high is not None and value >= self.high)
        ):
            return None
        return (str(self),)

    def __str__(self) -> str:
        return f"{self.field}:{self.shown}"


@dataclass(frozen=True, slots=True)
class Not:
    """What the part does not match."""

    part: "Node"

    def test(self, subject: Subject) -> Why:
        """Name nothing: what is absent needs no name."""
        return () if self.part.test(subject) is None else None

    def __str__(self) -> str:
        return f"-({self.part})" if isinstance(self.part, And | Or) else f"-{self.part}"


@dataclass(frozen=True, slots=True)
class And:
    """Every part matches."""

    parts: tuple["Node", ...]

    def test(self, subject: Subject) -> Why:
        """Name what each part names."""
        why: tuple[str, ...] = ()
        for part in self.parts:
            found = part.test(subject)
            if found is None:
                return None
            why += found
        return why

    def __str__(self) -> str:
        return " ".join([f"({part})" if isinstance(part, Or) else str(part) for part in self.parts])


@dataclass(frozen=True, slots=True)
class Or:
    """Some part matches; all that do are named."""

    parts: tuple["Node", ...]

    def test(self, subject: Subject) -> Why:
        """Name what the parts name that match."""
        found = [why for part in self.parts if (why := part.test(subject)) is not None]
        return tuple([term for why in found for term in why]) if found else None

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))


Term: TypeAlias = OneOf | Starts | Speaks | Says | Between
Node: TypeAlias = Everything | Term | Not | And | Or


def names(subject: Subject, kind: NameField) -> tuple[str, ...]:
    """Give the article's names of a kind."""
    return (subject.id,) if kind == "id" else getattr(subject, kind)


def negate(part: Node) -> Node:
    """Say the opposite; twice is nothing."""
    return part.part if isinstance(part, Not) else Not(part)


def every(parts: Iterable[Node]) -> Node:
    """Join by and: flat, each part once. Nothing to ask matches all."""
    flat = dict.fromkeys(
        one
        for part in parts
        for one in (part.parts if isinstance(part, And) else (part,))
        if not isinstance(one, Everything)
    )
    if not flat:
        return Everything()
    return And(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def some(parts: Iterable[Node]) -> Node:
    """Join by or: flat, each part once, names of one kind and languages gathered in one term."""
    gathered: dict[object, Node] = {}
    for part in parts:
        for one in part.parts if isinstance(part, Or) else (part,):
            if isinstance(one, Everything):
                return one
            key: object = (type(one), one.field) if isinstance(one, OneOf | Speaks) else one
            before = gathered.get(key)
            gathered[key] = one if before is None else _together(before, one)
    return Or(tuple(gathered.values())) if len(gathered) > 1 else next(iter(gathered.values()), Not(Everything()))


def _together(before: Node, one: Node) -> Node:
    if isinstance(before, OneOf) and isinstance(one, OneOf):
        return OneOf(before.field, tuple(dict.fromkeys((*before.values, *one.values))))
    if isinstance(before, Speaks) and isinstance(one, Speaks):
        return Speaks(tuple(dict.fromkeys((*before.values, *one.values))))
    return before


def _name(kind: NameField, value: str) -> str:
    return quoted(value, _BARE_ID) if kind == "id" else quoted(value)


def _group(name: str, values: list[str]) -> str:
    return f"{name}:{values[0]}" if len(values) == 1 else f"{name}:({' OR '.join(values)})"
