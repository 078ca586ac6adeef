"""Messages committed and not yet settled: what the relay marks and the sweeper finds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, delete, exists, func, or_, select, update

from schemas.delivery import WorkState
from schemas.event import EventType
from schemas.jobs import OutboxRow
from schemas.records import OutboxStats
from schemas.topics import ACCEPTED, ENRICHED
from services.store.columns import Moment
from services.store.database import Database
from services.store.enrichments import opens_at
from services.store.ledger import Ledger
from services.store.sql import chunks, earlier, listed
from services.store.statement import Statement
from services.store.tables import article, event, outbox, revision, work

_COLUMNS = (outbox.c.id, outbox.c.stream, outbox.c.payload, outbox.c.event_id, outbox.c.entry_id)
_DUE = Statement(
    select(*_COLUMNS)
    .where(outbox.c.entry_id.is_(None), outbox.c.due_at <= bindparam("now"))
    .order_by(outbox.c.due_at, outbox.c.id)
    .limit(bindparam("most"))
)
_OVERDUE = Statement(
    select(*_COLUMNS)
    .where(
        outbox.c.entry_id.is_not(None),
        outbox.c.added_at < bindparam("before"),
        or_(
            *(
                exists(
                    select(work.c.event_id).where(
                        work.c.event_id == outbox.c.event_id,
                        work.c.stage.in_(topic.groups),
                        work.c.state == WorkState.WAITING.value,
                        outbox.c.stream == topic.name,
                    )
                )
                for topic in (ACCEPTED, ENRICHED)
            )
        ),
    )
    .order_by(outbox.c.added_at, outbox.c.id)
    .limit(bindparam("most"))
)
_HELD = Statement(
    select(event.c.id, event.c.article_id, event.c.revision, event.c.type).where(
        event.c.id.in_(listed("ids")),
        select(work.c.event_id)
        .where(
            work.c.event_id == event.c.id, work.c.state == WorkState.HELD.value, work.c.not_before <= bindparam("now")
        )
        .exists(),
    )
)
_LOCK_ARTICLES = Statement(
    select(article.c.id).where(article.c.id.in_(listed("ids"))).order_by(article.c.id).with_for_update(key_share=True)
)
_RELEASE = Statement(
    update(work)
    .where(
        work.c.event_id.in_(listed("ids")),
        work.c.state == WorkState.HELD.value,
        work.c.not_before <= bindparam("now"),
    )
    .values(state=WorkState.WAITING.value, since=bindparam("now"), not_before=None)
    .returning(work.c.event_id, work.c.stage)
)
_TIMES = Statement(
    select(revision.c.accepted_at, revision.c.published_at, revision.c.embargo_until).where(
        revision.c.article_id == bindparam("of_article"), revision.c.revision == bindparam("number")
    )
)
_EXPIRE = Statement(
    update(revision)
    .where(revision.c.article_id == bindparam("of_article"), revision.c.revision == bindparam("number"))
    .values(expired=1)
)
_OVER = Statement(
    update(article)
    .where(article.c.id == bindparam("of_article"))
    .values(
        version=article.c.version + 1,
        changed_at=bindparam("now"),
        status=case(
            (and_(article.c.status == "published", article.c.shown == bindparam("number")), "expired"),
            else_=article.c.status,
        ),
    )
)
_OPEN = Statement(
    update(article)
    .where(article.c.id == bindparam("of_article"))
    .values(
        version=article.c.version + 1,
        changed_at=bindparam("now"),
        first_published=earlier(article.c.first_published, bindparam("published", type_=Moment)),
        first_opened=earlier(article.c.first_opened, bindparam("opened", type_=Moment)),
        shown=case((article.c.shown < bindparam("number"), bindparam("number")), else_=article.c.shown),
        status=case((article.c.status.in_(["received", "embargoed", "expired"]), "published"), else_=article.c.status),
    )
)
_ADDED = Statement(
    update(outbox)
    .where(outbox.c.id == bindparam("row_id"))
    .values(entry_id=bindparam("entry"), added_at=bindparam("now"), adds=outbox.c.adds + 1)
)
_SPENT = Statement(delete(outbox).where(outbox.c.id.in_(listed("ids")), outbox.c.event_id.is_(None)))
_FORGET = update(outbox).values(entry_id=None, added_at=None)
_ROWS = Statement(select(func.count().label("rows")).select_from(outbox))
_UNADDED = Statement(
    select(func.count().label("rows"), func.min(outbox.c.due_at, type_=outbox.c.due_at.type).label("oldest")).where(
        outbox.c.entry_id.is_(None), outbox.c.due_at <= bindparam("now")
    )
)


class Outbox:
    """Rows of messages, and which of them are on their streams."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, limit: int) -> list[OutboxRow]:
        """Read rows that were never added and whose time has come, oldest first.

        A row fresh from a commit is left to its maker for two seconds. Where an embargo or an expiry falls
        due, its work turns from held to waiting here, in one transaction with the article's new version:
        from then on it may be seen.
        """

        def peek(connection: Connection) -> list[OutboxRow]:
            return [OutboxRow(*row) for row in _DUE.rows(connection, now=now, most=limit)]

        rows = await self._database.read(peek)
        event_ids = sorted({row.event_id for row in rows if row.event_id is not None})

        def held(connection: Connection) -> list[Row[Any]]:
            return _HELD.find(connection, event_ids, now=now)

        if event_ids and (falling := await self._database.read(held)):
            await self._database.write(lambda connection: _release(connection, falling, now))
        return rows

    async def overdue(self, before: datetime, limit: int) -> list[OutboxRow]:
        """Read rows added before an instant that some group has not settled and nobody will retry by itself."""

        def query(connection: Connection) -> list[OutboxRow]:
            return [OutboxRow(*row) for row in _OVERDUE.rows(connection, before=before, most=limit)]

        return await self._database.read(query)

    async def mark_added(self, added: Sequence[tuple[int, str]], now: datetime) -> None:
        """Note where on its stream each row (its id, the entry's id) stands. Feed hints are spent with that."""

        def unit(connection: Connection) -> None:
            _SPENT.over(connection, [row_id for row_id, _ in added])
            _ADDED.many(connection, [{"row_id": row_id, "entry": entry, "now": now} for row_id, entry in added])

        if added:
            await self._database.write(unit)

    async def forget_entries(self, row_ids: Sequence[int] | None = None) -> None:
        """Note that streams hold these rows (None: any row) no longer: `due` finds them again."""

        def unit(connection: Connection) -> None:
            if row_ids is None:
                connection.execute(_FORGET.where(outbox.c.entry_id.is_not(None)))
                return
            for part in chunks(row_ids):
                connection.execute(_FORGET.where(outbox.c.id.in_(listed("ids"))), {"ids": part})

        await self._database.write(unit)

    async def stats(self, now: datetime) -> OutboxStats:
        """Count rows, and those that are due and on no stream."""
        return await self._database.read(lambda connection: outbox_stats(connection, now))


