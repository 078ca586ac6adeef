"""One collector for all viewers: it asks Redis and SQL a bounded number of bounded questions.

Guarantee: however many look, each source is asked at most four times a second and never twice at once;
a source that does not answer in time is unknown in that sample, and delays nobody else's numbers.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from schemas.feed_health import FeedSums
from schemas.records import Stats
from services.bus.ports import GroupStats, ServerStats, SubscriberHealth
from services.observe.core import Disk, Group, Reading, Server, finished, rates

log = structlog.get_logger(__name__)
T = TypeVar("T")

EVERY_S = 2.0
FRESH_S = 0.25
ANSWER_S = 2.0
RATE_OVER_S = 30.0


class Work(Protocol):
    """The store's sums."""

    async def stats(self, now: datetime) -> Stats:
        """P4's sum and what stands beside it, in one statement."""
        ...


class Streams(Protocol):
    """The bus, as far as it can be looked at."""

    async def stats(self) -> Sequence[GroupStats]:
        """Every group, unknowns as None."""
        ...

    async def server(self) -> ServerStats:
        """Tell the server's own condition."""
        ...

    def health(self) -> Sequence[SubscriberHealth]:
        """Tell of the subscribers of this process."""
        ...


class Sampler:
    """Samples every few seconds while `run` runs, and on demand. `newest` is what all viewers share."""

    def __init__(
        self,
        store: Work,
        bus: Streams | None,
        *,
        clock: Callable[[], datetime],
        disk: Callable[[], Disk] | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.newest: Reading | None = None
        self.feeds: Callable[[], FeedSums | None] = lambda: None  # what this process found out of feeds
        self._store, self._bus, self._clock, self._disk = store, bus, clock, disk
        self._answer_s = answer_s
        self._taken_at = float("-inf")
        self._under_way: asyncio.Task[Reading] | None = None
        self._finished: deque[tuple[float, Mapping[str, int]]] = deque()

    async def run(self, every_s: float = EVERY_S) -> None:
        """Sample until cancelled."""
        while True:
            await self.fresh(max_age_s=0)
            await asyncio.sleep(every_s)

    async def fresh(self, max_age_s: float = FRESH_S) -> Reading:
        """Give the newest sample, a new one if it is older than `max_age_s`; viewers at once share it."""
        if self.newest is not None and self._now() - self._taken_at < max_age_s:
            return self.newest
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._sample())
        return await asyncio.shield(self._under_way)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _sample(self) -> Reading:
        stats, groups, server = await asyncio.gather(
            self._ask("store", self._store.stats(self._clock())),
            self._ask("groups", self._bus.stats()) if self._bus else _nothing(),
            self._ask("redis", self._bus.server()) if self._bus else _nothing(),
        )
        self.newest = Reading(
            self._clock(),
            stats,
            tuple(_group(row) for row in groups or ()),
            Server(server.reachable, server.memory_ratio, server.writes_ok, server.replica_link_up) if server else None,
            self._disk() if self._disk else None,
            self._rates(stats),
            frozenset(row.group for row in self._bus.health() if row.paused) if self._bus else frozenset(),
            self.feeds(),
        )
        self._taken_at = self._now()
        return self.newest

    async def _ask(self, source: str, answer: Awaitable[T]) -> T | None:
        try:
            return await asyncio.wait_for(answer, self._answer_s)
        except Exception as error:  # noqa: BLE001 - whatever a source has, the others are still told
            log.warning("sample incomplete", source=source, why=str(error) or type(error).__name__)
            return None

    def _rates(self, stats: Stats | None) -> dict[str, float]:
        if stats is None:
            return {}
        now = (self._now(), finished(stats))
        self._finished.append(now)
        while len(self._finished) > 2 and now[0] - self._finished[1][0] >= RATE_OVER_S:
            self._finished.popleft()
        return rates(self._finished[0], now)


async def _nothing() -> None:
    return None


def _group(row: GroupStats) -> Group:
    return Group(
        row.stream,
        row.group,
        row.undelivered,
        row.pending,
        row.oldest_undelivered_s,
        row.oldest_pending_s,
        row.consumers,
    )
