"""Articles: taking events in, and reading what is there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, exists, func, select

from schemas.article import Article
from schemas.enrichment import Enrichment
from schemas.jobs import Accepted, Page
from schemas.lifecycle import Submission
from schemas.records import StoredArticle
from services.store.accept import Decide, accept, state_of
from services.store.columns import parsed, storable
from services.store.database import Database
from services.store.sql import cursor_of, listed, read_cursor
from services.store.statement import Statement
from services.store.tables import article, enrichment, revision, term

FILTERS = ("section", "lang", "tag", "source", "author")
"""Filters of a list, by slug."""

_NEWEST = (
    select(article, revision.c.content, enrichment.c.data)
    .outerjoin(revision, and_(revision.c.article_id == article.c.id, revision.c.revision == article.c.newest))
    .outerjoin(enrichment, and_(enrichment.c.article_id == article.c.id, enrichment.c.revision == article.c.newest))
)
_GET = Statement(_NEWEST.where(article.c.id == bindparam("of_article")))
_SOME = Statement(_NEWEST.where(article.c.id.in_(listed("ids"))))


class Articles:
    """The newsroom's articles, by the publisher's ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(
        self, submissions: Sequence[Submission], decide: Decide, now: datetime, new_id: Callable[[], str]
    ) -> list[Accepted]:
        """Commit submissions in ONE transaction, each judged by itself; one answer for each, in order.

        When this returns, all that was accepted is on disk (P1). A submission seen before is answered with
        the event that stands and changes nothing. A retraction ends, in the same transaction, every open
        delivery that it overtakes (P3). Raises StoreFull or StoreUnavailable; then nothing was accepted.
        """
        return await self._database.write(lambda connection: accept(connection, submissions, decide, now, new_id))

    async def get(self, article_id: str) -> StoredArticle | None:
        """Read one article as it stands. None: nothing of that id ever came."""

        def query(connection: Connection) -> StoredArticle | None:
            row = _GET.one(connection, of_article=storable(article_id))
            return None if row is None else _stored(row)

        return await self._database.read(query)

    async def some(self, article_ids: Sequence[str]) -> list[StoredArticle]:
        """Read several as they stand, in the order given; unknown ones are left out."""

        def query(connection: Connection) -> list[StoredArticle]:
            found = {row.id: _stored(row) for row in _SOME.find(connection, article_ids)}
            return [found[name] for name in article_ids if name in found]

        return await self._database.read(query)

    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        filters: Mapping[str, str] | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page[StoredArticle]:
        """List articles, last changed first. `filters` maps `FILTERS` to slugs; `since` ≤ changed < `until`.

        At most 200. Raises ValueError for a cursor that is not ours or an unknown filter.
        """
        limit = max(1, min(limit, 200))
        statement = _NEWEST
        for kind, slug in (filters or {}).items():
            if kind not in FILTERS:
                raise ValueError(f"no filter is called {kind!r}; there are {', '.join(FILTERS)}")
            statement = statement.where(
                exists(
                    select(term.c.slug).where(
                        term.c.kind == kind, term.c.slug == slug, term.c.article_id == article.c.id
                    )
                )
            )
        if status is not None:
            statement = statement.where(article.c.status == status)
        if since is not None:
            statement = statement.where(article.c.changed_at >= since)
        if until is not None:
            statement = statement.where(article.c.changed_at < until)
        if cursor is not None:
            at, name = read_cursor(cursor, [datetime, str])
            statement = statement.where(
                (article.c.changed_at < at) | ((article.c.changed_at == at) & (article.c.id < name))
            )
        statement = statement.order_by(article.c.changed_at.desc(), article.c.id.desc()).limit(limit + 1)

        def query(connection: Connection) -> Page[StoredArticle]:
            found = [_stored(row) for row in connection.execute(statement)]
            last = found[limit - 1] if len(found) > limit else None
            return Page(found[:limit], None if last is None else cursor_of(last.changed_at, last.id))

        return await self._database.read(query)

    async def count(self) -> dict[str, int]:
        """Count articles by status."""

        def query(connection: Connection) -> dict[str, int]:
            rows = connection.execute(select(article.c.status, func.count()).group_by(article.c.status))
            return {row[0]: row[1] for row in rows}

        return await self._database.read(query)


def _stored(row: Row[Any]) -> StoredArticle:
    return StoredArticle(
        id=row.id,
        status=row.status,
        state=state_of(row),
        article=None if row.content is None else parsed(Article, row.content),
        enrichment=None if row.data is None else parsed(Enrichment, row.data),
        version=row.version,
        first_accepted_at=row.first_accepted_at,
        changed_at=row.changed_at,
    )
