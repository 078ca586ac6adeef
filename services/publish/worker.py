"""Keep a place up to date with the feeds. All of this stage's timing is here.

lease ─▶ prepare ─▶ each second: which feeds moved? ─▶ copy them, some at a time ─▶ report ─▶ …
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from schemas.publishing import Counts, Outdated
from services.publish.copier import Copier
from services.publish.core import pause_s
from services.publish.ports import Books, Place, PlaceAway, Source
from services.store.errors import StoreUnavailable
from services.store.static_copies import LeaseLost

_log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
_RENEW_S = 15.0
_VALID_S = 40.0  # of the lease's 60: a PUT under way may take the rest
_BROKEN_S = 30.0
_GIVE_UP = 8  # feeds in a round, before the rest is not even tried
_FEEDS_AT_ONCE = 4
_MOST = 500  # feeds of one round


@dataclass(slots=True)
class _Round:
    """What one round met. `away`: the place, the store or the lease failed a feed."""

    slots: asyncio.Semaphore
    copied: int = 0
    failed: int = 0
    away: PlaceAway | StoreUnavailable | None = None


class Publisher:
    """Copies to one place while `run` runs. Of several processes one does at a time; another takes over within a minute.

    A place that is away is tried again, ever more rarely; what changed meanwhile goes there once, as it then
    is. A feed that cannot be made holds back no other. `on_counts` is told of every round; `pause` says how long to wait
    after so many failures in a row.
    """

    def __init__(
        self,
        place: Place,
        books: Books,
        source: Source,
        *,
        owner: str,
        clock: Callable[[], datetime],
        in_flight: int = 16,
        every_s: float = 1.0,
        whole_every_s: float = 60.0,
        pause: Callable[[int], float] = lambda failures: pause_s(failures, 0.5),
        on_counts: Callable[[Counts], None] = lambda _counts: None,
    ) -> None:
        self.behind_since: datetime | None = None
        self.fault: str | None = None
        self.rounds = 0  # that left nothing to be done
        self._place, self._books, self._source = place, books, source
        self._owner, self._clock, self._pause = owner, clock, pause
        self._in_flight, self._every_s, self._whole_every_s = in_flight, every_s, whole_every_s
        self._on_counts = on_counts
        self._valid_until = 0.0  # loop time
        self._broken: dict[str, float] = {}  # feeds that could not be made, and when they are tried again (loop time)

    def note(self) -> str:
        """Say for people what is wrong; "": nothing is, or another process has the work."""
        if self.fault is None:
            return ""
        since = f" since {self.behind_since:%Y-%m-%d %H:%M:%S}Z" if self.behind_since else ""
        return f"static copies are behind{since}: {self.fault}"

    def lag_s(self) -> float:
        """Count the seconds since the oldest change that is not at the place."""
        return 0.0 if self.behind_since is None else max(0.0, (self._clock() - self.behind_since).total_seconds())

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                now = self._clock()
                fence = await self._books.lease(self._place.name, self._owner, now + LEASE, now)
                if fence is not None:
                    await self._lead(fence)
            except StoreUnavailable as error:  # LeaseLost is one
                _log.warning("publish.waits", place=self._place.name, why=str(error))
            await asyncio.sleep(self._every_s)

    async def _lead(self, fence: int) -> None:
        """Work as long as the lease is ours."""
        self._valid_until = self._now() + _VALID_S
        renewing = asyncio.create_task(self._renew(fence))
        try:
            await self._rounds(fence)
        finally:
            renewing.cancel()
            with suppress(StoreUnavailable):
                await asyncio.shield(self._books.release(self._place.name, fence))

    async def _renew(self, fence: int) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            asked = self._now()
            with suppress(StoreUnavailable):
                if not await self._books.renew(self._place.name, fence, self._clock() + LEASE):
                    self._valid_until = asked
                    return
                self._valid_until = asked + _VALID_S

    def _held(self) -> None:
        if self._now() >= self._valid_until:
            raise LeaseLost(f"the lease on {self._place.name} is over")

    async def _rounds(self, fence: int) -> None:
        copier = Copier(self._place, self._books, self._source, fence, in_flight=self._in_flight, held=self._held)
        failures, ready, whole_at = 0, False, float("-inf")
        since: datetime | None = None
        while True:
            self._held()
            try:
                if not ready:
                    await self._place.prepare()
                    ready = True
                whole = failures > 0 or self._now() >= whole_at
                newest, more = await self._round(copier, fence, None if whole else since)
                failures = 0
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, a later try is all that can help
                failures += 1
                await self._failed(fence, error, failures)
                await asyncio.sleep(self._pause(failures))
                continue
            since = max(filter(None, (since, newest)), default=None)
            if whole and not more:
                whole_at = self._now() + self._whole_every_s
            await asyncio.sleep(0 if more else self._every_s)

    async def _failed(self, fence: int, error: Exception, failures: int) -> None:
        known = isinstance(error, PlaceAway | StoreUnavailable)
        self.fault = str(error) if known else type(error).__name__
        self.behind_since = self.behind_since or self._clock()
        _log.warning("publish.failed", place=self._place.name, why=self.fault, failures=failures, exc_info=not known)
        await self._report(fence, Counts(), None)

    async def _round(self, copier: Copier, fence: int, since: datetime | None) -> tuple[datetime | None, bool]:
        """Copy what moved: the newest change seen, and whether there is more."""
        started = self._clock()
        stale = await self._books.outdated(self._place.name, self._source.layout, since, _MOST)
        now = self._now()
        work = [one for one in stale if self._broken.get(one.name, 0.0) <= now]
        if work:
            self.behind_since = min(one.changed_at for one in work)
        tally = _Round(asyncio.Semaphore(_FEEDS_AT_ONCE))
        counts = Counts()
        for one, result in zip(
            work, await asyncio.gather(*(self._copy(copier, one, tally) for one in work)), strict=True
        ):
            if result is not None:
                counts += result
                self._broken.pop(one.name, None)
        if tally.away is None:
            counts += await copier.site()
        self._on_counts(counts)
        if tally.away is not None:
            await self._report(fence, counts, None)
            raise tally.away
        self.fault = f"{len(self._broken)} feeds cannot be made" if self._broken else None
        more = len(stale) == _MOST and len(work) > 0
        if not more and not self._broken:
            self.behind_since = None
            self.rounds += 1
        if stale or counts.written or counts.removed:
            await self._report(fence, counts, None if self.behind_since else started)
        return max((one.changed_at for one in stale), default=None), more

    async def _copy(self, copier: Copier, one: Outdated, tally: _Round) -> Counts | None:
        async with tally.slots:
            if tally.away is not None and tally.failed >= _GIVE_UP and tally.failed > tally.copied:
                return None  # the place itself is away: do not wait for each feed to find out
            try:
                counts = await copier.feed(one)
            except (PlaceAway, StoreUnavailable) as error:
                tally.away = error
                tally.failed += 1
                return None
            except Exception:  # noqa: BLE001 - logged whole: whatever one feed has, the others go on
                _log.exception("publish.broken", feed=one.name)
                self._broken[one.name] = self._now() + _BROKEN_S
                return None
            tally.copied += 1
            return counts

    async def _report(self, fence: int, counts: Counts, done: datetime | None) -> None:
        with suppress(StoreUnavailable):
            await self._books.report(
                self._place.name, fence, counts, done_at=done, behind_since=self.behind_since, fault=self.fault
            )

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
