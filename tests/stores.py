"""Stores for tests, and a newsroom that drives one through the stages with the real lifecycle rules.

`store` runs a test on SQLite and on PostgreSQL; `store_urls` makes as many handles on one database as asked.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from schemas.article import Article, Retraction, RetractionKind
from schemas.delivery import Attempt, Outcome, WorkState
from schemas.enrichment import Enrichment
from schemas.event import EventType
from schemas.feed import Entry
from schemas.jobs import Accepted, Enriched, FanOut, FeedRef, Owed, Result, SyndicateJob, SyndicatePlan
from schemas.lifecycle import Submission
from schemas.subscription import BodyFormat, Endpoint, EndpointState, Filter
from services.ingest.core import decide
from services.store import Store
from tests.servers_postgres import PostgresServer

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECTION = FeedRef("section/world", "World", "section")
ALL = FeedRef("all", "All stories", "all")


def article(article_id: str = "a1", title: str = "Bonjour", **fields: Any) -> Article:
    return Article(id=article_id, title=title, **fields)


def published(content: Article, **fields: Any) -> Submission:
    said = repr(content.model_copy(update={"revision": None}))
    values: dict[str, Any] = {
        "type": EventType.PUBLISHED,
        "article": content,
        "content_hash": sha256(said.encode("utf-8", "replace")).hexdigest(),
        **fields,
    }
    return Submission(**values)


def retracted(article_id: str = "a1", **fields: Any) -> Submission:
    taken = Retraction(
        id=article_id,
        revision=fields.pop("revision", None),
        kind=fields.pop("kind", RetractionKind.WITHDRAW),
        reason=fields.pop("reason", None),
    )
    values: dict[str, Any] = {"type": EventType.RETRACTED, "retraction": taken, "content_hash": "-", **fields}
    return Submission(**values)


def entry_of(job: SyndicateJob, **changes: Any) -> Entry:
    assert job.shown is not None
    values: dict[str, Any] = {
        "id": job.entry_id,
        "article_id": job.event.article_id,
        "key": job.key,
        "revision": job.shown.revision,
        "title": job.shown.enrichment.title,
        "published": job.first_accepted_at,
        "updated": job.shown.accepted_at,
        **changes,
    }
    return Entry(**values)


OpenAgain = Callable[..., Store]


class Newsroom:
    """Drives a store; its clock stands still unless told to move, its ids count."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self._ids = count(1)

    def new_id(self) -> str:
        return f"id{next(self._ids):08}"

    def later(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now

    async def accept(self, *submissions: Submission) -> list[Accepted]:
        return await self.store.articles.accept(submissions, decide, self.now, self.new_id)

    async def take(self, submission: Submission) -> str:
        """Accept one; its event id."""
        [accepted] = await self.accept(submission)
        assert accepted.receipt.outcome in {"accepted", "stale"}, accepted
        return accepted.receipt.event_id

    async def enrich(self, *event_ids: str) -> None:
        jobs = await self.store.enrichments.load(event_ids)
        done = [
            Enriched(
                event_id,
                None
                if job.article is None
                else Enrichment(title=job.article.title, lang=job.article.language or "und"),
            )
            for event_id, job in jobs.items()
        ]
        await self.store.enrichments.record(done, self.now)

    async def syndicate(
        self, *event_ids: str, feeds: tuple[FeedRef, ...] = (ALL, SECTION), left: bool = False
    ) -> list[str]:
        """Carry what may be seen in the feeds; the feeds that moved."""
        jobs = await self.store.feeds.load(event_ids)
        rows = await self.store.feeds.record([plan_of(job, feeds, left=left) for job in jobs.values()], self.now)
        return [row.payload.decode() for row in rows]

    async def endpoint(self, name: str = "w1", owner: str = "p1", **fields: Any) -> Endpoint:
        await self.store.subscribers.create(owner, owner.upper(), self.now)
        values: dict[str, Any] = {
            "id": name,
            "subscriber_id": owner,
            "url": "https://partner.example/hook",
            "filter": Filter(),
            "format": BodyFormat.FULL,
            "secret": "whsec_" + "s" * 32,
            "headers": {},
            "state": EndpointState.ACTIVE,
            "created_at": self.now,
            **fields,
        }
        return await self.store.endpoints.create(Endpoint(**values))

    async def fan_out(self, *event_ids: str, to: Sequence[str] = ("w1",), superseded: bool = False) -> list[str]:
        jobs = await self.store.deliveries.load(event_ids)
        plans = [
            FanOut(
                event_id,
                job.event.article_id,
                job.event.revision,
                f"[{event_id}]".encode(),
                [Owed(name, "p1", ("all",)) for name in sorted({*to, *job.owed})],
                envelope,
                superseded,
            )
            for event_id, job in jobs.items()
        ]
        return await self.store.deliveries.fan_out(plans, self.now, self.new_id)

    async def through(self, submission: Submission, to: Sequence[str] = ("w1",)) -> str:
        """Take one event through every stage; its id."""
        event_id = await self.take(submission)
        await self.enrich(event_id)
        await self.syndicate(event_id)
        await self.fan_out(event_id, to=to)
        return event_id

    async def lease(self, endpoint_id: str = "w1", owner: str = "me") -> int:
        fence = await self.store.deliveries.lease(endpoint_id, owner, self.now + timedelta(seconds=30), self.now)
        assert fence is not None
        return fence

    async def pending(self, endpoint_id: str = "w1") -> list[str]:
        return [one.id for one in await self.store.deliveries.take(endpoint_id, 100, (), self.now)]

    def result(self, delivery_id: str, fence: int, state: WorkState = WorkState.DONE, **fields: Any) -> Result:
        outcome = Outcome.OK if state is WorkState.DONE else Outcome.RETRY
        tried = Attempt(
            n=fields.pop("n", 1), at=self.now, ms=12.5, outcome=outcome, status=200 if outcome == "ok" else 500
        )
        values: dict[str, Any] = {
            "delivery_id": delivery_id,
            "endpoint_id": "w1",
            "fence": fence,
            "attempt": tried,
            "state": state,
            **fields,
        }
        return Result(**values)

    async def sums(self) -> dict[str, int]:
        """P4's sum; it closes, and agrees with the rows."""
        stats = await self.store.stats(self.now)
        assert stats.accepted == stats.done + stats.waiting + stats.held + stats.dead
        sums = stats.deliveries
        assert sums.owed == sums.done + sums.waiting + sums.held + sums.dead
        assert await self.store.work.differences() == {}
        return {
            name: number for name in ("accepted", "done", "waiting", "held", "dead") if (number := getattr(stats, name))
        }


def plan_of(job: SyndicateJob, feeds: tuple[FeedRef, ...], *, left: bool = False) -> SyndicatePlan:
    entry = None
    if job.shown is not None and (job.feeds_ever or not job.state.is_retracted):
        state = "published"
        if job.state.is_retracted:
            state = "takedown" if job.state.retraction_kind is RetractionKind.TAKEDOWN else "withdrawn"
        entry = entry_of(job, state=state)
        if job.state.is_retracted:
            entry = entry.model_copy(update={"gone_at": job.state.retracted_at or entry.updated})
    bodies = {} if entry is None else {name: f"<{name}>{entry.title}{entry.state}".encode() for name in ("rss", "atom")}
    return SyndicatePlan(job.event.event_id, job.event.article_id, job.version, entry, bodies, feeds, left)


def envelope(owed: Owed, sequence: int) -> tuple[bytes, bytes | None]:
    return f'{{"sequence":{sequence},"matched":"{owed.matched}"'.encode(), b"}"


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> Iterator[str]:
    """A database with all tables and nothing in it, to be copied."""
    import asyncio

    async def build(url: str) -> None:
        async with Store.open(url) as store:
            await store.migrate()

    name = postgres_server.create()
    asyncio.run(build(postgres_server.url(name)))
    yield name
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and nothing in it."""
    if request.param == "sqlite":
        yield str(tmp_path / "store.sqlite")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with Store.open(store_url) as opened:
        await opened.migrate()
        yield opened


@pytest.fixture
def room(store: Store) -> Newsroom:
    return Newsroom(store)


@pytest.fixture
async def open_again(store: Store, store_url: str) -> AsyncIterator[OpenAgain]:
    """Open further handles on the same database; they are closed at the end."""
    opened: list[Store] = []

    def again(*, readonly: bool = False) -> Store:
        opened.append(Store.open(store_url, readonly=readonly))
        return opened[-1]

    yield again
    for one in opened:
        await one.close()
