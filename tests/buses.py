"""The three places a bus can run, behind one handle, and a handler that remembers what it got."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from services.bus import Batch, Bus, Entry, MemoryBus, MemoryServer, Timings
from services.bus.redis import RedisBus
from tests.servers_redis import RedisServer

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

QUICK = Timings(
    poll_s=0.05,
    answer_s=1.0,
    watchdog_s=0.01,
    watchdog_max_s=0.05,
    observe_s=0.02,
    claim_every_s=0.02,
    claim_idle_s=0.3,
    orphan_idle_s=0.2,
    grace_s=0.5,
    handback_s=2.0,
    retry_pauses_s=(0.01,),
)


def clock() -> datetime:
    return NOON


async def eventually(check: Callable[[], Any], *, within_s: float = 10.0) -> Any:
    """Ask until the answer is truthy and return it; the deadline is for a slow machine, not for the code."""
    deadline = time.monotonic() + within_s
    while not (answer := check()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.002)
    return answer


async def soon(ask: Callable[[], Awaitable[Any]], *, within_s: float = 10.0) -> Any:
    """The same for a check that must be awaited."""
    deadline = time.monotonic() + within_s
    while not (answer := await ask()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.002)
    return answer


class Seen:
    """A handler and a taker of dead letters. `fails` decides per call; `gate` holds calls back."""

    def __init__(self, fails: Callable[[Batch], BaseException | None] | None = None) -> None:
        self.batches: list[Batch] = []
        self.settled: list[Entry] = []
        self.buried: list[tuple[str, Entry, str]] = []
        self.fails = fails or (lambda _: None)
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, batch: Batch) -> None:
        self.batches.append(batch)
        await self.gate.wait()
        if error := self.fails(batch):
            raise error
        self.settled.extend(batch.entries)

    async def bury(self, group: str, entries: Sequence[Entry], cause: str) -> None:
        self.buried.extend((group, entry, cause) for entry in entries)

    @property
    def bodies(self) -> list[bytes | None]:
        return [entry.data for entry in self.settled]


class Place(Protocol):
    """Where a bus runs: in memory, on Redis, on Valkey."""

    def bus(self, consumer: str = "here:1:1", *, waits_for: tuple[type[Exception], ...] = ()) -> Bus: ...
    async def add(self, stream: str, fields: dict[bytes, bytes]) -> str: ...
    async def flush(self) -> None: ...
    async def go_away(self) -> None: ...
    async def come_back(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self.server = MemoryServer()

    def bus(self, consumer: str = "here:1:1", *, waits_for: tuple[type[Exception], ...] = ()) -> Bus:
        return MemoryBus(self.server, clock=clock, consumer=consumer, waits_for=waits_for, timings=QUICK)

    async def add(self, stream: str, fields: dict[bytes, bytes]) -> str:
        return await self.server.add(stream, fields)

    async def flush(self) -> None:
        await self.server.flush()

    async def go_away(self) -> None:
        self.server.away = True

    async def come_back(self) -> None:
        await self.server.flush()
        self.server.away = False


class OnServer:
    def __init__(self, server: RedisServer) -> None:
        self.server = server

    def bus(
        self, consumer: str = "here:1:1", *, waits_for: tuple[type[Exception], ...] = (), timings: Timings = QUICK
    ) -> RedisBus:
        return RedisBus(self.server.url, clock=clock, consumer=consumer, waits_for=waits_for, timings=timings)

    async def add(self, stream: str, fields: dict[bytes, bytes]) -> str:
        with self.server.client() as client:
            return client.xadd(stream, fields).decode()  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]

    async def flush(self) -> None:
        self.server.flush()

    async def go_away(self) -> None:
        self.server.kill()

    async def come_back(self) -> None:
        self.server.start()
