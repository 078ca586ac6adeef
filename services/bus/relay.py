"""From the outbox to the streams: the relay at once after a commit, the sweeper whatever was left.

The order is fixed: the outbox row is committed, then added to its stream, then marked as added. A
crash between any two repeats, and a repeat changes nothing. This is what makes the loss of Redis
harmless: rows stay until every group has settled them, and the sweeper adds again what got lost.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

import structlog

from services.bus.ports import BusUnavailable

log = structlog.stdlib.get_logger("wireroom.bus")

PAGE = 200  # rows handled without giving way: ~10 ms of pipeline building


class Row(Protocol):
    """One outbox row: `payload` is due on `stream`."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def stream(self) -> str: ...  # noqa: D102
    @property
    def payload(self) -> bytes: ...  # noqa: D102


class AddedRow(Row, Protocol):
    """An outbox row that was added before; None: Redis was found empty since."""

    @property
    def entry_id(self) -> str | None: ...  # noqa: D102


class OutboxRows(Protocol):
    """What the relay needs of the store."""

    async def due(self, now: datetime, limit: int) -> Sequence[Row]:
        """Rows never added whose time has come, oldest first; held work among them becomes waiting."""
        ...

    async def overdue(self, before: datetime, limit: int) -> Sequence[AddedRow]:
        """Rows added before that instant which some group has not settled, longest ago first."""
        ...

    async def mark_added(self, added: Sequence[tuple[int, str]], now: datetime) -> None:
        """Note (row id, entry id) as added now; a row of a stream without groups is done with that."""
        ...


class Publisher(Protocol):
    """The part of the bus that the relay needs."""

    async def publish(self, stream: str, payloads: Sequence[bytes]) -> list[str]: ...  # noqa: D102
    async def waiting(self, stream: str, ids: Sequence[str]) -> set[str]: ...  # noqa: D102
    async def epoch(self) -> str: ...  # noqa: D102


class Relay:
    """Adds committed rows to their streams."""

    def __init__(self, bus: Publisher, outbox: OutboxRows, *, clock: Callable[[], datetime]) -> None:
        self._bus = bus
        self._outbox = outbox
        self._clock = clock
        self._under_way: set[int] = set()

    async def publish(self, rows: Sequence[Row]) -> int:
        """Add the rows, in their order per stream; how many were added.

        Raises nothing but cancellation: a row that could not be added, or not be marked, stays in
        the outbox and the sweeper finds it.
        """
        mine = [row for row in rows if row.id not in self._under_way]
        self._under_way.update(row.id for row in mine)
        added = 0
        try:
            for stream, some in groupby(sorted(mine, key=lambda row: row.stream), key=lambda row: row.stream):
                rest = list(some)
                while rest:
                    added += await self._add(stream, rest[:PAGE])
                    rest = rest[PAGE:]
        finally:
            self._under_way.difference_update(row.id for row in mine)
        return added

    async def _add(self, stream: str, rows: list[Row]) -> int:
        try:
            ids = await self._bus.publish(stream, [row.payload for row in rows])
            await self._outbox.mark_added([(row.id, one) for row, one in zip(rows, ids, strict=True)], self._clock())
        except Exception as error:  # noqa: BLE001 - Redis or SQL away: the rows are safe where they are
            log.warning("relay.left_behind", stream=stream, rows=len(rows), error=f"{type(error).__name__}: {error}")
            return 0
        return len(rows)


class Sweeper:
    """Publishes what a crash, an embargo or the loss of Redis left in the outbox.

    Every `every_s` seconds, or at once after `wake()`: rows whose time has come; rows added more
    than `overdue_s` ago which are neither settled nor still waiting in Redis; and, at start and
    whenever the epoch changed, every row that was added at all.
    """

    def __init__(
        self,
        relay: Relay,
        bus: Publisher,
        outbox: OutboxRows,
        *,
        clock: Callable[[], datetime],
        every_s: float = 1.0,
        overdue_s: float = 60.0,
        limit: int = PAGE,
    ) -> None:
        self.error: str | None = None
        self._woken = asyncio.Event()
        self._relay = relay
        self._bus = bus
        self._outbox = outbox
        self._clock = clock
        self._every_s = every_s
        self._overdue = timedelta(seconds=overdue_s)
        self._limit = limit
        self._epoch: str | None = None

    def wake(self) -> None:
        """Look now: rows were committed whose time may be near."""
        self._woken.set()

    async def run(self) -> None:
        """Sweep until cancelled. Neither Redis nor SQL being away ends it."""
        while True:
            full = False
            try:
                full = await self.sweep()
                self.error = None
            except Exception as error:  # noqa: BLE001 - whatever fails now is tried again
                self._report(error)
            if not full:
                await self._pause()

    async def sweep(self) -> bool:
        """One round; whether there is more to do at once. Raises what the store or the bus raises."""
        more = await self._publish_due()
        epoch = await self._bus.epoch()
        if epoch != self._epoch:
            refilled = await self._refill()
            log.info("sweeper.refilled", rows=refilled, epoch=epoch, was=self._epoch)
            self._epoch = epoch
        looked, _ = await self._add_again(self._clock() - self._overdue)
        return more or looked == self._limit

    async def _publish_due(self) -> bool:
        rows = await self._outbox.due(self._clock(), self._limit)
        added = await self._relay.publish(rows) if rows else 0
        return added == self._limit  # a full page that could not be added must not be tried without a pause

    async def _refill(self) -> int:
        """Redis is another one than before: look at every row that was added until now."""
        until = self._clock()
        total = 0
        while True:
            looked, added = await self._add_again(until)
            total += added
            if looked < self._limit:
                return total

    async def _add_again(self, before: datetime) -> tuple[int, int]:
        """Look at one page of rows added before then; (looked at, added again)."""
        rows = await self._outbox.overdue(before, self._limit)
        added = 0
        for stream, some in groupby(sorted(rows, key=lambda row: row.stream), key=lambda row: row.stream):
            added += await self._judge(stream, list(some))
        return len(rows), added

    async def _judge(self, stream: str, rows: list[AddedRow]) -> int:
        alive = await self._bus.waiting(stream, [row.entry_id for row in rows if row.entry_id])
        waiting = [(row.id, row.entry_id) for row in rows if row.entry_id in alive and row.entry_id]
        if waiting:
            # In a long backlog these would come first in every page and hide the lost ones behind them.
            await self._outbox.mark_added(waiting, self._clock())
        lost = [row for row in rows if row.entry_id not in alive]
        added = await self._relay.publish(lost)
        if lost:
            log.info("sweeper.added_again", stream=stream, rows=len(lost), added=added)
        if added < len(lost):
            raise BusUnavailable(f"{len(lost) - added} rows could not be added to {stream}")
        return added

    def _report(self, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}"
        log.log(10 if said == self.error else 30, "sweeper.failed", error=said)
        self.error = said

    async def _pause(self) -> None:
        if self.error is not None:
            await asyncio.sleep(self._every_s)  # while Redis is away a wake-up changes nothing
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._woken.wait()
        self._woken.clear()
