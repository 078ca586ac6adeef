"""The same filter as JSON: an object whose fields must all match, any one of a field's values does. Pure.

{"section": ["world"], "language": ["fr", "en"], "published": ">2026-01-01"}
{"and": [{"text": "climate summit"}, {"not": {"tag": "sport"}}, {"or": [{"prefix": {"text": "clim"}}, {}]}]}
"""

from collections.abc import Mapping
from typing import Any, NoReturn, cast

from services.filters.errors import FilterError
from services.filters.fields import field_named, term
from services.filters.nodes import (
    And,
    Between,
    Everything,
    Node,
    Not,
    OneOf,
    Or,
    Speaks,
    Starts,
    Term,
    every,
    negate,
    some,
)
from services.filters.parser import MAX_TERMS

_MAX_NESTED = 200  # objects and lists; what a line can say needs fewer
_OPERATORS = ("and", "or", "not", "prefix")


def read_json(value: object) -> Node:
    """Read what JSON holds. Raises FilterError with the JSON pointer of what is wrong."""
    return _Reader().node(value, "", 0)


def write_json(node: Node) -> dict[str, Any]:
    """Write a node so that `read_json` reads it back."""
    match node:
        case Everything():
            return {}
        case And():
            parts = [write_json(part) for part in node.parts]
            merged = {key: value for part in parts for key, value in part.items()}
            apart = len(merged) == len(parts) and all(len(part) == 1 for part in parts)
            return merged if apart else {"and": parts}
        case Or():
            return {"or": [write_json(part) for part in node.parts]}
        case Not():
            return {"not": write_json(node.part)}
        case _:
            return _write_term(node)


def _write_term(node: Term) -> dict[str, Any]:
    if isinstance(node, OneOf | Speaks):
        return {node.field: list(node.values)}
    if isinstance(node, Between):
        return {node.field: node.shown}
    value = node.prefix if isinstance(node, Starts) else node.text
    begins = isinstance(node, Starts) or node.prefix
    return {"prefix": {node.field: value}} if begins else {node.field: value}


class _Reader:
    def __init__(self) -> None:
        self._terms = 0

    def node(self, value: object, where: str, depth: int) -> Node:
        if depth > _MAX_NESTED:
            _fail("this is nested too deeply", where[:200])
        if not isinstance(value, Mapping):
            _fail('a part of a filter is an object, like {"section": "world"}', where)
        stated = cast("Mapping[object, object]", value)
        parts: list[Node] = []
        for key, inner in stated.items():
            place = f"{where}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key == "not":
                parts.append(negate(self.node(inner, place, depth + 1)))
            elif key in {"and", "or"}:
                nodes = [self.node(one, f"{place}/{n}", depth + 2) for n, one in enumerate(_listed(inner, place))]
                parts.append(every(nodes) if key == "and" else some(nodes))
            elif key == "prefix":
                parts.append(self._prefixes(inner, place))
            else:
                parts.append(self._field(str(key), inner, place))
        return every(parts)

    def _prefixes(self, value: object, where: str) -> Node:
        if not isinstance(value, Mapping):
            _fail('this is an object, like {"text": "clim"}', where)
        stated = cast("Mapping[object, object]", value)
        return every(self._field(str(key), inner, f"{where}/{key}", prefix=True) for key, inner in stated.items())

    def _field(self, key: str, value: object, where: str, *, prefix: bool = False) -> Node:
        try:
            field = field_named(key)
        except ValueError as error:
            _fail(
                f"{error}; beside fields there are {', '.join(_OPERATORS)}".replace(
                    " To search for it as text, put it in quotes", ""
                ),
                where,
            )
        if not isinstance(value, list | tuple):
            return self._term(field, value, where, prefix=prefix)
        values = cast("list[object]", value)
        if not values:
            return Everything()  # a list that names nothing asks nothing
        return some([self._term(field, one, f"{where}/{n}", prefix=prefix) for n, one in enumerate(values)])

    def _term(self, field: str, value: object, where: str, *, prefix: bool) -> Node:
        self._terms += 1
        if self._terms > MAX_TERMS:
            _fail(f"a filter has at most {MAX_TERMS} terms", where)
        if isinstance(value, bool) or not isinstance(value, str | int):
            _fail("a value is a string or a number", where)
        try:
            return term(field, str(value), prefix=prefix)
        except ValueError as error:
            _fail(str(error), where)


def _listed(value: object, where: str) -> list[object]:
    if not isinstance(value, list | tuple) or not value:
        _fail("this is a list of parts", where)
    return list(cast("list[object]", value))


def _fail(message: str, where: str) -> NoReturn:
    raise FilterError(message, where=where)
