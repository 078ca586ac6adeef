"""A filter that is ready to be asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from services.filters.as_json import read_json, write_json
from services.filters.errors import FilterError
from services.filters.nodes import And, Everything, Node, Not, Or, Says, Why
from services.filters.parser import MAX_DEPTH, MAX_LENGTH, read
from services.filters.subject import Subject

ALL = ("all",)
"""Why a filter that asks nothing matched."""

_MAX_SAID = 8  # exclusions that are named where nothing else matched


@dataclass(frozen=True)
class Query:
    """A filter. Two that ask the same in the same order are equal; `str` is its canonical line, empty for all."""

    root: Node

    def test(self, subject: Subject) -> Why:
        """Say why an article matches: the terms that did. None: it does not.

        Terms of an or are all named; of exclusions nothing is said, unless there is nothing else.
        """
        why = self.root.test(subject)
        if not why:
            return why if why is None else self._otherwise
        return why if len(why) == 1 else tuple(dict.fromkeys(why))

    def to_json(self) -> dict[str, Any]:
        """Give the same filter as JSON; `from_json` reads it back."""
        return write_json(self.root)

    def __str__(self) -> str:
        return self._line

    @cached_property
    def uses_words(self) -> bool:
        """Whether it asks for words of the text."""
        return any(isinstance(node, Says) for node in _walk(self.root))

    @cached_property
    def _line(self) -> str:
        return "" if isinstance(self.root, Everything) else str(self.root)

    @cached_property
    def _otherwise(self) -> tuple[str, ...]:
        parts = self.root.parts if isinstance(self.root, And) else (self.root,)
        return tuple(str(part) for part in parts if isinstance(part, Not))[:_MAX_SAID] or ALL


@lru_cache(maxsize=1_024)
def parse(text: str) -> Query:
    """Read a line of the filter language (docs/filters.md). An empty one matches all.

    Raises FilterError. Time is linear in the text; nothing that strangers type makes it slow or deep.
    """
    return _checked(Query(read(text)), text)


def from_json(value: Mapping[str, object] | str) -> Query:
    """Read a filter from JSON: an object, or a string with a line of the language. Raises FilterError."""
    if isinstance(value, str):
        return parse(value)
    return _checked(Query(read_json(value)), "")


def _checked(query: Query, text: str) -> Query:
    """Refuse what could be read but whose canonical line could not: `ﷺ` is eighteen letters in a slug."""
    if len(str(query)) > MAX_LENGTH or _depth(query.root) > MAX_DEPTH:
        column = 1 if text else None
        raise FilterError(f"a filter has at most {MAX_LENGTH:,} characters and {MAX_DEPTH} levels", column, text)
    return query


def _depth(node: Node) -> int:
    """Count the parentheses and exclusions that surround its innermost term, as it is written."""
    if isinstance(node, Not):
        return 1 + _depth(node.part) + isinstance(node.part, And | Or)
    if isinstance(node, And | Or):
        return max(_depth(part) + (isinstance(node, And) and isinstance(part, Or)) for part in node.parts)
    return 1  # of a field's group


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts if isinstance(node, And | Or) else (node.part,) if isinstance(node, Not) else ():
        yield from _walk(part)
