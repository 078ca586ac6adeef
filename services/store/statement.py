"""Core statements, compiled once and handed straight to the driver.

Where every event passes, SQLAlchemy's own execution (30 to 70 µs a statement) would be most of the
store's work, the database's part being 5 to 20 µs. A `Statement` keeps the compiled text for each
shape it is used in (dialect, columns, lengths of its lists) and gives rows as named tuples. Statements
are built, typed and rendered by SQLAlchemy all the same; rare ones go through `connection.execute`.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, LargeBinary
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Delete, Executable, Insert, Select, Update
from sqlalchemy.types import TypeEngine

from services.store.columns import Moment, Words, instant, microseconds, words
from services.store.sql import chunks

Process = Callable[[Any], Any]


class _Shape(NamedTuple):
    """One compiled form. Each step is a parameter's name and what is done to its value; None: nothing."""

    text: str
    steps: tuple[tuple[str, Process | None], ...]
    by_place: bool  # SQLite's driver takes a list, psycopg names
    constants: dict[str, Any]
    lists: dict[str, list[str]]

    def bound(self, given: Mapping[str, Any]) -> Any:
        """Make the driver's parameters."""
        values = given
        if self.constants or self.lists:
            values = {**self.constants, **given}
            for name, each in self.lists.items():
                values.update(zip(each, values.pop(name), strict=True))
        if self.by_place:
            return [values[name] if process is None else process(values[name]) for name, process in self.steps]
        return {name: values[name] if process is None else process(values[name]) for name, process in self.steps}


class Statement:
    """One statement, ready for either database."""

    def __init__(self, core: Executable) -> None:
        self._core = core
        self._shapes: dict[tuple[Any, ...], _Shape] = {}
        self._readers: dict[str, tuple[Process, tuple[tuple[int, Process], ...]]] = {}

    def rows(self, connection: Connection, **given: Any) -> list[Any]:
        """Run once; all rows. Lists are given by name, see `find` for long ones."""
        shape = self._shape(connection.dialect, given, many=False)
        found = _driver(connection).execute(shape.text, shape.bound(given)).fetchall()
        return self._read(connection.dialect, found)

    def one(self, connection: Connection, **given: Any) -> Any:
        """Run once; the first row. None: there is none."""
        rows = self.rows(connection, **given)
        return rows[0] if rows else None

    def run(self, connection: Connection, **given: Any) -> None:
        """Run once, for its effect."""
        shape = self._shape(connection.dialect, given, many=False)
        _driver(connection).execute(shape.text, shape.bound(given))

    def find(self, connection: Connection, ids: Iterable[Any], **given: Any) -> list[Any]:
        """Run over all ids, however many, for the list `ids` in it; all rows."""
        rows: list[Any] = []
        for part in chunks(ids):
            rows.extend(self.rows(connection, ids=part, **given))
        return rows

    def over(self, connection: Connection, ids: Iterable[Any], **given: Any) -> None:
        """Run over all ids, for its effect."""
        for part in chunks(ids):
            self.run(connection, ids=part, **given)

    def many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run for each row, for its effect. The rows have the same keys; none: nothing is run."""
        if rows:
            shape = self._shape(connection.dialect, rows[0], many=True)
            _driver(connection).cursor().executemany(shape.text, [shape.bound(row) for row in rows])

    def each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Run for each row; the row that each RETURNS, in their order."""
        if not rows:
            return []
        shape = self._shape(connection.dialect, rows[0], many=True)
        driver = _driver(connection)
        if connection.dialect.name == "sqlite":
            found = [driver.execute(shape.text, shape.bound(row)).fetchone() for row in rows]
        else:
            with driver.cursor() as cursor:
                cursor.executemany(shape.text, [shape.bound(row) for row in rows], returning=True)
                found = [cursor.fetchone()]
                while cursor.nextset():
                    found.append(cursor.fetchone())
        return self._read(connection.dialect, found)

    def _shape(self, dialect: Dialect, given: Mapping[str, Any], *, many: bool) -> _Shape:
        sizes = tuple(len(value) if type(value) is list else -1 for value in given.values())
        key = (dialect.name, many, *given, *sizes)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = _compile(self._core, dialect, given, many=many)
        return shape

    def _read(self, dialect: Dialect, found: list[Any]) -> list[Any]:
        if not found:
            return found
        reader = self._readers.get(dialect.name)
        if reader is None:
            reader = self._readers[dialect.name] = _reader(self._core, dialect)
        make, processors = reader
        if not processors:
            return [make(row) for row in found]
        rows: list[Any] = []
        for row in found:
            values = list(row)
            for place, process in processors:
                values[place] = process(values[place])
            rows.append(make(values))
        return rows


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _compile(core: Executable, dialect: Dialect, given: Mapping[str, Any], *, many: bool) -> _Shape:
    assert isinstance(core, Select | Insert | Update | Delete)
    keys = None if isinstance(core, Select) else list(given)
    compiled = core.compile(dialect=dialect, column_keys=keys, for_executemany=many)
    assert isinstance(compiled, SQLCompiler)
    values = {name: given.get(name, bind.value) for bind, name in compiled.bind_names.items()}
    state = compiled.construct_expanded_state(values)
    lists = {name: list(names) for name, names in state.parameter_expansion.items()}
    constants: dict[str, Any] = {}
    processes: dict[str, Process | None] = {}
    for bind, name in compiled.bind_names.items():
        names = lists.get(name, [name])
        processes.update(dict.fromkeys(names, _process(bind.type, dialect)))
        if name not in given:
            constants.update(zip(names, values[name] if name in lists else [values[name]], strict=True))
            lists.pop(name, None)
    order = tuple(processes) if state.positiontup is None else tuple(state.positiontup)
    steps = tuple((name, processes[name]) for name in order)
    return _Shape(state.statement, steps, state.positiontup is not None, constants, lists)


def _process(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    """Find what makes a value the driver's; our own types' functions straight, for they run most of all."""
    if isinstance(kind, Words):
        return words
    if isinstance(kind, Moment):
        return microseconds
    if isinstance(kind, LargeBinary):
        return None
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(core: Any, dialect: Dialect) -> tuple[Process, tuple[tuple[int, Process], ...]]:
    columns = list(core.exported_columns)
    processors: list[tuple[int, Process]] = []
    for place, column in enumerate(columns):
        kind = column.type
        process = instant if isinstance(kind, Moment) else kind.dialect_impl(dialect).result_processor(dialect, None)
        if process is not None:
            processors.append((place, process))
    made: Any = namedtuple("Row", [column.name for column in columns], rename=True)  # noqa: PYI024 # pyright: ignore[reportUntypedNamedTuple] names are found at run time
    return made._make, tuple(processors)
