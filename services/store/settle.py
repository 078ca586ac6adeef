"""Ending a stage's work, whoever ends it: the row, the books, and the message that is now spent."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from schemas.delivery import WorkState
from services.store import outbox_rows
from services.store.ledger import Ledger
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import work

_DONE = Statement(
    update(work)
    .where(
        work.c.event_id.in_(listed("ids")),
        work.c.stage == bindparam("of_stage"),
        work.c.state == WorkState.WAITING.value,
    )
    .values(state=WorkState.DONE.value, cause=bindparam("why"), finished_at=bindparam("now"), not_before=None)
    .returning(work.c.event_id)
)


def done(
    connection: Connection,
    ledger: Ledger,
    stage: str,
    event_ids: Iterable[str],
    now: datetime,
    *,
    cause: str | None = None,
) -> set[str]:
    """End waiting work well; returns the events whose work it was that ended (others were settled before).

    Locks the events. Call `ledger.settle()` afterwards.
    """
    known = ledger.lock(event_ids)
    ended = {row[0] for row in _DONE.find(connection, sorted(known), of_stage=stage, now=now, why=cause)}
    for event_id in ended:
        ledger.work(event_id, stage, WorkState.WAITING, WorkState.DONE)
    outbox_rows.close(connection, stage, sorted(ended))
    return ended
