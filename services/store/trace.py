"""One article through everything, with times."""

from typing import Any

import orjson
from sqlalchemy import Connection, Row, select

from schemas.delivery import WorkState
from schemas.event import EventType
from schemas.records import Trace, TraceEvent, TraceMessage, TraceWork
from services.store.accept import state_of
from services.store.columns import storable
from services.store.delivery_reads import of_article
from services.store.feeds import carried_by
from services.store.ledger import Counts
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import article, enrichment, event, outbox, work

MOST = 1_000
"""Events and deliveries shown at most, the oldest."""

_WORK = Statement(select(work).where(work.c.event_id.in_(listed("ids"))).order_by(work.c.since, work.c.stage))
_MESSAGES = Statement(select(outbox).where(outbox.c.event_id.in_(listed("ids"))).order_by(outbox.c.id))


def trace(connection: Connection, article_id: str) -> Trace | None:
    """See `Store.trace`."""
    article_id = storable(article_id)
    row = connection.execute(select(article).where(article.c.id == article_id)).one_or_none()
    if row is None:
        return None
    events = connection.execute(
        select(event).where(event.c.article_id == article_id).order_by(event.c.accepted_at, event.c.id).limit(MOST)
    ).all()
    ids = [each.id for each in events]
    work_rows: dict[str, list[TraceWork]] = {}
    for each in _WORK.find(connection, ids):
        work_rows.setdefault(each.event_id, []).append(_work(each))
    messages: dict[str, list[TraceMessage]] = {}
    for each in _MESSAGES.find(connection, ids):
        messages.setdefault(each.event_id, []).append(TraceMessage.model_validate(each._asdict()))
    made = {
        each.revision: each
        for each in connection.execute(select(enrichment).where(enrichment.c.article_id == article_id))
    }
    return Trace(
        article_id=article_id,
        status=row.status,
        state=state_of(row),
        version=row.version,
        events=tuple(
            _event(each, work_rows.get(each.id, []), messages.get(each.id, []), made.get(each.revision))
            for each in events
        ),
        feeds=tuple(carried_by(connection, article_id)),
        deliveries=tuple(of_article(connection, article_id, MOST)),
    )


def _work(row: Row[Any]) -> TraceWork:
    return TraceWork(
        stage=row.stage,
        state=WorkState(row.state),
        tries=row.tries,
        cause=row.cause,
        since=row.since,
        not_before=row.not_before,
        finished_at=row.finished_at,
    )


def _event(
    row: Row[Any], work_rows: list[TraceWork], messages: list[TraceMessage], made: Row[Any] | None
) -> TraceEvent:
    own = made if row.type not in {EventType.RETRACTED, EventType.EXPIRED} else None
    return TraceEvent(
        id=row.id,
        type=EventType(row.type),
        revision=row.revision,
        facts=row.facts,
        accepted_at=row.accepted_at,
        occurred_at=row.occurred_at,
        origin=row.origin,
        state=Counts(row.waiting, row.held, row.dead).state,
        traceparent=row.traceparent,
        work=tuple(work_rows),
        messages=tuple(messages),
        enriched_at=None if own is None else own.recorded_at,
        steps={} if own is None else orjson.loads(own.data).get("steps", {}),
    )
