"""What searches find entries by: SQLite's FTS5 and PostgreSQL's tsvector, holding the very same words.

    record ─▶ keep, drop ─▶ search (facets, words) ─┬▶ search_words (FTS5, by triggers)
                                                    └▶ ix_search_words (GIN over a tsvector)
    filter ─▶ sought ─▶ rows that hold these words ─▶ the filter itself, of each

Neither database judges a word: texts and questions are cut by `services.text.words` alone, so that both find
the same in every language. Only what readers may see is here (P9); a retraction takes it out in its own
transaction.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, cast, column, delete, func, literal_column, select, table
from sqlalchemy.dialects.postgresql import TSQUERY

from schemas.jobs import Indexed
from services.filters import Query
from services.filters.indexed import evaluate
from services.filters.sought import Every, Some, Sought, Word, sought
from services.store.database import Database
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import article, entry, search, search_vector

PART = 400
"""Rows read and asked at once: some milliseconds of a process, and about 2 MB."""

_insert = upsert(search)
_KEEP = Statement(
    _insert.on_conflict_do_update(
        index_elements=["article_id"],
        set_={name: _insert.excluded[name] for name in ("version", "facets", "words")},
    )
)
_DROP = Statement(delete(search).where(search.c.article_id.in_(listed("ids"))))
_FACETS = (search.c.id, search.c.article_id, search.c.version, search.c.shown_at, search.c.facets)
_NO_WORDS = literal_column("''").label("words")
_fts = table("search_words", column("rowid"))


def _newest(columns: Sequence[Any], of_id: Any) -> Any:
    return select(*columns).where(of_id < bindparam("before")).order_by(of_id.desc()).limit(bindparam("most"))


_ALL = Statement(_newest((*_FACETS, _NO_WORDS), search.c.id))
_ALL_WORDS = Statement(_newest((*_FACETS, search.c.words), search.c.id))
_FTS5 = Statement(
    _newest((*_FACETS, search.c.words), _fts.c.rowid)
    .join_from(_fts, search, search.c.id == _fts.c.rowid)
    .where(literal_column("search_words").op("MATCH")(bindparam("words")))
)
_TSVECTOR = Statement(
    _newest((*_FACETS, search.c.words), search.c.id).where(search_vector.op("@@")(cast(bindparam("words"), TSQUERY)))
)
_SHOWS = (entry.c.data.is_not(None), entry.c.gone_at.is_(None))
_MADE = Statement(select(entry.c.article_id, entry.c.made).where(entry.c.article_id.in_(listed("ids")), *_SHOWS))
_LOCK_ARTICLES = Statement(
    select(article.c.id).where(article.c.id.in_(listed("ids"))).order_by(article.c.id).with_for_update(key_share=True)
)
_UNREAD = Statement(
    select(entry.c.article_id, entry.c.made, entry.c.moved_at, entry.c.data)
    .outerjoin(search, search.c.article_id == entry.c.article_id)
    .where(
        entry.c.article_id > bindparam("after"),
        *_SHOWS,
        search.c.article_id.is_(None),
    )
    .order_by(entry.c.article_id)
    .limit(bindparam("most"))
)

END = 2**62
"""Before this id is everything."""


class Offload(Protocol):
    """Runs a pure function off the event loop."""

    def __call__(self, task: Callable[..., Any], /, *args: Any) -> Awaitable[Any]:
        """Run it; its result."""
        ...


class SearchRow(NamedTuple):
    """An entry as searches know it. Ids grow with the order in which entries first showed; `version` is the entry's."""

    id: int
    article_id: str
    version: int
    shown_at: datetime
    facets: bytes
    words: str


class Unread(NamedTuple):
    """An entry of which searches know nothing yet: its version, when it moved, its JSON."""

    article_id: str
    version: int
    moved_at: datetime
    data: bytes


class Hit(NamedTuple):
    """A row that matches, and why."""

    row: SearchRow
    why: tuple[str, ...]


