"""Deliveries on request: once more, try again, a test."""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from schemas.delivery import WorkState
from schemas.event import EventType
from schemas.jobs import Owed
from schemas.lifecycle import ArticleState
from schemas.subscription import EndpointState
from services.store.accept import state_of
from services.store.ledger import Ledger
from services.store.mailboxes import SOONER, lock
from services.store.statement import Statement
from services.store.supersede import is_superseded
from services.store.tables import article, dead_letter, delivery, endpoint, mailbox, payload

TEST = "wireroom.test"
"""The type of a test delivery."""

_ROW = Statement(select(delivery).where(delivery.c.id == bindparam("of_delivery")))
_LOCK_ARTICLE = Statement(
    select(article).where(article.c.id == bindparam("of_article")).with_for_update(key_share=True)
)
_RETRACTION = Statement(
    select(delivery)
    .where(
        delivery.c.article_id == bindparam("of_article"),
        delivery.c.endpoint_id == bindparam("of_endpoint"),
        delivery.c.type == EventType.RETRACTED.value,
    )
    .order_by(delivery.c.revision.desc(), delivery.c.sequence.desc())
    .limit(1)
)
_ENDPOINT = Statement(
    select(endpoint.c.state, endpoint.c.subscriber_id).where(
        endpoint.c.id == bindparam("of_endpoint"), endpoint.c.deleted_at.is_(None)
    )
)
_SEQUENCE = Statement(
    update(mailbox)
    .where(mailbox.c.endpoint_id == bindparam("of_endpoint"))
    .values(sequence=mailbox.c.sequence + 1)
    .returning(mailbox.c.sequence)
)
_AGAIN = Statement(
    update(delivery)
    .where(delivery.c.id == bindparam("of_delivery"))
    .values(state=bindparam("new"), cause=None, next_at=bindparam("now"), finished_at=None)
)
_ADD = Statement(insert(delivery))
_CLOSE_LETTERS = Statement(
    update(dead_letter)
    .where(dead_letter.c.delivery_id == bindparam("of_delivery"), dead_letter.c.closed.is_(None))
    .values(closed="retried", closed_at=bindparam("now"))
)


def _active(connection: Connection, endpoint_id: str) -> bool | None:
    """Lock the mailbox and read its endpoint's state under the lock. None: there is none."""
    lock(connection, endpoint_id)
    row = _ENDPOINT.one(connection, of_endpoint=endpoint_id)
    return None if row is None else row.state == EndpointState.ACTIVE


def _lifecycle(connection: Connection, article_id: str | None) -> ArticleState:
    row = _LOCK_ARTICLE.one(connection, of_article=article_id)
    return ArticleState() if row is None else state_of(row)


def _find(connection: Connection, delivery_id: str, subscriber: str | None) -> Row[Any] | None:
    row = _ROW.one(connection, of_delivery=delivery_id)
    return row if row is not None and subscriber in {None, row.subscriber_id} else None


def _enter(connection: Connection, row: dict[str, Any], now: datetime, *, active: bool) -> None:
    """Write a new delivery and wake its mailbox."""
    state = WorkState.WAITING if active else WorkState.HELD
    ledger = Ledger(connection)
    if row["event_id"] is not None:
        ledger.lock([row["event_id"]])
    fresh = {"state": state.value, "tries": 0, "retrying": 0, "next_at": now, "created_at": now}
    _ADD.run(connection, **row, **fresh)
    ledger.delivery(row["event_id"], None, state)
    if active:
        SOONER.run(connection, of_endpoint=row["endpoint_id"], due=now)
    ledger.settle()


def replay(
    connection: Connection, delivery_id: str, now: datetime, new_id: Callable[[], str], subscriber: str | None
) -> str | None:
    """See `Deliveries.replay`."""
    found = _find(connection, delivery_id, subscriber)
    if found is None:
        return None
    state = _lifecycle(connection, found.article_id)
    active = _active(connection, found.endpoint_id)
    if found.article_id is not None and is_superseded(state, found.type, found.revision):
        found = _RETRACTION.one(connection, of_article=found.article_id, of_endpoint=found.endpoint_id)
    if found is None or active is None:
        return None
    new = new_id()
    kept = (
        "webhook_id",
        "endpoint_id",
        "subscriber_id",
        "event_id",
        "article_id",
        "revision",
        "type",
        "sequence",
        "payload_id",
        "head",
        "tail",
        "sha256",
    )
    row = {name: getattr(found, name) for name in kept}
    _enter(connection, row | {"id": new, "replay_of": found.replay_of or found.id}, now, active=active)
    return new


def retry(connection: Connection, delivery_id: str, now: datetime, subscriber: str | None) -> bool:
    """See `Deliveries.retry`."""
    seen = _find(connection, delivery_id, subscriber)
    if seen is None:
        return False
    state = _lifecycle(connection, seen.article_id)
    active = _active(connection, seen.endpoint_id)
    ledger = Ledger(connection)
    if seen.event_id is not None:
        ledger.lock([seen.event_id])
    found = _ROW.one(connection, of_delivery=delivery_id)
    over = found.article_id is not None and is_superseded(state, found.type, found.revision)
    if active is None or over or found.state == WorkState.DONE:
        return False
    new = WorkState.WAITING if active else WorkState.HELD
    _AGAIN.run(connection, of_delivery=delivery_id, new=new.value, now=now)
    _CLOSE_LETTERS.run(connection, of_delivery=delivery_id, now=now)
    if active:
        SOONER.run(connection, of_endpoint=found.endpoint_id, due=now)
    if found.state != new:
        ledger.delivery(found.event_id, WorkState(found.state), new)
    ledger.settle()
    return True


def test(
    connection: Connection,
    endpoint_id: str,
    data: bytes,
    envelope: Callable[[Owed, int], tuple[bytes, bytes | None]],
    *,
    now: datetime,
    new_id: Callable[[], str],
    subscriber: str | None,
) -> str | None:
    """See `Deliveries.test`."""
    active = _active(connection, endpoint_id)
    if active is None:
        return None
    whose = _ENDPOINT.one(connection, of_endpoint=endpoint_id).subscriber_id
    if subscriber not in {None, whose}:
        return None
    sequence = _SEQUENCE.one(connection, of_endpoint=endpoint_id).sequence
    head, tail = envelope(Owed(endpoint_id, whose, ()), sequence)
    new = new_id()
    if tail is not None:
        connection.execute(insert(payload), {"id": new, "data": data})
    row = {
        "id": new,
        "webhook_id": new,
        "endpoint_id": endpoint_id,
        "subscriber_id": whose,
        "event_id": None,
        "type": TEST,
        "sequence": sequence,
        "payload_id": None if tail is None else new,
        "head": head,
        "tail": tail,
        "sha256": sha256(head if tail is None else head + data + tail).hexdigest(),
    }
    _enter(connection, row, now, active=active)
    return new
