"""Seal what feeds no longer hold in their subscription documents. All I/O of it is here.

feed.updated rows of a commit ─▶ moved ─▶ near a page? ─▶ seal, one transaction ─▶ feed.updated
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

import structlog

from schemas.event import FeedUpdated
from schemas.jobs import OutboxRow
from schemas.topics import FEED_UPDATED
from services.store.errors import StoreUnavailable
from services.syndicate.ports import Publishes

_log = structlog.get_logger(__name__)

_AT_ONCE = 20  # feeds in one transaction, for their rows are locked meanwhile
_MOST_KNOWN = 100_000


class Sealed(Protocol):
    """What a transaction sealed."""

    @property
    def pages(self) -> int:
        """How many pages."""
        ...

    @property
    def rows(self) -> Sequence[OutboxRow]:
        """What is to be published."""
        ...

    @property
    def again(self) -> Sequence[str]:
        """Feeds of which more can be sealed."""
        ...


class Seals(Protocol):
    """Sealed pages in the store. May raise `StoreUnavailable`: a later try may help."""

    async def slack(self, names: Sequence[str]) -> Mapping[str, int]:
        """Estimate how many moves each feed is away from its next page; 0: it may be ripe."""
        ...

    async def long(self) -> Sequence[str]:
        """Name the feeds that hold enough for a page beside what they keep."""
        ...

    async def seal(self, names: Sequence[str], now: datetime) -> Sealed:
        """Seal what is to be sealed in these feeds, in one transaction."""
        ...


class Archivist:
    """Looks after feeds that moved, at most every `every_s`, and after all long ones every `sweep_s`.

    What a crash kept it from is found by the sweep at the next start; until then documents are longer than they
    need be, and nothing is missing. Several processes may each have one: a feed's row is locked while it is sealed.
    """

    def __init__(
        self,
        archives: Seals,
        relay: Publishes,
        *,
        clock: Callable[[], datetime],
        every_s: float = 1.0,
        sweep_s: float = 600.0,
    ) -> None:
        self._archives = archives
        self._relay = relay
        self._clock = clock
        self._every_s = every_s
        self._sweep_s = sweep_s
        self._slack: dict[str, int] = {}  # moves that a feed is away from being looked at
        self._due: set[str] = set()
        self._woken = asyncio.Event()

    def moved(self, rows: Sequence[OutboxRow]) -> None:
        """Count one move for each feed that these rows announce."""
        for row in rows:
            if row.stream == FEED_UPDATED.name:
                name = FeedUpdated.model_validate_json(row.payload).feed
                left = self._slack.get(name, 0) - 1
                self._slack[name] = left
                if left <= 0:
                    self._due.add(name)
                    self._woken.set()

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        sweep_at = loop.time()
        while True:
            try:
                if loop.time() >= sweep_at:
                    self._due.update(await self._archives.long())
                    sweep_at = loop.time() + self._sweep_s
                await self.work()
            except StoreUnavailable as error:
                _log.warning("archivist.failed", error=str(error))
            await asyncio.sleep(self._every_s)
            try:
                await asyncio.wait_for(self._woken.wait(), max(0.0, sweep_at - loop.time()))
            except TimeoutError:
                continue

    async def work(self) -> int:
        """Seal what is due; returns how many pages were."""
        self._woken.clear()
        due, self._due = sorted(self._due), set()
        pages = 0
        while due:
            names, due = due[:_AT_ONCE], due[_AT_ONCE:]
            try:
                pages += await self._seal(names)
            except StoreUnavailable:
                self._due.update(names, due)
                self._woken.set()
                raise
        return pages

    async def _seal(self, names: Sequence[str]) -> int:
        slack = await self._archives.slack(names)
        if len(self._slack) > _MOST_KNOWN:
            self._slack.clear()  # each is looked at when it moves next
        self._slack.update({name: max(1, moves) for name, moves in slack.items()})
        pages, ripe = 0, [name for name, moves in slack.items() if moves == 0]
        while ripe:
            sealed = await self._archives.seal(ripe, self._clock())
            await self._relay.publish(sealed.rows)  # lost in a crash? the sweeper finds the rows
            pages += sealed.pages
            ripe = list(sealed.again)
        return pages
