"""Leases on mailboxes: a right to drain that lapses by itself. The fence grows with every lease."""

from datetime import UTC, datetime

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from schemas.jobs import Mailbox
from schemas.subscription import EndpointState
from services.store import mailboxes
from services.store.endpoints import read_endpoint
from services.store.statement import Statement
from services.store.tables import endpoint, mailbox

_READY = and_(endpoint.c.state == EndpointState.ACTIVE.value, endpoint.c.deleted_at.is_(None))
_FREE = or_(mailbox.c.owner.is_(None), mailbox.c.until <= bindparam("now"), mailbox.c.owner == bindparam("me"))
_DUE = Statement(
    select(endpoint, mailbox.c.due_at)
    .join(mailbox, mailbox.c.endpoint_id == endpoint.c.id)
    .where(
        mailbox.c.due_at <= bindparam("now"),
        _READY,
        _FREE,
        or_(endpoint.c.paused_until.is_(None), endpoint.c.paused_until <= bindparam("now")),
    )
    .order_by(mailbox.c.due_at)
    .limit(bindparam("most"))
)
_NEXT = Statement(
    select(mailbox.c.due_at, endpoint.c.paused_until, mailbox.c.owner, mailbox.c.until)
    .join(endpoint, mailbox.c.endpoint_id == endpoint.c.id)
    .where(mailbox.c.due_at.is_not(None), _READY)
    .order_by(mailbox.c.due_at)
)
_TAKE = Statement(
    update(mailbox)
    .where(mailbox.c.endpoint_id == bindparam("of_endpoint"), _FREE)
    .values(owner=bindparam("me"), until=bindparam("till"), fence=mailbox.c.fence + 1)
    .returning(mailbox.c.fence)
)
_RENEW = Statement(
    update(mailbox)
    .where(
        mailbox.c.endpoint_id == bindparam("of_endpoint"),
        mailbox.c.fence == bindparam("held"),
        mailbox.c.owner.is_not(None),
    )
    .values(until=bindparam("till"))
    .returning(mailbox.c.fence)
)
_RELEASE = Statement(
    update(mailbox).where(mailbox.c.endpoint_id == bindparam("of_endpoint")).values(owner=None, until=None)
)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def due(connection: Connection, now: datetime, limit: int, owner: str | None) -> list[Mailbox]:
    """See `Deliveries.due`."""
    rows = _DUE.rows(connection, now=now, most=limit, me=owner or "")
    return [Mailbox(read_endpoint(row), row.due_at) for row in rows]


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """See `Deliveries.next_due`."""
    best: datetime | None = None
    for row in _NEXT.rows(connection):
        if best is not None and (best <= now or row.due_at >= best):
            break
        wait = row.until if row.owner is not None and row.until is not None else _NEVER
        at = max(row.due_at, row.paused_until or _NEVER, wait, now)
        best = at if best is None else min(best, at)
    return best


def take(connection: Connection, endpoint_id: str, owner: str, until: datetime, now: datetime) -> int | None:
    """See `Deliveries.lease`."""
    row = _TAKE.one(connection, of_endpoint=endpoint_id, me=owner, till=until, now=now)
    return None if row is None else row.fence


def renew(connection: Connection, endpoint_id: str, fence: int, until: datetime) -> bool:
    """See `Deliveries.renew`."""
    return _RENEW.one(connection, of_endpoint=endpoint_id, held=fence, till=until) is not None


def release(connection: Connection, endpoint_id: str, fence: int) -> bool:
    """See `Deliveries.release`."""
    if mailboxes.lock(connection, endpoint_id) != fence:
        return False
    _RELEASE.run(connection, of_endpoint=endpoint_id)
    mailboxes.set_due(connection, endpoint_id)
    return True
