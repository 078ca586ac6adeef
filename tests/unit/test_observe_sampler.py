"""One sample for all viewers; a source that fails or hangs is unknown, and hides nobody else's numbers."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from schemas.records import StageStats, Stats
from schemas.topics import READS, TOPICS
from services.bus import Batch, GroupStats, MemoryBus, MemoryServer, ServerStats, SubscriberHealth
from services.observe.health import Health
from services.observe.sampler import Sampler

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def clock() -> datetime:
    return NOW


class Books:
    """Stands for the store's sums."""

    def __init__(self) -> None:
        self.asked = 0
        self.done = 0
        self.fault: Exception | None = None
        self.often = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def stats(self, now: datetime) -> Stats:
        self.asked += 1
        if self.asked >= 3:
            self.often.set()
        await self.go.wait()
        if self.fault:
            raise self.fault
        return Stats(at=now, stages={"enrich": StageStats(done=self.done)})


class Streams:
    """Stands for a bus whose server can be lost."""

    def __init__(self) -> None:
        self.reachable = True
        self.subscribers: list[SubscriberHealth] = []

    async def stats(self) -> Sequence[GroupStats]:
        if not self.reachable:
            raise ConnectionError("gone")
        return [GroupStats("article.accepted", "enrich", 4, 1, 2.0, 1.0, 1)]

    async def server(self) -> ServerStats:
        return ServerStats(reachable=self.reachable)

    def health(self) -> Sequence[SubscriberHealth]:
        return self.subscribers


async def test_viewers_at_once_share_one_sample() -> None:
    books = Books()
    books.go.clear()
    sampler = Sampler(books, None, clock=clock)
    viewers = [asyncio.create_task(sampler.fresh()) for _ in range(20)]
    await asyncio.sleep(0)
    books.go.set()
    readings = await asyncio.gather(*viewers)
    assert books.asked == 1
    assert all(reading is readings[0] for reading in readings)


async def test_a_viewer_who_comes_a_moment_later_gets_the_same_sample() -> None:
    books = Books()
    sampler = Sampler(books, None, clock=clock)
    assert await sampler.fresh() is await sampler.fresh(max_age_s=60)
    assert await sampler.fresh() is not await sampler.fresh(max_age_s=0)
    assert books.asked == 2


async def test_a_viewer_who_leaves_does_not_take_the_sample_along() -> None:
    books = Books()
    books.go.clear()
    sampler = Sampler(books, None, clock=clock)
    leaving, staying = asyncio.create_task(sampler.fresh()), asyncio.create_task(sampler.fresh())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    books.go.set()
    assert (await staying).stats is not None
    assert books.asked == 1


async def test_a_store_that_fails_or_hangs_is_unknown_and_redis_is_still_told() -> None:
    books, streams = Books(), Streams()
    sampler = Sampler(books, streams, clock=clock, answer_s=0.01)
    books.fault = RuntimeError("locked")
    reading = await sampler.fresh(0)
    assert reading.stats is None
    assert reading.groups[0][2:] == (4, 1, 2.0, 1.0, 1)
    books.go.clear()
    assert (await sampler.fresh(0)).stats is None


async def test_a_redis_that_is_gone_is_unknown_and_sql_is_still_told() -> None:
    streams = Streams()
    streams.reachable = False
    reading = await Sampler(Books(), streams, clock=clock).fresh()
    assert reading.groups == ()
    assert reading.server is not None
    assert not reading.server.reachable
    assert reading.stats is not None


async def test_the_first_sample_knows_no_rate_and_the_second_does() -> None:
    books = Books()
    sampler = Sampler(books, None, clock=clock)
    assert "enrich" not in (await sampler.fresh(0)).rates
    books.done = 50
    assert (await sampler.fresh(0)).rates["enrich"] > 0


async def test_the_loop_samples_until_it_is_cancelled() -> None:
    books = Books()
    sampler = Sampler(books, None, clock=clock)
    loop = asyncio.create_task(sampler.run(every_s=0))
    async with asyncio.timeout(5):
        await books.often.wait()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert sampler.newest is not None


async def test_a_real_bus_is_sampled() -> None:
    bus = MemoryBus(MemoryServer(), consumer="me", clock=clock)

    async def handle(batch: Batch) -> None:
        del batch

    for stage, topic in READS.items():
        bus.subscribe(topic, stage, handle)
    await bus.start()
    try:
        reading = await Sampler(Books(), bus, clock=clock).fresh()
        ready, body = await Health(sampler=Sampler(Books(), bus, clock=clock), bus=bus).readyz()
    finally:
        await bus.stop()
    assert {(group.stream, group.group) for group in reading.groups} == {
        (topic.name, group) for topic in TOPICS.values() for group in topic.groups
    }
    assert ready, body


def health(streams: Streams, **parts: object) -> Health:
    return Health(sampler=Sampler(Books(), streams, clock=clock), bus=streams, answer_s=0.01, **parts)  # type: ignore[arg-type]


async def test_ready_when_all_is_well() -> None:
    async def probe() -> None:
        pass

    ready, body = await health(Streams(), probe_store=probe, pool_alive=lambda: True).readyz()
    assert ready
    assert body["checks"] == {"store": "ok", "redis": "ok", "pool": "ok"}


async def test_a_store_that_cannot_be_written_is_told_without_its_private_words() -> None:
    async def probe() -> None:
        raise OSError("/var/secret/place is full")

    ready, body = await health(Streams(), probe_store=probe).readyz()
    assert not ready
    assert body["checks"]["store"] == "OSError"


async def test_a_store_that_hangs_is_not_waited_for() -> None:
    ready, body = await health(Streams(), probe_store=asyncio.Event().wait).readyz()
    assert not ready
    assert body["checks"]["store"] == "TimeoutError"


async def test_a_dead_subscriber_a_dead_task_and_a_lost_redis_are_named() -> None:
    streams = Streams()
    streams.reachable = False
    dead = SubscriberHealth(
        "article.accepted",
        "enrich",
        running=False,
        paused=False,
        busy_s=0.0,
        last_poll_age_s=None,
        restarts=3,
        error="crashed",
    )
    streams.subscribers = [dead]

    async def end() -> None:
        pass

    task = asyncio.create_task(end(), name="sweeper")
    await task
    ready, body = await health(streams, tasks=lambda: [task]).readyz()
    assert not ready
    assert body["checks"] == {
        "article.accepted/enrich": "does not run (crashed; 3 restarts)",
        "task sweeper": "has ended",
        "redis": "does not answer",
    }
