"""Reading deliveries: for the drain, and for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, select

from schemas.delivery import Attempt, Cause, Outcome, PendingDelivery, WorkState
from schemas.jobs import Page
from schemas.records import DeliveryRecord
from services.store.sql import WAITING, cursor_of, listed, read_cursor
from services.store.statement import Statement
from services.store.tables import attempt, delivery, payload

_TAKE = Statement(
    select(
        delivery.c.id,
        delivery.c.webhook_id,
        delivery.c.endpoint_id,
        delivery.c.subscriber_id,
        delivery.c.event_id,
        delivery.c.article_id,
        delivery.c.revision,
        delivery.c.sequence,
        delivery.c.tries,
        delivery.c.head,
        payload.c.data,
        delivery.c.tail,
        delivery.c.sha256,
        delivery.c.created_at,
    )
    .outerjoin(payload, payload.c.id == delivery.c.payload_id)
    .where(
        delivery.c.endpoint_id == bindparam("of_endpoint"),
        delivery.c.state == WAITING,
        delivery.c.retrying == bindparam("again"),
        delivery.c.next_at <= bindparam("now"),
    )
    .order_by(delivery.c.next_at, delivery.c.sequence)
    .limit(bindparam("most"))
)
_BODY = Statement(
    select(delivery.c.head, payload.c.data, delivery.c.tail, delivery.c.subscriber_id)
    .outerjoin(payload, payload.c.id == delivery.c.payload_id)
    .where(delivery.c.id == bindparam("of_delivery"))
)
_ROWS = select(*(column for column in delivery.c if column.name not in {"head", "tail", "payload_id", "retrying"}))
_ATTEMPTS = Statement(
    select(attempt).where(attempt.c.delivery_id.in_(listed("ids"))).order_by(attempt.c.at, attempt.c.n)
)


class Wanted(NamedTuple):
    """What a list is filtered by; None: by nothing."""

    subscriber: str | None = None
    webhook: str | None = None
    article: str | None = None
    state: WorkState | None = None


def take(
    connection: Connection, endpoint_id: str, limit: int, exclude: frozenset[str], now: datetime
) -> list[PendingDelivery]:
    """See `Deliveries.take`."""
    taken: list[PendingDelivery] = []
    for again in (0, 1):
        room = limit - len(taken)
        if room <= 0:
            break
        rows = _TAKE.rows(connection, of_endpoint=endpoint_id, again=again, now=now, most=room + len(exclude))
        taken.extend([_pending(row) for row in rows if row.id not in exclude][:room])
    return taken


def _pending(row: Row[Any]) -> PendingDelivery:
    return PendingDelivery.model_construct(
        id=row.id,
        webhook_id=row.webhook_id,
        endpoint_id=row.endpoint_id,
        subscriber_id=row.subscriber_id,
        event_id=row.event_id or row.id,
        article_id=row.article_id or "",
        revision=row.revision or 0,
        sequence=row.sequence,
        attempt=row.tries + 1,
        body=_whole(row),
        body_sha256=row.sha256,
        owed_at=row.created_at,
    )


def _whole(row: Any) -> bytes:
    return row.head if row.tail is None else b"".join((row.head, row.data, row.tail))


def body(connection: Connection, delivery_id: str, subscriber: str | None) -> bytes | None:
    """See `Deliveries.body`."""
    row = _BODY.one(connection, of_delivery=delivery_id)
    if row is None or subscriber not in {None, row.subscriber_id}:
        return None
    return _whole(row)


def get(connection: Connection, delivery_id: str, subscriber: str | None) -> DeliveryRecord | None:
    """See `Deliveries.get`."""
    found = records(connection, _ROWS.where(delivery.c.id == delivery_id))
    return found[0] if found and subscriber in {None, found[0].subscriber_id} else None


def of_article(connection: Connection, article_id: str, limit: int) -> list[DeliveryRecord]:
    """Read an article's deliveries, oldest first."""
    statement = _ROWS.where(delivery.c.article_id == article_id).order_by(delivery.c.created_at, delivery.c.id)
    return records(connection, statement.limit(limit))


def listing(connection: Connection, wanted: Wanted, limit: int, cursor: str | None) -> Page[DeliveryRecord]:
    """See `Deliveries.list`."""
    statement = _ROWS
    for column, value in (
        (delivery.c.subscriber_id, wanted.subscriber),
        (delivery.c.endpoint_id, wanted.webhook),
        (delivery.c.article_id, wanted.article),
        (delivery.c.state, wanted.state and wanted.state.value),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if cursor is not None:
        at, name = read_cursor(cursor, [datetime, str])
        older = (delivery.c.created_at < at) | ((delivery.c.created_at == at) & (delivery.c.id < name))
        statement = statement.where(older)
    statement = statement.order_by(delivery.c.created_at.desc(), delivery.c.id.desc()).limit(limit + 1)
    found = records(connection, statement)
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], None if last is None else cursor_of(last.created_at, last.id))


def records(connection: Connection, statement: Select[Any]) -> list[DeliveryRecord]:
    """Read deliveries with their attempts."""
    rows = connection.execute(statement).all()
    attempts: dict[str, list[Attempt]] = {}
    for row in _ATTEMPTS.find(connection, [row.id for row in rows]):
        attempts.setdefault(row.delivery_id, []).append(_attempt(row))
    return [_record(row, attempts.get(row.id, ())) for row in rows]


def _record(row: Row[Any], attempts: Sequence[Attempt]) -> DeliveryRecord:
    state = WorkState(row.state)
    return DeliveryRecord(
        id=row.id,
        webhook_id=row.webhook_id,
        endpoint_id=row.endpoint_id,
        subscriber_id=row.subscriber_id,
        event_id=row.event_id,
        article_id=row.article_id,
        revision=row.revision,
        type=row.type,
        sequence=row.sequence,
        state=state,
        cause=row.cause,
        tries=row.tries,
        next_attempt_at=row.next_at if state is WorkState.WAITING else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
        replay_of=row.replay_of,
        body_sha256=row.sha256,
        attempts=tuple(attempts),
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        n=row.n,
        at=row.at,
        ms=row.us / 1000,
        outcome=Outcome(row.outcome),
        status=row.status,
        cause=None if row.cause is None else Cause(row.cause),
        detail=row.detail,
        body=row.body,
        truncated=bool(row.truncated),
    )