def outbox_stats(connection: Connection, now: datetime) -> OutboxStats:
    """See `Outbox.stats`."""
    unadded = _UNADDED.one(connection, now=now)
    return OutboxStats(rows=_ROWS.one(connection).rows, unadded=unadded.rows, oldest_at=unadded.oldest)


def _release(connection: Connection, falling: Sequence[Row[Any]], now: datetime) -> None:
    events = {row.id: row for row in falling}
    _LOCK_ARTICLES.find(connection, sorted({row.article_id for row in falling}))
    ledger = Ledger(connection)
    ledger.lock(events)
    released: set[str] = set()
    for event_id, stage in _RELEASE.find(connection, sorted(events), now=now):
        ledger.work(event_id, stage, WorkState.HELD, WorkState.WAITING)
        released.add(event_id)
    over: list[dict[str, Any]] = []
    opened: list[dict[str, Any]] = []
    for event_id in sorted(released):
        row = events[event_id]
        change = {"of_article": row.article_id, "number": row.revision, "now": now}
        if row.type == EventType.EXPIRED:
            over.append(change)
        else:
            times = _TIMES.one(connection, of_article=row.article_id, number=row.revision)
            opened.append(change | {"published": times.published_at, "opened": opens_at(times)})
    _EXPIRE.many(connection, over)
    _OVER.many(connection, over)
    _OPEN.many(connection, opened)
    ledger.settle()
