"""Under which keys a filter is filed, and which keys an article brings. Pure.

A filter is filed so that no article it matches comes without one of its keys. A key is a word of the text, a name
("tag:sport"), a language, a beginning ("3*wor"), a span of time or of numbers, or "" which every article brings.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from services.filters.nodes import (
    And,
    Between,
    Everything,
    Node,
    Not,
    OneOf,
    Or,
    Says,
    SpanField,
    Speaks,
    Starts,
    names,
)
from services.filters.subject import Subject

ANY = ""
_MAX_FILED = 64  # places of one filter, before its second key is given up
_STEPS = (1, 2, 3, 5)  # lengths of beginnings that are filed; a longer one goes under the longest that fits
_BITS: dict[SpanField, int] = {"published": 17, "updated": 17, "urgency": 4, "words": 5}
_NAMED = ("section", "tag", "source", "author", "has", "id")
# How likely an article brings a key: guesses, which only decide what is filed under which.
_CHANCE = {"section": 0.05, "tag": 0.003, "source": 0.01, "author": 0.002, "has": 0.4, "id": 1e-5}
_CHANCE_OF_WORD = (1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05, 0.03, 0.02)


class Need(NamedTuple):
    """An article that matches brings one of the keys; `chance`: how many of all articles do."""

    keys: frozenset[str]
    chance: float


class Filing(NamedTuple):
    """Where a filter is filed: an article that it matches brings both keys of some pair.

    `sure`: whatever brings them matches, and this is why; None: the filter must be asked.
    """

    pairs: tuple[tuple[str, str], ...]
    sure: tuple[str, ...] | None


def filed(root: Node) -> Filing:
    """Choose the keys of a filter: those that the fewest articles bring."""
    needs = sorted(_needs(root, negated=False), key=lambda need: need.chance)
    first = needs[0].keys if needs else frozenset({ANY})
    second = frozenset({ANY})
    for need in needs[1:]:
        if need.chance < 0.7 and len(need.keys) * len(first) <= _MAX_FILED:
            second = need.keys
            break
    return Filing(tuple((one, other) for one in first for other in second), _sure(root, 1 if ANY in second else 2))


def _sure(root: Node, keys: int) -> tuple[str, ...] | None:
    """Say why it matches, if the one or two keys of each pair say all that it asks."""
    parts = root.parts if isinstance(root, And) else (root,)
    said = [_said(part) for part in parts]
    return tuple([why for why in said if why is not None]) if len(said) <= keys and None not in said else None


def _said(node: Node) -> str | None:
    """Say what a term says when it matches, if it asks for exactly one key."""
    if isinstance(node, Says):
        exact = node.field == "text" and len(node.sought.words) == 1 and not node.sought.prefix
        return node.label if exact else None
    if isinstance(node, OneOf | Speaks) and len(node.values) == 1:
        return f"{node.field}:{node.values[0]}"
    return None


def brought(subject: Subject, lengths: Iterable[int], *, with_words: bool) -> set[str]:
    """Give every key of an article. `lengths`: of beginnings that some filter is filed under."""
    keys = {ANY}
    named = [f"{kind}:{name}" for kind in _NAMED for name in names(subject, kind)]
    keys.update(named)
    parts = subject.language.split("-")
    keys.update(f"language:{'-'.join(parts[: n + 1])}" for n in range(len(parts)))
    if with_words:
        keys |= subject.text_words
    for length in lengths:
        for name in named:
            kind, _, value = name.partition(":")
            if len(value) >= length:
                keys.add(f"{length}*{kind}:{value[:length]}")
        if with_words:
            start = f"{length}*"
            keys.update({start + word[:length] for word in subject.text_words})
    for field, bits in _BITS.items():
        value = getattr(subject, field)
        if value is not None:
            place = _place(field, value)
            keys.update(f"{field}/{level}/{place >> level}" for level in range(bits + 1))
    return keys


def length_of(key: str) -> int | None:
    """Say how long the beginning is that a key stands for; None: it stands for something whole."""
    return int(key[0]) if key[1:2] == "*" else None


def _needs(node: Node, *, negated: bool) -> list[Need]:
    """List what an article must bring; De Morgan carries a negation to the terms, of which nothing follows."""
    if isinstance(node, Not):
        return _needs(node.part, negated=not negated)
    if isinstance(node, Everything):
        return [Need(frozenset(), 0.0)] if negated else []
    if isinstance(node, And | Or):
        parts = [_needs(part, negated=negated) for part in node.parts]
        if isinstance(node, And) != negated:
            return [need for needs in parts for need in needs]
        if not all(parts):
            return []
        least = [min(needs, key=lambda need: need.chance) for needs in parts]
        return [Need(frozenset[str]().union(*(need.keys for need in least)), sum(need.chance for need in least))]
    return [] if negated else list(_of_term(node))


def _of_term(node: OneOf | Starts | Speaks | Says | Between) -> Iterator[Need]:
    if isinstance(node, OneOf):
        yield Need(frozenset(f"{node.field}:{value}" for value in node.values), _CHANCE[node.field] * len(node.values))
    elif isinstance(node, Speaks):
        yield Need(frozenset(f"language:{value}" for value in node.values), 0.15 * len(node.values))
    elif isinstance(node, Starts):
        start = _start(node.prefix)
        yield Need(frozenset({f"{len(start)}*{node.field}:{start}"}), min(1.0, _CHANCE[node.field] * 30 / len(start)))
    elif isinstance(node, Says):
        yield from _of_words(node)
    else:
        keys = frozenset(_cover(node))
        yield Need(keys, 1.0 if node.low is None or node.high is None else 0.3)


def _of_words(node: Says) -> Iterator[Need]:
    sought, prefix = node.sought
    whole = sought[:-1] if prefix else sought
    if whole:
        for word in sorted(set(whole), key=_chance_of)[:2]:
            yield Need(frozenset({word}), _chance_of(word) / len(sought))
    else:
        start = _start(sought[0])
        yield Need(frozenset({f"{len(start)}*{start}"}), min(1.0, _chance_of(start) * 2))


def _chance_of(word: str) -> float:
    if word > "\u0e00":  # two characters of a script without spaces say as much as a word
        return 0.02 if len(word) > 1 else 0.3
    return _CHANCE_OF_WORD[min(len(word), 8)]


def _start(prefix: str) -> str:
    return prefix[: max(length for length in _STEPS if length <= len(prefix))]


def _place(field: SpanField, value: datetime | int) -> int:
    """Give the month, or the number itself, or how many binary digits it has."""
    if isinstance(value, datetime):
        return value.year * 12 + value.month - 1
    return min(value, 15) if field == "urgency" else min(value.bit_length(), 31)


def _cover(node: Between) -> Iterator[str]:
    """Cut a span into the fewest blocks of 1, 2, 4 … places, as an article brings one block of each size."""
    bits = _BITS[node.field]
    low = 0 if node.low is None else _place(node.field, node.low)
    last = node.high - 1 if isinstance(node.high, int) else node.high  # a month's first instant may be its end
    high = (1 << bits) if last is None else _place(node.field, last) + 1
    level = 0
    while low < high:
        if low & 1:
            yield f"{node.field}/{level}/{low}"
            low += 1
        if high & 1:
            high -= 1
            yield f"{node.field}/{level}/{high}"
        low, high, level = low >> 1, high >> 1, level + 1
