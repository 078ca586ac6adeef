"""P3: once a retraction is committed, no earlier revision leaves again."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from schemas.delivery import WorkState
from schemas.event import EventType
from schemas.jobs import SUPERSEDED
from schemas.lifecycle import ArticleState
from services.store.ledger import Ledger
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import delivery

_OPEN = [WorkState.WAITING.value, WorkState.HELD.value]
_CONCERNED = Statement(
    select(delivery.c.id, delivery.c.event_id, delivery.c.state, delivery.c.revision).where(
        delivery.c.article_id == bindparam("article_id"),
        delivery.c.state.in_(_OPEN),
        delivery.c.type != EventType.RETRACTED.value,
    )
)
_END = Statement(
    update(delivery)
    .where(delivery.c.id.in_(listed("ids")), delivery.c.state.in_(_OPEN))
    .values(state=WorkState.DONE.value, cause=SUPERSEDED, finished_at=bindparam("now"), next_at=None)
)


def is_superseded(state: ArticleState, event_type: str, revision: int) -> bool:
    """Say whether a retraction has overtaken this revision's content."""
    if event_type == EventType.RETRACTED:
        return False
    return state.retracted > 0 and (state.is_retracted or revision <= state.retracted)


def supersede(connection: Connection, ledger: Ledger, article_id: str, state: ArticleState, now: datetime) -> None:
    """End the article's open deliveries that a retraction has overtaken. The caller holds the article's lock."""
    found = [
        row
        for row in _CONCERNED.rows(connection, article_id=article_id)
        if is_superseded(state, EventType.UPDATED, row.revision)
    ]
    if not found:
        return
    ledger.lock(row.event_id for row in found)
    # Their events are locked now: what they stand at cannot change any more.
    again = {row.id: row for row in _CONCERNED.rows(connection, article_id=article_id)}
    ended = [again[row.id] for row in found if row.id in again]
    _END.over(connection, [row.id for row in ended], now=now)
    for row in ended:
        ledger.delivery(row.event_id, WorkState(row.state), WorkState.DONE)
