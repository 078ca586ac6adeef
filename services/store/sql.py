"""Small helpers over SQLAlchemy Core, the same on both databases."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
from sqlalchemy import BindParameter, ColumnElement, Connection, Executable, bindparam, case, literal_column
from sqlalchemy.dialects.postgresql import insert as upsert

T = TypeVar("T")

__all__ = ["HELD", "WAITING", "chunks", "cursor_of", "earlier", "find", "listed", "read_cursor", "upsert"]

CHUNK = 512

# As literals: with a bound parameter neither database can prove that a partial index covers the query.
WAITING: ColumnElement[str] = literal_column("'waiting'")
HELD: ColumnElement[str] = literal_column("'held'")

_FAR = 1 << 63


def listed(name: str) -> "BindParameter[Any]":
    """Stand for a list in `column.in_(listed("ids"))`; `find` fills it."""
    return bindparam(name, expanding=True)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut into lists of at most 512, each padded to a power of two with its last value.

    So that few different statements exist: the databases keep them prepared.
    """
    whole = list(values)
    for start in range(0, len(whole), CHUNK):
        part = whole[start : start + CHUNK]
        part.extend([part[-1]] * ((1 << (len(part) - 1).bit_length()) - len(part)))
        yield part


def find(connection: Connection, statement: Executable, ids: Iterable[Any], **others: Any) -> list[Any]:
    """Run a statement with `listed("ids")` over all ids, however many; all rows."""
    rows: list[Any] = []
    for part in chunks(ids):
        rows.extend(connection.execute(statement, {"ids": part, **others}))
    return rows


def earlier(column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Choose the earlier of two, either of which may be None. LEAST and MIN differ between the databases."""
    return case((value.is_(None), column), (column.is_(None), value), (column < value, column), else_=value)


def cursor_of(*place: Any) -> str:
    """Make an opaque cursor of the last row's place in the order."""
    values = [value.isoformat() if isinstance(value, datetime) else value for value in place]
    return urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def read_cursor(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """Read a cursor back. Raises ValueError for anything that `cursor_of` did not make."""
    try:
        values = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("not a cursor")  # noqa: TRY301
        return [_of_cursor(kind, value) for kind, value in zip(kinds, values, strict=True)]
    except (ValueError, TypeError) as error:
        raise ValueError("not a cursor of this list") from error


def _of_cursor(kind: type, value: Any) -> Any:
    if kind is datetime:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError("not a cursor")
        return at
    # Not one that could be read as one: the databases' integers have 64 bits, and their text no NUL.
    if type(value) is not kind or (kind is int and not -_FAR <= value < _FAR) or (kind is str and "\0" in value):
        raise ValueError("not a cursor")
    return value
