"""Work of the stages that did not end well: planned again, or given up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from schemas.dead_letter import DeadLetter
from schemas.delivery import WorkState
from schemas.topics import READS
from services.store import outbox_rows
from services.store.database import Database
from services.store.ledger import Ledger, differences
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import dead_letter, event, outbox, work

_FIND = Statement(
    select(work.c.event_id, event.c.article_id, work.c.state)
    .join(event, event.c.id == work.c.event_id)
    .where(
        work.c.event_id.in_(listed("ids")),
        work.c.stage == bindparam("of_stage"),
        work.c.state.in_([WorkState.WAITING.value, WorkState.HELD.value]),
    )
)
_END = Statement(
    update(work)
    .where(work.c.event_id == bindparam("of_event"), work.c.stage == bindparam("of_stage"))
    .values(state=WorkState.DEAD.value, cause=bindparam("why"), finished_at=bindparam("now"), not_before=None)
)
_LATER = Statement(
    update(work)
    .where(
        work.c.event_id == bindparam("of_event"),
        work.c.stage == bindparam("of_stage"),
        work.c.state == WorkState.WAITING.value,
    )
    .values(tries=work.c.tries + 1, cause=bindparam("why"), not_before=bindparam("later"))
)
_PUT_BACK = Statement(
    update(outbox)
    .where(and_(outbox.c.event_id == bindparam("of_event"), outbox.c.stream == bindparam("of_stream")))
    .values(entry_id=None, added_at=None, due_at=bindparam("later"))
)


class Work:
    """The stages' work on events, whatever the stage."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def retry(
        self, stage: str, event_ids: Sequence[str], cause: str, not_before: datetime, now: datetime
    ) -> None:
        """Plan waiting work again: its message returns to the outbox and falls due at `not_before`."""
        stream = READS[stage].name

        def unit(connection: Connection) -> None:
            ledger = Ledger(connection)
            waiting = [
                row.event_id
                for row in _FIND.find(connection, sorted(ledger.lock(event_ids)), of_stage=stage)
                if row.state == WorkState.WAITING
            ]
            if not waiting:
                return
            place = {"of_stage": stage, "of_stream": stream, "why": cause, "later": max(not_before, now)}
            rows = [place | {"of_event": event_id} for event_id in waiting]
            _LATER.many(connection, rows)
            _PUT_BACK.many(connection, rows)

        await self._database.write(unit)

    async def give_up(self, dead: Sequence[DeadLetter], now: datetime) -> None:
        """End work as dead, each with its dead letter, and bytes that never became an event with theirs.

        Work that is settled already stays as it is, so a repeat adds no second letter. A letter without
        event is kept each time: its bytes may have come twice.
        """

        def unit(connection: Connection) -> None:
            ledger = Ledger(connection)
            ledger.lock(each.event_id for each in dead if each.event_id is not None)
            letters = [letter_row(each) for each in dead if each.event_id is None]
            for stage in sorted({each.stage for each in dead}):
                letters.extend(_bury(connection, ledger, stage, [each for each in dead if each.stage == stage], now))
            if letters:
                connection.execute(insert(dead_letter), letters)
            ledger.settle()

        await self._database.write(unit)

    async def differences(self) -> dict[str, tuple[int, int]]:
        """Recount the rows and compare: name → (counter, rows). Empty: P4's books are right."""
        return dict(await self._database.read(differences))


def letter_row(letter: DeadLetter) -> dict[str, Any]:
    """Make a dead letter's row."""
    return letter.model_dump(mode="python") | {"delivery_id": None}


def _bury(
    connection: Connection, ledger: Ledger, stage: str, dead: Sequence[DeadLetter], now: datetime
) -> list[dict[str, Any]]:
    by_event = {each.event_id: each for each in dead if each.event_id is not None}
    found: list[Row[Any]] = _FIND.find(connection, sorted(by_event), of_stage=stage)
    open_work = {row.event_id: row for row in found}
    if not open_work:
        return []
    rows = [
        {"of_event": event_id, "of_stage": stage, "why": by_event[event_id].cause, "now": now}
        for event_id in sorted(open_work)
    ]
    _END.many(connection, rows)
    for event_id, row in open_work.items():
        ledger.work(event_id, stage, WorkState(row.state), WorkState.DEAD)
    if stage in READS:
        outbox_rows.close(connection, stage, sorted(open_work))
    return [
        letter_row(by_event[event_id]) | {"article_id": row.article_id} for event_id, row in sorted(open_work.items())
    ]
