"""What the enrich stage loads and records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, insert, select, update

from schemas.article import Article
from schemas.delivery import WorkState
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.jobs import Enriched, EnrichJob, OutboxRow
from schemas.topics import ENRICHED
from services.store import settle
from services.store.accept import work_row
from services.store.columns import Moment, document, parsed
from services.store.database import Database
from services.store.ledger import Ledger
from services.store.outbox_rows import Message, add, thin
from services.store.sql import earlier, listed, upsert
from services.store.statement import Statement
from services.store.tables import article, enrichment, event, revision, term, work

_WAITING = Statement(
    select(
        event.c.id,
        event.c.type,
        event.c.article_id,
        event.c.revision,
        event.c.facts,
        event.c.traceparent,
        event.c.accepted_at,
        revision.c.content,
    )
    .join(work, and_(work.c.event_id == event.c.id, work.c.stage == "enrich"))
    .outerjoin(
        revision,
        and_(
            revision.c.article_id == event.c.article_id,
            revision.c.revision == event.c.revision,
            event.c.type != EventType.RETRACTED.value,
        ),
    )
    .where(event.c.id.in_(listed("ids")), work.c.state == WorkState.WAITING.value)
)
_EVENTS = Statement(
    select(
        event.c.id,
        event.c.type,
        event.c.article_id,
        event.c.revision,
        event.c.facts,
        event.c.traceparent,
        event.c.origin,
    ).where(event.c.id.in_(listed("ids")))
)
_ARTICLES = Statement(
    select(article.c.id, article.c.shown, article.c.status)
    .where(article.c.id.in_(listed("ids")))
    .order_by(article.c.id)
    .with_for_update(key_share=True)
)
_TIMES = Statement(
    select(
        revision.c.article_id,
        revision.c.revision,
        revision.c.accepted_at,
        revision.c.published_at,
        revision.c.embargo_until,
        revision.c.expires_at,
        revision.c.facts,
    ).where(revision.c.article_id.in_(listed("ids")), revision.c.revision.in_(listed("numbers")))
)
_ADD_EVENTS = Statement(insert(event))
_ADD_WORK = Statement(insert(work))
_CHANGE = Statement(
    update(article)
    .where(article.c.id == bindparam("article_id"))
    .values(
        version=article.c.version + bindparam("steps"),
        shown=bindparam("now_shown"),
        status=bindparam("now_status"),
        first_published=earlier(article.c.first_published, bindparam("published", type_=Moment)),
        first_opened=earlier(article.c.first_opened, bindparam("opened", type_=Moment)),
        changed_at=bindparam("now"),
    )
)
_FLAG = Statement(
    update(revision)
    .where(revision.c.article_id == bindparam("of_article"), revision.c.revision == bindparam("number"))
    .values(
        facts=case((revision.c.facts < bindparam("given"), bindparam("given")), else_=revision.c.facts),
        expired=bindparam("is_expired"),
    )
)
_insert = upsert(enrichment)
_KEEP = Statement(
    _insert.on_conflict_do_update(
        index_elements=["article_id", "revision"],
        set_={name: _insert.excluded[name] for name in ("facts", "data", "recorded_at")},
        where=enrichment.c.facts <= _insert.excluded.facts,
    )
)
_ADD_TERMS = Statement(upsert(term).on_conflict_do_nothing())


@dataclass
class _Changing:
    """An article as one transaction changes it."""

    shown: int
    status: str
    steps: int = 0  # its version grows by so much
    published: datetime | None = None
    opened: datetime | None = None

    def enriched(self, number: int, times: Row[Any], now: datetime) -> None:
        """Note that a revision is ready; until its embargo ends it changes nothing that could be seen."""
        if times.embargo_until is not None and times.embargo_until > now:
            self.status = "embargoed" if self.status == "received" else self.status
            return
        opened = opens_at(times)
        self.opened = opened if self.opened is None else min(self.opened, opened)
        if times.published_at is not None:
            self.published = times.published_at if self.published is None else min(self.published, times.published_at)
        if number > self.shown:
            self.shown = number
            if self.status not in {"withdrawn", "takedown"}:
                self.status = "expired" if is_over(times, now) else "published"


def opens_at(times: Row[Any]) -> datetime:
    """Say since when readers may see a revision: when it was accepted, or its embargo's end."""
    return max(times.accepted_at, times.embargo_until or times.accepted_at)


def is_over(times: Row[Any], now: datetime) -> bool:
    """Say whether a revision has expired."""
    return times.expires_at is not None and times.expires_at <= now


