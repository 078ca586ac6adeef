"""Seal what feeds no longer hold in their subscription documents. All I/O of it is here.

feed.updated rows of a commit ─▶ moved ─▶ near a page? ─▶ seal, one transaction ─▶ feed.updated
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
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

    async def ripe(self, names: Sequence[str]) -> Sequence[str]:
        """Find those of the feeds of which something can be sealed, most likely."""
        ...

    async def long(self) -> Sequence[str]:
        """Name the feeds that hold enough for a page beside what they keep."""
        ...

    async def seal(self, names: Sequence[str], now: datetime) -> Sealed:
        """Seal what is to be sealed in these feeds, in one transaction."""
        ...


class Archivist:
    """Looks after a feed that moved at most every `again_s`, and after all long ones every `sweep_s`.

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
        again_s: float = 5.0,
        sweep_s: float = 600.0,
    ) -> None:
        self._archives = archives
        self._relay = relay
        self._clock = clock
        self._every_s, self._again_s, self._sweep_s = every_s, again_s, sweep_s
        self._due: set[str] = set()
        self._looked: dict[str, float] = {}  # loop time
        self._woken = asyncio.Event()

    def moved(self, rows: Sequence[OutboxRow]) -> None:
        """Note the feeds that these rows announce."""
        for row in rows:
            if row.stream == FEED_UPDATED.name:
                self._due.add(FeedUpdated.model_validate_json(row.payload).feed)
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
                await self.work(loop.time())
            except StoreUnavailable as error:
                _log.warning("archivist.failed", error=str(error))
            await asyncio.sleep(self._every_s)
            if not self._due:
                self._woken.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), max(0.0, sweep_at - loop.time()))

    async def work(self, now: float) -> int:
        """Seal what is due at this loop time; returns how many pages were."""
        early = now - self._again_s
        self._looked = {name: at for name, at in self._looked.items() if at > early}
        names = sorted(self._due - self._looked.keys())
        pages = 0
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            self._due.difference_update(part)  # what moves from here on is due again
            try:
                pages += await self._seal(part)
            except StoreUnavailable:
                self._due.update(part)
                raise
            self._looked.update(dict.fromkeys(part, now))
        return pages

    async def _seal(self, names: Sequence[str]) -> int:
        pages, ripe = 0, await self._archives.ripe(names)
        while ripe:
            sealed = await self._archives.seal(ripe, self._clock())
            await self._relay.publish(sealed.rows)  # lost in a crash? the sweeper finds the rows
            pages, ripe = pages + sealed.pages, sealed.again
        return pages
