"""Which words an article must hold for a filter to match it: what a full text index can be asked. Pure.

Never too little: an article that matches holds them. Often too much (order, exclusions, everything that is no
word), so the filter itself is asked of what was found.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from services.filters.indexed import LONGEST
from services.filters.nodes import And, Node, Or, Says


class Word(NamedTuple):
    """A word of the text. `prefix`: only its beginning is given."""

    text: str
    prefix: bool = False


class Every(NamedTuple):
    """All of these."""

    parts: "tuple[Sought, ...]"


class Some(NamedTuple):
    """At least one of these."""

    parts: "tuple[Sought, ...]"


Sought: TypeAlias = Word | Every | Some


def sought(node: Node) -> Sought | None:
    """Find what must be there. None: no word must, and an index of words is of no help.

    Of exclusions nothing follows.
    """
    if isinstance(node, Says):
        known = [Word(word[:LONGEST]) for word in node.sought.words]
        known[-1] = known[-1]._replace(prefix=node.sought.prefix)
        return _every(known)
    if isinstance(node, And):
        return _every([found for part in node.parts if (found := sought(part)) is not None])
    if isinstance(node, Or):
        parts = [sought(part) for part in node.parts]
        known = list(dict.fromkeys(part for part in parts if part is not None))
        if None in parts:
            return None
        return Some(tuple(known)) if len(known) > 1 else known[0]
    return None


def _every(parts: Iterable[Sought]) -> Sought | None:
    known = list(dict.fromkeys(parts))
    return Every(tuple(known)) if len(known) > 1 else known[0] if known else None