class Scanned(NamedTuple):
    """A part of a scan: how many rows were asked, which matched, the last one asked, and whether there is more."""

    asked: int
    hits: list[Hit]
    last: SearchRow
    more: bool


class Search:
    """Entries that show, by their words and facets, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, query: Query, *, before: int = END, limit: int = PART) -> list[SearchRow]:
        """Read rows that may match, newest first: all that hold the words which must be there.

        Without a filter on words, `words` is left empty. Fewer than `limit`: there are no more.
        """
        needed = sought(query.root)

        def read(connection: Connection) -> list[SearchRow]:
            if needed is None:
                statement = _ALL_WORDS if query.uses_words else _ALL
                found = statement.rows(connection, before=before, most=limit)
            elif connection.dialect.name == "sqlite":
                found = _FTS5.rows(connection, before=before, most=limit, words=fts5(needed))
            else:
                found = _TSVECTOR.rows(connection, before=before, most=limit, words=tsquery(needed))
            return [SearchRow(*row) for row in found]

        return await self._database.read(read)

    async def scan(
        self, query: Query, offload: Offload, *, before: int = END, part: int = PART
    ) -> AsyncIterator[Scanned]:
        """Ask the filter of all rows, newest first, part by part; memory is bounded. Stop when you have enough."""
        while rows := await self.rows(query, before=before, limit=part):
            whys = await offload(evaluate, query, [(row.facets, row.words) for row in rows])
            hits = [Hit(row, why) for row, why in zip(rows, whys, strict=True) if why is not None]
            more = len(rows) == part
            yield Scanned(len(rows), hits, rows[-1], more)
            if not more:
                return
            before = rows[-1].id

    async def unread(self, after: str, limit: int) -> list[Unread]:
        """Read entries that show and are not in the index, by article id: an older version did not make one."""
        return await self._database.read(
            lambda connection: [Unread(*row) for row in _UNREAD.rows(connection, after=after, most=limit)]
        )

    async def learn(self, read: Sequence[tuple[Unread, Indexed]]) -> None:
        """Make such entries found, unless they have changed since they were read."""

        def unit(connection: Connection) -> None:
            ids = sorted(one.article_id for one, _ in read)
            _LOCK_ARTICLES.find(connection, ids)
            made = {row.article_id: row.made for row in _MADE.find(connection, ids)}
            rows = [
                row_of(one.article_id, one.version, one.moved_at, indexed)
                for one, indexed in read
                if made.get(one.article_id) == one.version
            ]
            keep(connection, rows)

        await self._database.write(unit)

    async def count(self) -> int:
        """Count what can be found."""
        return await self._database.read(
            lambda connection: connection.execute(select(func.count()).select_from(search)).scalar_one()
        )


def row_of(article_id: str, version: int, at: datetime, indexed: Indexed) -> dict[str, Any]:
    """Make a row to keep. `at` counts only when the entry was not there before."""
    return {
        "article_id": article_id,
        "version": version,
        "shown_at": at,
        "facets": indexed.facets,
        "words": indexed.words,
    }


def keep(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Make entries found, in the caller's transaction."""
    _KEEP.many(connection, rows)


def drop(connection: Connection, article_ids: Sequence[str]) -> None:
    """Make entries found no more, in the caller's transaction."""
    if article_ids:
        _DROP.over(connection, article_ids)


def fts5(needed: Sought) -> str:
    """Write it for SQLite (FTS5, full-text query syntax). Words hold nothing that ends a string."""
    if isinstance(needed, Word):
        return f'"{needed.text}"' + (" *" if needed.prefix else "")
    return "(" + _between(needed, " AND ", " OR ").join(map(fts5, needed.parts)) + ")"


def tsquery(needed: Sought) -> str:
    """Write it for PostgreSQL (text search types): words in quotes are taken as they are."""
    if isinstance(needed, Word):
        return f"'{needed.text}'" + (":*" if needed.prefix else "")
    return "(" + _between(needed, " & ", " | ").join(map(tsquery, needed.parts)) + ")"


def _between(needed: Every | Some, both: str, either: str) -> str:
    return both if isinstance(needed, Every) else either
