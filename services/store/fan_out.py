"""Writing what an event owes: one delivery per endpoint, its body fixed for good."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from schemas.delivery import WorkState
from schemas.event import EventType
from schemas.jobs import OWED_EARLIER, SUPERSEDED, FanOut, Owed
from schemas.lifecycle import ArticleState
from schemas.subscription import EndpointState
from services.store import settle
from services.store.accept import state_of
from services.store.columns import Moment
from services.store.ledger import Ledger
from services.store.sql import earlier, listed, upsert
from services.store.statement import Statement
from services.store.supersede import is_superseded
from services.store.tables import article, delivery, endpoint, event, mailbox, payload, work

PART = 250
"""Deliveries written in one transaction: an event owed to 10,000 endpoints must not keep the writer for itself."""

_LOCK_ARTICLES = Statement(
    select(article).where(article.c.id.in_(listed("ids"))).order_by(article.c.id).with_for_update(key_share=True)
)
_LOCK_MAILBOXES = Statement(
    select(mailbox.c.endpoint_id, mailbox.c.sequence)
    .where(mailbox.c.endpoint_id.in_(listed("ids")))
    .order_by(mailbox.c.endpoint_id)
    .with_for_update(key_share=True)
)
_ENDPOINTS = Statement(
    select(endpoint.c.id, endpoint.c.state, endpoint.c.subscriber_id).where(
        endpoint.c.id.in_(listed("ids")), endpoint.c.deleted_at.is_(None)
    )
)
_EVENTS = Statement(
    select(event.c.id, event.c.type, event.c.article_id, event.c.revision, work.c.begun_at)
    .join(work, work.c.event_id == event.c.id)
    .where(event.c.id.in_(listed("ids")), work.c.stage == "deliver", work.c.state == WorkState.WAITING.value)
)
_OWED = Statement(
    select(delivery.c.article_id, delivery.c.endpoint_id, delivery.c.subscriber_id, delivery.c.revision)
    .where(delivery.c.article_id.in_(listed("ids")), delivery.c.replay_of.is_(None))
    .order_by(delivery.c.endpoint_id)
)
_WRITTEN = Statement(
    select(delivery.c.event_id, delivery.c.endpoint_id).where(
        delivery.c.event_id.in_(listed("events")),
        delivery.c.endpoint_id.in_(listed("ids")),
        delivery.c.replay_of.is_(None),
    )
)
_BEGIN = Statement(
    update(work).where(work.c.event_id.in_(listed("ids")), work.c.stage == "deliver").values(begun_at=bindparam("now"))
)
_KEEP_PAYLOAD = Statement(upsert(payload).on_conflict_do_nothing())
_ADD_DELIVERIES = Statement(insert(delivery))
_NUMBER = Statement(
    update(mailbox)
    .where(mailbox.c.endpoint_id == bindparam("of_endpoint"))
    .values(
        sequence=bindparam("reached"),
        due_at=earlier(mailbox.c.due_at, bindparam("due", type_=Moment)),
    )
)


class EarlierDelivery(NamedTuple):
    """An endpoint that was owed a revision of the article."""

    endpoint_id: str
    subscriber_id: str
    revision: int


def owed_earlier(connection: Connection, article_ids: Iterable[str]) -> dict[str, list[EarlierDelivery]]:
    """Read who was owed which revision, by article."""
    found: dict[str, list[EarlierDelivery]] = {}
    for row in _OWED.find(connection, sorted(set(article_ids))):
        found.setdefault(row[0], []).append(EarlierDelivery(row[1], row[2], row[3]))
    return found


def concerned(earlier: Iterable[EarlierDelivery], event_type: str, revision: int) -> dict[str, str]:
    """Name the endpoints (→ subscriber) that must hear of a correction or retraction whatever their filter says."""
    upto = revision if event_type == EventType.RETRACTED else revision - 1
    return {each.endpoint_id: each.subscriber_id for each in earlier if each.revision <= upto}


class Part(NamedTuple):
    """A plan, or a slice of its endpoints; the last slice settles the event."""

    plan: FanOut
    owed: Sequence[Owed]
    last: bool


def parts(plans: Sequence[FanOut]) -> list[list[Part]]:
    """Cut plans into transactions of at most PART deliveries each, in order."""
    steps: list[list[Part]] = [[]]
    room = PART
    for plan in plans:
        owed = () if plan.superseded else plan.owed
        start = 0
        while True:
            piece = owed[start : start + room]
            start += len(piece)
            steps[-1].append(Part(plan, piece, start >= len(owed)))
            room -= len(piece) + 1
            if room <= 0:
                steps.append([])
                room = PART
            if start >= len(owed):
                break
    return [step for step in steps if step]


class _FanOut:
    """One transaction."""

    def __init__(self, connection: Connection, step: Sequence[Part], now: datetime, new_id: Callable[[], str]) -> None:
        self.connection = connection
        self.now = now
        self.new_id = new_id
        articles = sorted({part.plan.article_id for part in step})
        self.states: dict[str, ArticleState] = {
            row.id: state_of(row) for row in _LOCK_ARTICLES.find(connection, articles)
        }
        self.earlier: dict[str, list[EarlierDelivery]] = {}
        self.events: dict[str, Row[Any]] = {}
        self.ledger = Ledger(connection)
        self.mailboxes: dict[str, int] = {}
        self.endpoints: dict[str, Row[Any]] = {}
        self.written: set[tuple[str, str]] = set()
        self.payloads: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.woken: dict[str, bool] = {}

    def lock(self, step: Sequence[Part]) -> None:
        """Lock mailboxes, then events, and read under the locks."""
        connection = self.connection
        ids = sorted({part.plan.event_id for part in step})
        self.events = {row.id: row for row in _EVENTS.find(connection, ids)}
        ending = [part.plan for part in step if part.last and part.plan.event_id in self.events]
        self.earlier = owed_earlier(connection, {plan.article_id for plan in ending})
        names = {owed.endpoint_id for part in step for owed in part.owed}
        for plan in ending:
            names.update(self._late(plan))
        wanted = sorted(names)
        self.mailboxes = {row[0]: row[1] for row in _LOCK_MAILBOXES.find(connection, wanted)}
        self.endpoints = {row.id: row for row in _ENDPOINTS.find(connection, wanted)}
        self.ledger.lock(ids)
        self.events = {row.id: row for row in _EVENTS.find(connection, ids)}
        if begun := [row.id for row in self.events.values() if row.begun_at is not None]:
            self.written = {(row[0], row[1]) for row in _WRITTEN.find(connection, wanted, events=begun)}
        _BEGIN.over(connection, [part.plan.event_id for part in step if not part.last], now=self.now)

    def _late(self, plan: FanOut) -> dict[str, str]:
        """Name the endpoints (→ subscriber) that came to be owed a lower revision since the plan was made."""
        found = self.events[plan.event_id]
        named = {each.endpoint_id for each in plan.owed}
        late = concerned(self.earlier.get(found.article_id, ()), found.type, found.revision)
        return {name: whose for name, whose in late.items() if name not in named}

    def apply(self, part: Part) -> None:
        """Write one part's deliveries and, if it is the last, end the event's work."""
        plan = part.plan
        found = self.events.get(plan.event_id)
        if found is None:
            return  # settled before, or unknown
        over = plan.superseded or is_superseded(self.states[found.article_id], found.type, found.revision)
        if not over:
            self._owe(part, found)
        if part.last or over:
            cause = SUPERSEDED if over else None
            settle.done(self.connection, self.ledger, "deliver", [plan.event_id], self.now, cause=cause)
            del self.events[plan.event_id]

    def _owe(self, part: Part, found: Row[Any]) -> None:
        owed = list(part.owed)
        if part.last:
            late = self._late(part.plan)
            owed.extend(Owed(name, whose, (OWED_EARLIER,)) for name, whose in sorted(late.items()))
        for each in owed:
            known = self.endpoints.get(each.endpoint_id)
            if known is None or (found.id, each.endpoint_id) in self.written or each.endpoint_id not in self.mailboxes:
                continue
            self._deliver(part.plan, each, found, active=known.state == EndpointState.ACTIVE, whose=known.subscriber_id)
            self.earlier.setdefault(found.article_id, []).append(
                EarlierDelivery(each.endpoint_id, known.subscriber_id, found.revision)
            )

    def _deliver(self, plan: FanOut, owed: Owed, found: Row[Any], *, active: bool, whose: str) -> None:
        sequence = self.mailboxes[owed.endpoint_id] = self.mailboxes[owed.endpoint_id] + 1
        head, tail = plan.envelope(owed, sequence)
        if tail is not None and not (self.payloads and self.payloads[-1]["id"] == found.id):
            self.payloads.append({"id": found.id, "data": plan.payload})
        state = WorkState.WAITING if active else WorkState.HELD
        delivery_id = self.new_id()
        self.written.add((found.id, owed.endpoint_id))
        self.woken[owed.endpoint_id] = active
        self.ledger.delivery(found.id, None, state)
        self.rows.append(
            {
                "id": delivery_id,
                "webhook_id": delivery_id,
                "endpoint_id": owed.endpoint_id,
                "subscriber_id": whose,
                "event_id": found.id,
                "article_id": found.article_id,
                "revision": found.revision,
                "type": found.type,
                "sequence": sequence,
                "state": state.value,
                "tries": 0,
                "retrying": 0,
                "next_at": self.now,
                "created_at": self.now,
                "payload_id": None if tail is None else found.id,
                "head": head,
                "tail": tail,
                "sha256": sha256(head if tail is None else head + plan.payload + tail).hexdigest(),
            }
        )

    def write(self) -> list[str]:
        """Write everything noted; returns the endpoints that have something to send."""
        _KEEP_PAYLOAD.many(self.connection, self.payloads)
        if self.rows:
            _ADD_DELIVERIES.many(self.connection, self.rows)
            # Due at once, though retries may be planned for later: first tries never wait for them.
            numbered = [
                {"of_endpoint": name, "reached": self.mailboxes[name], "due": self.now if active else None}
                for name, active in sorted(self.woken.items())
            ]
            _NUMBER.many(self.connection, numbered)
        self.ledger.settle()
        return sorted(name for name, active in self.woken.items() if active)


def fan_out(connection: Connection, step: Sequence[Part], now: datetime, new_id: Callable[[], str]) -> list[str]:
    """Write one step; returns the endpoints that have something to send now."""
    work_unit = _FanOut(connection, step, now, new_id)
    work_unit.lock(step)
    for part in step:
        work_unit.apply(part)
    return work_unit.write()
