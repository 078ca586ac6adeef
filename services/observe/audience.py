"""Who reads the feeds, counted without keeping anybody.

    answer ─▶ one update of a dictionary ─▶ every second: folded by feed, format and program ─▶ every 10 s: SQL

Guarantee: no address and nothing made of one leaves the process. A single reader is a hash, salted anew every
day, that sets one register of a sketch (`services.store.sketch`) and is forgotten; of a day that is over only
the number stays. Aggregators count with the number that they report, however many addresses they have.
Counts are statistics: what is not yet in SQL is lost with the process, and a transaction whose end is unknown may
count twice. Memory is bounded: feeds, programs per feed, and the names of programs.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Protocol

import structlog

from schemas.feed_health import ClientCount, Readers
from schemas.serving import Served
from services.observe.user_agents import OTHER, Agent, agent_of
from services.store.errors import StoreUnavailable
from services.store.sketch import SIZE, add

_log = structlog.get_logger(__name__)

KEPT_DAYS = 30
PROGRAMS = 30  # of one feed in one format on one day; all others are one
_COUNTS = 200_000
_SKETCHED = 20_000  # feeds
_SLICE = 2_000  # answers folded at once, about 3 ms
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Key = tuple[str, str, str]  # feed, format, program


class Counts(Protocol):
    """Where counts are kept. May raise `StoreUnavailable`: a later try may help."""

    async def add(self, clients: Sequence[ClientCount], readers: Sequence[Readers] = ()) -> None:
        """Add what was counted."""
        ...

    async def salt(self, day: int, proposed: str) -> str:
        """Agree with all processes on the day's salt; those of other days are forgotten."""
        ...

    async def prune(self, before_day: int, today: int) -> None:
        """Forget what is too old."""
        ...


class Audience:
    """Counts what one process serves. Belongs to its event loop; `run` must run, `flush` ends it."""

    def __init__(
        self, store: Counts, *, clock: Callable[[], datetime], random: Callable[[int], bytes], every_s: float = 10.0
    ) -> None:
        self._store, self._clock, self._random, self._every_s = store, clock, random, every_s
        self._pending: dict[Served, int] = {}
        self._day = 0
        self._salt = b""
        self._counts: dict[_Key, list[int]] = {}
        self._subscribers: dict[_Key, int] = {}
        self._programs: dict[tuple[str, str], set[str]] = {}
        self._sketches: dict[str, bytearray] = {}
        self._seen: set[str] = set()  # feeds whose sketch changed since it was told

    def served(self, told: Served) -> None:
        """Count one answer. On the hot path: one update of a dictionary."""
        pending = self._pending
        pending[told] = pending.get(told, 0) + 1

    async def run(self) -> None:
        """Fold every second, tell every `every_s`; longer where telling takes long, and again after a fault."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._every_s
        while True:
            await asyncio.sleep(min(1.0, self._every_s))
            await self.fold()
            if loop.time() >= due:
                began = loop.time()
                await self.flush()
                due = loop.time() + max(self._every_s, 20 * (loop.time() - began))

    async def fold(self) -> None:
        """Sum up what was served since."""
        day = (self._clock() - _EPOCH).days
        if day != self._day:
            await self._new_day(day)
        pending, self._pending = self._pending, {}
        for n, (told, times) in enumerate(pending.items(), 1):
            self._count(told, times)
            if n % _SLICE == 0:
                await asyncio.sleep(0)

    async def flush(self) -> None:
        """Fold, and tell SQL. What it does not take now is told with the next."""
        await self.fold()
        counts, seen = await self._tell()
        self._seen |= seen
        for key, sums in counts.items():
            self._add(key, sums)

    async def _tell(self) -> tuple[dict[_Key, list[int]], set[str]]:
        """Tell SQL, and return what it did not take."""
        counts, self._counts = self._counts, {}
        seen, self._seen = self._seen, set()
        clients = [
            ClientCount(key[0], self._day, key[1], key[2], *sums, subscribers=self._subscribers.get(key))
            for key, sums in counts.items()
        ]
        readers = [Readers(name, self._day, bytes(self._sketches[name])) for name in seen]
        if clients or readers:
            try:
                await self._store.add(clients, readers)
            except StoreUnavailable as error:
                _log.warning("audience.not_told", why=str(error))
                return counts, seen
        return {}, set()

    async def _new_day(self, day: int) -> None:
        """End the day before, which is told now or never, and agree with all processes on a salt."""
        if self._day:
            await self._tell()
        self._day = day
        self._programs, self._sketches, self._subscribers = {}, {}, {}
        self._salt = self._random(32)
        try:
            self._salt = bytes.fromhex(await self._store.salt(day, self._salt.hex()))
            await self._store.prune(day - KEPT_DAYS, day)
        except StoreUnavailable as error:
            _log.warning("audience.salt_not_shared", why=str(error))

    def _count(self, told: Served, times: int) -> None:
        agent = agent_of(told.user_agent)
        key = (told.feed, told.format, self._program(told, agent))
        sums = self._counts.get(key)
        if sums is None:
            self._add(key, (0, 0, 0, 0, 0))
            sums = self._counts.get(key, [0] * 5)
        sums[0] += times
        sums[4] += times * told.size
        if told.status == 304:
            sums[1] += times
        elif told.status == 429:
            sums[3] += times
        elif told.status == 200 and not told.conditional and told.size:
            sums[2] += times
        if agent.subscribers is not None:
            self._subscribers[key] = agent.subscribers
        elif told.client and told.status != 429 and not agent.is_machine:
            self._meet(told)

    def _add(self, key: _Key, sums: Sequence[int]) -> None:
        known = self._counts.get(key)
        if known is None:
            if len(self._counts) >= _COUNTS:
                return
            self._counts[key] = list(sums)
        else:
            for at, more in enumerate(sums):
                known[at] += more

    def _program(self, told: Served, agent: Agent) -> str:
        """Name the program; beyond the most that a feed remembers in a day it is one of the others."""
        names = self._programs.get((told.feed, told.format))
        if names is None:
            names = self._programs[told.feed, told.format] = set()
        if agent.name in names:
            return agent.name
        if len(names) >= PROGRAMS:
            return OTHER
        names.add(agent.name)
        return agent.name

    def _meet(self, told: Served) -> None:
        sketch = self._sketches.get(told.feed)
        if sketch is None:
            if len(self._sketches) >= _SKETCHED:
                return
            sketch = self._sketches[told.feed] = bytearray(SIZE)
        who = told.client.encode() + b"\0" + told.user_agent
        add(sketch, int.from_bytes(blake2b(who, digest_size=8, key=self._salt).digest()))
        self._seen.add(told.feed)
