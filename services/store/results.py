"""Recording how attempts ended, under the lease that made them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from schemas.delivery import WorkState
from schemas.jobs import Result
from schemas.subscription import EndpointState
from services.store.endpoints import disable
from services.store.ledger import Ledger
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import attempt, dead_letter, delivery, endpoint, mailbox

_EVENTS = Statement(
    select(delivery.c.event_id).where(delivery.c.id.in_(listed("ids")), delivery.c.event_id.is_not(None))
)
_LOCK_MAILBOXES = Statement(
    select(mailbox.c.endpoint_id, mailbox.c.fence)
    .where(mailbox.c.endpoint_id.in_(listed("ids")))
    .order_by(mailbox.c.endpoint_id)
    .with_for_update(key_share=True)
)
_STATES = Statement(
    select(endpoint.c.id, endpoint.c.state, endpoint.c.deleted_at).where(endpoint.c.id.in_(listed("ids")))
)
_ROWS = Statement(
    select(
        delivery.c.id,
        delivery.c.endpoint_id,
        delivery.c.subscriber_id,
        delivery.c.event_id,
        delivery.c.article_id,
        delivery.c.state,
        delivery.c.cause,
        delivery.c.tries,
    ).where(delivery.c.id.in_(listed("ids")))
)
_ATTEMPTS = Statement(
    select(attempt.c.delivery_id, attempt.c.n, attempt.c.at).where(attempt.c.delivery_id.in_(listed("ids")))
)
_CHANGE = Statement(
    update(delivery)
    .where(delivery.c.id == bindparam("of_delivery"))
    .values(
        state=bindparam("new_state"),
        cause=bindparam("why"),
        tries=bindparam("now_tries"),
        retrying=1,
        next_at=bindparam("due"),
        finished_at=bindparam("finished"),
    )
)
_ADD_ATTEMPTS = Statement(insert(attempt))
_ADD_LETTERS = Statement(insert(dead_letter))
_PAUSE = Statement(
    update(endpoint).where(endpoint.c.id == bindparam("of_endpoint")).values(paused_until=bindparam("until"))
)


class _Recording:
    """One transaction."""

    def __init__(self, connection: Connection, results: Sequence[Result], now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.ledger = Ledger(connection)
        ids = [result.delivery_id for result in results]
        names = sorted({result.endpoint_id for result in results})
        self.fences = {row[0]: row[1] for row in _LOCK_MAILBOXES.find(connection, names)}
        self.endpoints = {row.id: row for row in _STATES.find(connection, names)}
        self.ledger.lock(row[0] for row in _EVENTS.find(connection, ids))
        self.rows: dict[str, Row[Any]] = {row.id: row for row in _ROWS.find(connection, ids)}
        self.states = {name: WorkState(row.state) for name, row in self.rows.items()}
        self.tries = {name: row.tries for name, row in self.rows.items()}
        self.known = {(row[0], row[1], row[2]) for row in _ATTEMPTS.find(connection, ids)}
        self.attempts: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.letters: list[dict[str, Any]] = []
        self.pauses: dict[str, datetime] = {}
        self.disabled: dict[str, str] = {}

    def apply(self, result: Result) -> bool:
        """Note one attempt. False: another owner holds the mailbox now, or there is no such delivery."""
        row = self.rows.get(result.delivery_id)
        if row is None or row.endpoint_id != result.endpoint_id or self.fences.get(row.endpoint_id) != result.fence:
            return False
        key = (row.id, result.attempt.n, result.attempt.at)
        if key in self.known:
            return True
        self.known.add(key)
        self._attempt(row, result)
        if result.pause_endpoint_until is not None:
            later = self.pauses.get(row.endpoint_id, result.pause_endpoint_until)
            self.pauses[row.endpoint_id] = max(later, result.pause_endpoint_until)
        if result.disable_endpoint is not None:
            self.disabled[row.endpoint_id] = result.disable_endpoint
        old = self.states[row.id]
        if old is WorkState.DONE:
            return True  # superseded, or its endpoint deleted, while the request was under way
        self._change(row, result, old, self._state(row, result, old))
        return True

    def _state(self, row: Row[Any], result: Result, old: WorkState) -> WorkState:
        """Say where the delivery goes: one that shall wait is held while its endpoint is not active."""
        if result.state is not WorkState.WAITING:
            return result.state
        known = self.endpoints[row.endpoint_id]
        away = known.state != EndpointState.ACTIVE or row.endpoint_id in self.disabled
        return WorkState.HELD if away or old is WorkState.HELD else WorkState.WAITING

    def _attempt(self, row: Row[Any], result: Result) -> None:
        tried = result.attempt
        self.attempts.append(
            {
                "delivery_id": row.id,
                "at": tried.at,
                "n": tried.n,
                "subscriber_id": row.subscriber_id,
                "us": round(tried.ms * 1000),
                "outcome": tried.outcome.value,
                "status": tried.status,
                "cause": None if tried.cause is None else tried.cause.value,
                "detail": tried.detail,
                "body": tried.body,
                "truncated": int(tried.truncated),
            }
        )

    def _change(self, row: Row[Any], result: Result, old: WorkState, new: WorkState) -> None:
        self.tries[row.id] += int(result.counts_try)
        self.states[row.id] = new
        self.ledger.delivery(row.event_id, old, new)
        ended = new in {WorkState.DONE, WorkState.DEAD}
        self.changes.append(
            {
                "of_delivery": row.id,
                "new_state": new.value,
                "why": result.cause,
                "now_tries": self.tries[row.id],
                "due": None if ended else result.next_attempt_at or self.now,
                "finished": self.now if ended else None,
            }
        )
        if new is WorkState.DEAD:
            self.letters.append(
                {
                    "stage": "deliver",
                    "cause": result.cause or "given up",
                    "detail": result.attempt.detail,
                    "at": self.now,
                    "event_id": row.event_id,
                    "article_id": row.article_id,
                    "delivery_id": row.id,
                }
            )

    def write(self) -> None:
        """Write everything noted."""
        connection = self.connection
        if self.pauses:
            rows = [{"of_endpoint": name, "until": until} for name, until in sorted(self.pauses.items())]
            _PAUSE.many(connection, rows)
        for name, reason in sorted(self.disabled.items()):
            disable(connection, name, reason)
        _ADD_ATTEMPTS.many(connection, self.attempts)
        _CHANGE.many(connection, self.changes)
        _ADD_LETTERS.many(connection, self.letters)
        self.ledger.settle()


def record(connection: Connection, results: Sequence[Result], now: datetime) -> tuple[list[bool], list[str]]:
    """Record attempts; for each, whether its fence still held, and the endpoints that were disabled."""
    recording = _Recording(connection, results, now)
    answers = [recording.apply(result) for result in results]
    recording.write()
    return answers, sorted(recording.disabled)
