"""Dead letters: work given up, kept with cause and content until somebody mends, resends or trashes it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from schemas.dead_letter import DeadLetter
from schemas.delivery import WorkState
from schemas.jobs import OutboxRow, Page
from schemas.records import DeadLetterRecord
from schemas.topics import READS
from services.store import outbox_rows
from services.store.database import Database
from services.store.ledger import Ledger
from services.store.replays import retry as retry_delivery
from services.store.sql import cursor_of, listed, read_cursor
from services.store.statement import Statement
from services.store.tables import dead_letter, event, outbox, work
from services.store.work import letter_row

_ROWS = select(*(column for column in dead_letter.c if column.name != "closed_at"))
_OPEN = Statement(
    select(dead_letter)
    .where(dead_letter.c.id.in_(listed("ids")), dead_letter.c.closed.is_(None))
    .order_by(dead_letter.c.id)
    .with_for_update(key_share=True)
)
_CLOSE = Statement(
    update(dead_letter)
    .where(dead_letter.c.id.in_(listed("ids")), dead_letter.c.closed.is_(None))
    .values(closed=bindparam("how"), closed_at=bindparam("now"))
    .returning(dead_letter.c.id)
)
_AGAIN = Statement(
    update(work)
    .where(
        work.c.event_id.in_(listed("ids")),
        work.c.stage == bindparam("of_stage"),
        work.c.state == WorkState.DEAD.value,
    )
    .values(
        state=WorkState.WAITING.value,
        cause=None,
        tries=0,
        since=bindparam("now"),
        finished_at=None,
        not_before=None,
    )
    .returning(work.c.event_id)
)
_EVENTS = Statement(
    select(event.c.id, event.c.article_id, event.c.revision, event.c.facts, event.c.traceparent).where(
        event.c.id.in_(listed("ids"))
    )
)
_MESSAGES = Statement(
    select(outbox.c.id, outbox.c.event_id, outbox.c.stream, outbox.c.payload).where(
        outbox.c.event_id.in_(listed("ids")), outbox.c.stream == bindparam("of_stream")
    )
)


class Retried(NamedTuple):
    """What a retry set going: messages to publish, deliveries that wait again, bytes to be ingested again."""

    rows: list[OutboxRow]
    deliveries: list[str]
    raw: list[DeadLetterRecord]


class DeadLetters:
    """All dead letters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """Keep bytes that never became an event. Work that ends dead comes through `Work.give_up`."""
        if letters:
            rows = [letter_row(each) for each in letters]
            await self._database.write(lambda connection: connection.execute(insert(dead_letter), rows) and None)

    async def get(self, letter_id: int) -> DeadLetterRecord | None:
        """Read one, open or closed. None: unknown."""

        def query(connection: Connection) -> DeadLetterRecord | None:
            row = connection.execute(_ROWS.where(dead_letter.c.id == letter_id)).one_or_none()
            return None if row is None else _record(row)

        return await self._database.read(query)

    async def list(
        self,
        *,
        stage: str | None = None,
        cause: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[DeadLetterRecord]:
        """List open ones, newest first. Raises ValueError for a cursor that is not ours."""
        statement = _ROWS.where(dead_letter.c.closed.is_(None))
        if stage is not None:
            statement = statement.where(dead_letter.c.stage == stage)
        if cause is not None:
            statement = statement.where(dead_letter.c.cause == cause)
        if cursor is not None:
            statement = statement.where(dead_letter.c.id < read_cursor(cursor, [int])[0])
        statement = statement.order_by(dead_letter.c.id.desc()).limit(limit + 1)

        def query(connection: Connection) -> Page[DeadLetterRecord]:
            found = [_record(row) for row in connection.execute(statement)]
            return Page(found[:limit], cursor_of(found[limit - 1].id) if len(found) > limit else None)

        return await self._database.read(query)

    async def retry(self, ids: Sequence[int], now: datetime) -> Retried:
        """Set given-up work going again and close its letters; those closed before are left out.

        Stage work waits again with a message to publish; deliveries wait again, but not those whose
        endpoint is gone or whose content was taken back; unreadable bytes are returned for whoever can
        read them now.
        """
        return await self._database.write(lambda connection: _retry(connection, ids, now))

    async def trash(self, ids: Sequence[int], now: datetime) -> int:
        """Close letters without a retry; how many were open. Their work stays dead in the sum."""

        def unit(connection: Connection) -> int:
            return len(_CLOSE.find(connection, ids, how="trashed", now=now))

        return await self._database.write(unit)


def _record(row: Row[Any]) -> DeadLetterRecord:
    return DeadLetterRecord.model_validate(row._asdict())


def _retry(connection: Connection, ids: Sequence[int], now: datetime) -> Retried:
    unique = {row.id: row for row in _OPEN.find(connection, ids)}
    deliveries: list[str] = []
    for row in list(unique.values()):
        if row.delivery_id is None:
            continue
        if retry_delivery(connection, row.delivery_id, now, None):
            deliveries.append(row.delivery_id)
        else:
            del unique[row.id]  # its endpoint is gone, or a retraction overtook it: it stays dead, and listed
    raw = [_record(row) for row in unique.values() if row.event_id is None and row.delivery_id is None]
    stages: dict[str, list[str]] = {}
    for row in unique.values():
        if row.event_id is not None and row.delivery_id is None and row.stage in READS:
            stages.setdefault(row.stage, []).append(row.event_id)
    ledger = Ledger(connection)
    ledger.lock(event_id for events in stages.values() for event_id in events)
    rows: list[OutboxRow] = []
    for stage, event_ids in sorted(stages.items()):
        rows.extend(_revive(connection, ledger, stage, event_ids, now))
    ledger.settle()
    _CLOSE.over(connection, unique, how="retried", now=now)
    return Retried(rows, deliveries, raw)


def _revive(
    connection: Connection, ledger: Ledger, stage: str, event_ids: Sequence[str], now: datetime
) -> list[OutboxRow]:
    """Let dead stage work wait again; its message is made anew if it was spent."""
    revived = sorted({row[0] for row in _AGAIN.find(connection, sorted(set(event_ids)), of_stage=stage, now=now)})
    for event_id in revived:
        ledger.work(event_id, stage, WorkState.DEAD, WorkState.WAITING)
    stream = READS[stage].name
    there = {
        row.event_id: OutboxRow(row.id, row.stream, row.payload, row.event_id)
        for row in _MESSAGES.find(connection, revived, of_stream=stream)
    }
    events = [row for row in _EVENTS.find(connection, revived) if row.id not in there]
    missing = {row.id: row for row in events}
    made = outbox_rows.add(
        connection,
        [
            outbox_rows.Message(
                stream,
                outbox_rows.thin(row.id, row.article_id, row.revision, row.facts, row.traceparent),
                row.id,
            )
            for row in missing.values()
        ],
        now,
    )
    return [*there.values(), *made]
