"""Watches over all feeds: which are silent though they should move, which break rules, how many there are.

Once a minute, from SQL, whichever processes do it: a repeat changes nothing. What it found last is `sums`.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from schemas.feed_health import FeedSums
from services.observe.rhythm import is_silent
from services.store.errors import StoreUnavailable
from services.store.feed_health import Pulse

_log = structlog.get_logger(__name__)

NAMED = 20  # feeds that an alert names
_OVERLAP = timedelta(seconds=10)  # commits side by side do not appear in order of their times
_PART = 500


class Rhythms(Protocol):
    """Feeds as SQL has them. May raise `StoreUnavailable`."""

    async def moved_since(self, token: datetime | None) -> list[tuple[str, datetime]]:
        """Read which feeds moved, and when last."""
        ...

    async def beat(self, moved: Sequence[tuple[str, datetime]]) -> None:
        """Note when feeds moved last."""
        ...

    async def pulses(self) -> list[Pulse]:
        """Read the rhythm of each standing feed."""
        ...

    async def faulty(self, limit: int = 100) -> tuple[int, int, list[str]]:
        """Count checked documents and feeds with faults, and name some of them."""
        ...


class FeedWatch:
    """`sums` None: nothing is known yet."""

    def __init__(self, store: Rhythms, *, clock: Callable[[], datetime], every_s: float = 60.0) -> None:
        self.sums: FeedSums | None = None
        self._store, self._clock, self._every_s = store, clock, every_s
        self._token: datetime | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                _log.warning("feeds.not_watched", why=str(error))
            await asyncio.sleep(self._every_s)

    async def look(self) -> FeedSums:
        """Look once: note the rhythm, and judge by it."""
        moved = await self._store.moved_since(self._token)
        for at in range(0, len(moved), _PART):
            await self._store.beat(moved[at : at + _PART])
        if moved:
            self._token = max(at for _, at in moved) - _OVERLAP
        now = self._clock()
        pulses = await self._store.pulses()
        silent = [pulse.address for pulse in pulses if is_silent(pulse, now)]
        checked, faulty, some = await self._store.faulty(NAMED)
        self.sums = FeedSums(
            feeds=len(pulses),
            silent=len(silent),
            faulty=faulty,
            checked=checked,
            silent_feeds=tuple(silent[:NAMED]),
            faulty_feeds=tuple(some),
        )
        return self.sums
