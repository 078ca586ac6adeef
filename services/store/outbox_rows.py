"""Writing outbox rows: always in the transaction of the effect that they announce."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, insert, select

from schemas.delivery import WorkState
from schemas.event import ThinEvent
from schemas.jobs import OutboxRow
from schemas.topics import ACCEPTED, ENRICHED, READS
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import outbox, work

GRACE = timedelta(seconds=2)
"""A fresh row is published by whoever made it; the sweeper takes it up only after so long."""

_INSERT = Statement(insert(outbox).returning(outbox.c.id))


class Message(NamedTuple):
    """What goes on a stream. `not_before` None: at once."""

    stream: str
    payload: bytes
    event_id: str | None
    not_before: datetime | None = None


def thin(event_id: str, article_id: str, revision: int, facts: int, traceparent: str | None) -> bytes:
    """Make a thin event's bytes."""
    made = ThinEvent(event_id=event_id, article_id=article_id, revision=revision, facts=facts, traceparent=traceparent)
    return made.model_dump_json(exclude_none=True).encode()


def add(connection: Connection, messages: Sequence[Message], now: datetime) -> list[OutboxRow]:
    """Commit messages with the caller's transaction; returns their rows in order."""
    if not messages:
        return []
    rows: list[dict[str, Any]] = [
        {
            "stream": message.stream,
            "event_id": message.event_id,
            "payload": message.payload,
            "created_at": now,
            "due_at": message.not_before or now + GRACE,
            "adds": 0,
        }
        for message in messages
    ]
    ids = [row.id for row in _INSERT.each(connection, rows)]
    return [
        OutboxRow(number, message.stream, message.payload, message.event_id, None, message.not_before)
        for number, message in zip(ids, messages, strict=True)
    ]


_GROUPS = {topic.name: topic.groups for topic in (ACCEPTED, ENRICHED)}
_ALONE = Statement(delete(outbox).where(outbox.c.event_id.in_(listed("ids")), outbox.c.stream == ACCEPTED.name))
_LAST = Statement(
    delete(outbox).where(
        outbox.c.event_id.in_(listed("ids")),
        outbox.c.stream == ENRICHED.name,
        ~exists(
            select(work.c.event_id).where(
                work.c.event_id == outbox.c.event_id,
                work.c.stage.in_(_GROUPS[ENRICHED.name]),
                work.c.state.in_([WorkState.WAITING.value, WorkState.HELD.value]),
            )
        ),
    )
)


def close(connection: Connection, stage: str, event_ids: Iterable[str]) -> None:
    """Delete the rows whose message every group has now settled."""
    statement = _ALONE if READS[stage] is ACCEPTED else _LAST
    statement.over(connection, event_ids)