class _Recording:
    """One transaction's writes, collected."""

    def __init__(self, connection: Connection, now: datetime, rows: dict[str, Row[Any]]) -> None:
        self.connection = connection
        self.now = now
        self.rows = rows
        ids = sorted({row.article_id for row in rows.values()})
        self.articles: dict[str, _Changing] = {
            row.id: _Changing(row.shown, row.status) for row in _ARTICLES.find(connection, ids)
        }
        self.ledger = Ledger(connection)
        self.settled = settle.done(connection, self.ledger, "enrich", rows, now)
        numbers = sorted({rows[name].revision for name in self.settled})
        self.times: dict[tuple[str, int], Row[Any]] = {}
        if numbers:
            touched = sorted({rows[name].article_id for name in self.settled})
            self.times = {(row[0], row[1]): row for row in _TIMES.find(connection, touched, numbers=numbers)}
        self.work: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.messages: list[Message] = []
        self.kept: list[dict[str, Any]] = []
        self.flags: list[dict[str, Any]] = []
        self.terms: list[dict[str, Any]] = []

    def pass_on(self, done: Enriched) -> None:
        """Note what follows from one enrichment."""
        row = self.rows[done.event_id]
        known = self.articles[row.article_id]
        known.steps += 1
        until: datetime | None = None
        times = self.times.get((row.article_id, row.revision))
        if row.type != EventType.RETRACTED and times is not None and done.enrichment is not None:
            until = times.embargo_until if times.embargo_until and times.embargo_until > self.now else None
            self._keep(row, done.enrichment)
            known.enriched(row.revision, times, self.now)
            if is_over(times, self.now):
                self.flags.append(_flag(row, times.facts, expired=True))
            elif times.expires_at is not None:
                self._expiry(row, times.expires_at, max(times.facts, row.facts) + 1)
        state = WorkState.WAITING if until is None else WorkState.HELD
        for stage in ENRICHED.groups:
            self.work.append(work_row(row.id, stage, self.now, state, until))
            self.ledger.work(row.id, stage, None, state)
        body = thin(row.id, row.article_id, row.revision, row.facts, row.traceparent)
        self.messages.append(Message(ENRICHED.name, body, row.id, until))

    def _keep(self, row: Row[Any], made: Enrichment) -> None:
        self.kept.append(
            {
                "article_id": row.article_id,
                "revision": row.revision,
                "facts": row.facts,
                "data": document(made),
                "recorded_at": self.now,
            }
        )
        if made.lang != "und":
            slug = made.lang.split("-")[0].lower()
            self.terms.append({"kind": "lang", "slug": slug, "article_id": row.article_id})

    def _expiry(self, row: Row[Any], at: datetime, facts: int) -> None:
        """Enter the event that will take the revision out of the feeds; its id follows from the first event's."""
        event_id = f"{row.id}x"
        counts = self.ledger.accepted(event_id, syndicate=WorkState.HELD)
        self.events.append(
            {
                "id": event_id,
                "type": EventType.EXPIRED.value,
                "article_id": row.article_id,
                "revision": row.revision,
                "facts": facts,
                "accepted_at": self.now,
                "origin": row.origin,
                "traceparent": row.traceparent,
                **counts,
            }
        )
        self.work.append(work_row(event_id, "syndicate", self.now, WorkState.HELD, at))
        body = thin(event_id, row.article_id, row.revision, facts, row.traceparent)
        self.messages.append(Message(ENRICHED.name, body, event_id, at))
        self.flags.append(_flag(row, facts, expired=False))

    def _changes(self) -> list[dict[str, Any]]:
        return [
            {
                "article_id": name,
                "now_shown": known.shown,
                "now_status": known.status,
                "steps": known.steps,
                "published": known.published,
                "opened": known.opened,
                "now": self.now,
            }
            for name, known in self.articles.items()
            if known.steps
        ]

    def write(self) -> list[OutboxRow]:
        """Write everything noted; returns the rows to publish at once."""
        connection = self.connection
        _KEEP.many(connection, self.kept)
        _FLAG.many(connection, self.flags)
        _ADD_TERMS.many(connection, self.terms)
        _CHANGE.many(connection, self._changes())
        _ADD_EVENTS.many(connection, self.events)
        _ADD_WORK.many(connection, self.work)
        rows = add(connection, self.messages, self.now)
        self.ledger.settle()
        return [row for row in rows if row.not_before is None]


def _flag(row: Row[Any], facts: int, *, expired: bool) -> dict[str, Any]:
    return {"of_article": row.article_id, "number": row.revision, "given": facts, "is_expired": int(expired)}


class Enrichments:
    """Jobs of the enrich stage, and what became of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, event_ids: Sequence[str]) -> dict[str, EnrichJob]:
        """Read the events whose enrichment is still waiting; others (settled, unknown) are left out."""

        def query(connection: Connection) -> dict[str, EnrichJob]:
            return {row.id: _job(row) for row in _WAITING.find(connection, event_ids)}

        return await self._database.read(query)

    async def record(self, done: Sequence[Enriched], now: datetime) -> list[OutboxRow]:
        """Keep the enrichments and pass their events on to feeds and webhooks; returns what to publish now.

        An embargo that lies after `now` holds both until then. `expires_at` enters one more event, of type
        article.expired. A repeat changes nothing.
        """

        def unit(connection: Connection) -> list[OutboxRow]:
            rows = {row.id: row for row in _EVENTS.find(connection, [each.event_id for each in done])}
            recording = _Recording(connection, now, rows)
            left = set(recording.settled)
            for each in done:
                if each.event_id in left:
                    left.discard(each.event_id)
                    recording.pass_on(each)
            return recording.write()

        return await self._database.write(unit)


def _job(row: Row[Any]) -> EnrichJob:
    return EnrichJob(
        event=ThinEvent.model_construct(
            event_id=row.id,
            article_id=row.article_id,
            revision=row.revision,
            facts=row.facts,
            traceparent=row.traceparent,
        ),
        type=EventType(row.type),
        article=None if row.content is None else parsed(Article, row.content),
        accepted_at=row.accepted_at,
    )
