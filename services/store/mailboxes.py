"""Moving an endpoint's open deliveries as a whole: held when it is paused, waiting again, ended when it is deleted."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, or_, select, update

from schemas.delivery import WorkState
from services.store.database import Database
from services.store.ledger import Ledger
from services.store.sql import HELD, WAITING, listed
from services.store.statement import Statement
from services.store.tables import delivery, mailbox

STEP = 500
"""Deliveries moved in one transaction: a mailbox of 100,000 must not keep the writer from its other work."""

_LOCK = Statement(
    select(mailbox.c.endpoint_id, mailbox.c.fence)
    .where(mailbox.c.endpoint_id == bindparam("of_endpoint"))
    .with_for_update(key_share=True)
)
_ROWS = select(delivery.c.id, delivery.c.event_id, delivery.c.state)
_PICK = {
    state: Statement(
        _ROWS.where(delivery.c.endpoint_id == bindparam("of_endpoint"), delivery.c.state == literal).limit(
            bindparam("most")
        )
    )
    for state, literal in ((WorkState.WAITING, WAITING), (WorkState.HELD, HELD))
}
_AGAIN = Statement(_ROWS.where(delivery.c.id.in_(listed("ids")), delivery.c.state == bindparam("old")))
_MOVE = Statement(
    update(delivery)
    .where(delivery.c.id.in_(listed("ids")))
    .values(
        state=bindparam("new"),
        cause=bindparam("why"),
        finished_at=bindparam("finished"),
        next_at=func.coalesce(delivery.c.next_at, bindparam("now", type_=delivery.c.next_at.type)),
    )
)
_first_due = select(func.min(delivery.c.next_at)).where(
    delivery.c.endpoint_id == bindparam("of_endpoint"), delivery.c.state == WAITING
)
_FIRST = Statement(_first_due.where(delivery.c.retrying == 0))
_AGAIN_DUE = Statement(_first_due.where(delivery.c.retrying == 1))
_DUE = Statement(
    update(mailbox).where(mailbox.c.endpoint_id == bindparam("of_endpoint")).values(due_at=bindparam("due"))
)
SOONER = Statement(
    update(mailbox)
    .where(
        mailbox.c.endpoint_id == bindparam("of_endpoint"),
        or_(mailbox.c.due_at.is_(None), mailbox.c.due_at > bindparam("due")),
    )
    .values(due_at=bindparam("due"))
)
"""Wake a mailbox at `due` unless it wakes sooner."""


def lock(connection: Connection, endpoint_id: str) -> int | None:
    """Lock a mailbox; its fence. None: there is none."""
    row = _LOCK.one(connection, of_endpoint=endpoint_id)
    return None if row is None else row.fence


def first_due(connection: Connection, endpoint_id: str) -> datetime | None:
    """Find when the endpoint's first waiting delivery is due. None: none waits."""
    times = [statement.one(connection, of_endpoint=endpoint_id)[0] for statement in (_FIRST, _AGAIN_DUE)]
    return min((time for time in times if time is not None), default=None)


def set_due(connection: Connection, endpoint_id: str) -> None:
    """Set the mailbox's alarm anew. The caller holds its lock: what others wrote before is visible."""
    _DUE.run(connection, of_endpoint=endpoint_id, due=first_due(connection, endpoint_id))


def move(
    connection: Connection,
    endpoint_id: str,
    old: WorkState,
    new: WorkState,
    now: datetime,
    *,
    cause: str | None = None,
    most: int = STEP,
) -> int:
    """Move up to `most` of an endpoint's deliveries from one state to another; how many moved."""
    lock(connection, endpoint_id)
    found = _PICK[old].rows(connection, of_endpoint=endpoint_id, most=most)
    ledger = Ledger(connection)
    ledger.lock(row.event_id for row in found if row.event_id is not None)
    finished = now if new is WorkState.DONE else None
    still = {row.id: row for row in _AGAIN.find(connection, [row.id for row in found], old=old.value)}
    _MOVE.over(connection, still, new=new.value, why=cause, finished=finished, now=now)
    for row in still.values():
        ledger.delivery(row.event_id, old, new)
    set_due(connection, endpoint_id)
    ledger.settle()
    return len(found)


async def move_all(
    database: Database,
    endpoint_id: str,
    old: WorkState,
    new: WorkState,
    now: datetime,
    *,
    cause: str | None = None,
) -> None:
    """Move all of them, step by step, each in a transaction of its own. A crash between leaves the rest as it was."""
    while await database.write(lambda connection: move(connection, endpoint_id, old, new, now, cause=cause)) == STEP:
        pass
