"""What the fan-out decides from."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, case, select

from schemas.article import Article
from schemas.delivery import WorkState
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.jobs import FanOutJob
from services.store.accept import state_of
from services.store.columns import parsed
from services.store.fan_out import concerned, owed_earlier
from services.store.feeds import minted, namespace_of
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import article, enrichment, entry, event, revision, work

_of = case((event.c.type == EventType.RETRACTED.value, article.c.shown), else_=event.c.revision)
_WAITING = Statement(
    select(
        event.c.id.label("event_id"),
        event.c.type,
        event.c.revision,
        event.c.facts,
        event.c.traceparent,
        event.c.accepted_at,
        event.c.occurred_at,
        article,
        revision.c.content,
        enrichment.c.data,
        entry.c.entry_id,
    )
    .join(work, and_(work.c.event_id == event.c.id, work.c.stage == "deliver"))
    .join(article, article.c.id == event.c.article_id)
    .outerjoin(revision, and_(revision.c.article_id == article.c.id, revision.c.revision == _of))
    .outerjoin(enrichment, and_(enrichment.c.article_id == article.c.id, enrichment.c.revision == _of))
    .outerjoin(entry, entry.c.article_id == article.c.id)
    .where(event.c.id.in_(listed("ids")), work.c.state == WorkState.WAITING.value)
)


def load(connection: Connection, event_ids: Sequence[str]) -> dict[str, FanOutJob]:
    """See `Deliveries.load`."""
    rows = _WAITING.find(connection, event_ids)
    earlier = owed_earlier(connection, {row.id for row in rows})
    namespace = namespace_of(connection) if rows else UUID(int=0)
    jobs: dict[str, FanOutJob] = {}
    for row in rows:
        owed = concerned(earlier.get(row.id, ()), row.type, row.revision)
        jobs[row.event_id] = _job(row, frozenset(owed), namespace)
    return jobs


def _job(row: Row[Any], owed: frozenset[str], namespace: UUID) -> FanOutJob:
    return FanOutJob(
        event=ThinEvent.model_construct(
            event_id=row.event_id,
            article_id=row.id,
            revision=row.revision,
            facts=row.facts,
            traceparent=row.traceparent,
        ),
        type=EventType(row.type),
        state=state_of(row),
        article=None if row.content is None else parsed(Article, row.content),
        enrichment=None if row.data is None else parsed(Enrichment, row.data),
        owed=owed,
        ever_shown=row.shown > 0,
        accepted_at=row.accepted_at,
        occurred_at=row.occurred_at,
        uri=row.entry_id or minted(row.id, namespace),
    )
