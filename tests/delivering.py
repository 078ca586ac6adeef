"""Everything from an accepted article to a partner's server, on a real store, for tests of deliver."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from time import monotonic, time
from typing import Any

from schemas.article import Article, Retraction
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.jobs import Enriched
from schemas.lifecycle import Submission
from schemas.records import DeliveryRecord
from schemas.subscription import BodyFormat, Endpoint, EndpointState, Filter
from services.bus.entry import Batch, Entry
from services.deliver.drain import Drain
from services.deliver.mailbox import Options
from services.deliver.signing import make_secret
from services.deliver.worker import Targets, fan_out_articles
from services.ingest.lifecycle import decide
from services.outbound.aiohttp_sender import AiohttpSender
from services.outbound.guard import AddressPolicy
from services.store import Store, StoreUnavailable

QUICK = Options(timeout_s=5.0, schedule_s=(0.05,) * 4, poll_s=0.05, lease_s=1.0, grace_s=1.0)


class Clock:
    """The time of day, which a test may move ahead."""

    def __init__(self) -> None:
        self._start = datetime.fromtimestamp(time(), UTC)
        self._begun = monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=monotonic() - self._begun)

    def ahead(self, seconds: float) -> None:
        self._start += timedelta(seconds=seconds)


async def eventually(check: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(within_s):
        while not await check():  # noqa: ASYNC110 the store tells nobody
            await asyncio.sleep(0.01)


class World:
    """A store with one subscriber, and the deliver stage on it."""

    def __init__(self, store: Store, sender: AiohttpSender) -> None:
        self.store = store
        self.sender = sender
        self.clock = Clock()
        self._ids = count(1)
        self._targets = Targets(store.endpoints)
        self.drains: list[Drain] = []

    def new_id(self) -> str:
        return f"id_{next(self._ids):06d}"

    def drain(self, options: Options = QUICK, owner: str = "here", **changes: Any) -> Drain:
        drain = Drain(
            changes.pop("store", self.store.deliveries),
            self.store.endpoints,
            changes.pop("sender", self.sender),
            owner=owner,
            clock=self.clock,
            random=lambda: 0.1,
            options=replace(options, **changes),
            waits_for=(StoreUnavailable,),
        )
        self.drains.append(drain)
        return drain

    async def endpoint(
        self,
        url: str,
        *,
        subscriber: str = "partner",
        form: BodyFormat = BodyFormat.FULL,
        headers: dict[str, str] | None = None,
        **wanted: tuple[str, ...],
    ) -> Endpoint:
        await self.store.subscribers.create(subscriber, subscriber, self.clock())
        return await self.store.endpoints.create(
            Endpoint(
                id=self.new_id(),
                subscriber_id=subscriber,
                url=url,
                filter=Filter.model_validate(wanted),
                format=form,
                secret=make_secret(b"s" * 32),
                headers=headers or {},
                state=EndpointState.ACTIVE,
                created_at=self.clock(),
            )
        )

    async def publish(self, article_id: str = "a-1", revision: int | None = None, **fields: Any) -> str:
        """Accept and enrich an article; returns the event, whose fan-out now waits."""
        fields.setdefault("title", f"Title of {article_id}")
        article = Article(id=article_id, revision=revision, **fields)
        digest = sha256(article.model_dump_json(exclude={"revision"}).encode()).hexdigest()
        submission = Submission(type=EventType.PUBLISHED, article=article, content_hash=digest)
        clean = Enrichment(title=article.title, sections=article.sections, lang=article.language or "und")
        return await self._accept(submission, clean)

    async def retract(self, article_id: str = "a-1", revision: int | None = None, **fields: Any) -> str:
        retraction = Retraction(id=article_id, revision=revision, **fields)
        submission = Submission(
            type=EventType.RETRACTED, retraction=retraction, content_hash=retraction.model_dump_json()
        )
        return await self._accept(submission, None)

    async def _accept(self, submission: Submission, clean: Enrichment | None) -> str:
        (accepted,) = await self.store.articles.accept([submission], decide, self.clock(), self.new_id)
        event_id = accepted.receipt.event_id
        await self.store.enrichments.record([Enriched(event_id, clean)], self.clock())
        return event_id

    async def fan_out(self, *event_ids: str) -> None:
        """Let the worker read these events from a stream."""
        thin = [ThinEvent(event_id=event, article_id="any", revision=1, facts=1) for event in event_ids]
        entries = [Entry(f"{n}-0", {}, event.model_dump_json().encode()) for n, event in enumerate(thin)]
        await fan_out_articles(
            Batch("article.enriched", "deliver", entries, self.clock()),
            store=self.store.deliveries,
            targets=self._targets,
            clock=self.clock,
            new_id=self.new_id,
            wake=self.wake,
        )

    async def send(self, *articles: str, **fields: Any) -> None:
        """Publish and fan out."""
        for article_id in articles or ("a-1",):
            await self.fan_out(await self.publish(article_id, **fields))

    def wake(self, endpoint_ids: Sequence[str] | Any) -> None:
        for drain in self.drains:
            drain.wake(endpoint_ids)

    async def deliveries(self, **wanted: Any) -> list[DeliveryRecord]:
        """All of them, oldest first."""
        page = await self.store.deliveries.list(limit=1_000, **wanted)
        return sorted(page.items, key=lambda record: (record.created_at, record.sequence))

    async def settled(self, within_s: float = 10.0) -> list[DeliveryRecord]:
        """Wait until nothing waits any more."""

        async def none_waits() -> bool:
            return (await self.store.stats(self.clock())).deliveries.waiting == 0

        await eventually(none_waits, within_s)
        return await self.deliveries()


@asynccontextmanager
async def world(database_url: str) -> AsyncGenerator[World]:
    """Open a store, and close everything afterwards."""
    async with Store.open(database_url) as store:
        await store.migrate()
        sender = AiohttpSender(AddressPolicy.of(["127.0.0.0/8"]))
        here = World(store, sender)
        try:
            yield here
        finally:
            for drain in here.drains:
                await drain.stop()
            await sender.close()
