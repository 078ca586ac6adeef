"""Run one group's handler over batches: what is settled, what waits, what is poison.

Guarantee: an entry is acknowledged only after its handler returned (or its dead letter stands in
SQL). A failed batch is split, so that a bad entry holds back no neighbour; an entry that fails
alone three times is handed to `on_poison`. An outage (`waits_for`) is waited for inside, uncounted:
the next batch is not read meanwhile, which is the back-pressure. Used by both buses.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from services.bus.entry import Batch, Entry
from services.bus.ports import Handler, OnPoison
from services.bus.timings import DELIVERY_CAP, Timings

log = structlog.stdlib.get_logger("wireroom.bus")

POISON = "poison"


class _Stopping(Exception):  # noqa: N818 - a signal, not an error
    """The bus stops: leave everything unsettled, it is handed back."""


class Settler:
    """One group's handler and the entries it has in hand. Batches run one after another."""

    def __init__(
        self,
        stream: str,
        group: str,
        handler: Handler,
        *,
        ack: Callable[[list[str]], Awaitable[None]],
        on_poison: Callable[[], OnPoison | None],
        timings: Timings,
        waits_for: tuple[type[Exception], ...],
        clock: Callable[[], datetime],
    ) -> None:
        self.stream = stream
        self.group = group
        self.held: set[str] = set()  # in hand, waiting or running: ours to renew, not to be claimed
        self.interrupted: set[str] = set()  # were inside the handler when it was cancelled
        self.error: str | None = None
        self._handler = handler
        self._ack = ack
        self._on_poison = on_poison
        self._timings = timings
        self._waits_for = waits_for
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._began: float | None = None
        self._took: deque[float] = deque(maxlen=100)

    def stop(self) -> None:
        """End waits for a retry; what is running may finish, nothing new begins."""
        self._stopping.set()

    def resume(self) -> None:
        """Work again after `stop`."""
        self._stopping.clear()
        self.interrupted.clear()

    @property
    def busy_s(self) -> float:
        """Seconds that the current handler call is under way; 0.0 if none is."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    @property
    def slowest_s(self) -> float:
        """The slowest of the last 100 handler calls, in seconds: their p99."""
        return max(self._took, default=0.0)

    async def settle(self, entries: Sequence[Entry]) -> None:
        """Return when every entry is settled, or when the bus stops. Raises nothing but cancellation."""
        ids = {entry.id for entry in entries}
        self.held |= ids
        try:
            async with self._one_at_a_time:
                if not await self._try_patiently(entries):
                    await self._acknowledge(entries)
                else:
                    await self._split(entries)
        except _Stopping:
            pass
        finally:
            self.held -= ids

    async def _split(self, entries: Sequence[Entry]) -> None:
        left = list(entries)
        for tries in range(1, DELIVERY_CAP + 1):
            failed: list[Entry] = []
            for entry in left:
                if problem := await self._try_patiently([entry]):
                    failed.append(entry._replace(problem=problem))
                else:
                    await self._acknowledge([entry])
            left = failed
            if left and tries < DELIVERY_CAP:
                await self._wait(tries)
        for entry in left:
            await self.bury(entry)

    async def bury(self, entry: Entry) -> None:
        """Make it a dead letter, then acknowledge. While that fails too it is no poison but an outage."""
        for tries in range(1, 1_000_000):
            try:
                await self._write_dead_letter(entry)
            except Exception as error:  # noqa: BLE001 - whatever it is, the entry must not be lost
                self.error = f"{type(error).__name__}: {error}"
                log.warning("bus.dead_letter_failed", stream=self.stream, entry=entry.id, error=self.error)
            else:
                log.error("bus.poison", stream=self.stream, group=self.group, entry=entry.id, error=entry.problem)
                await self._acknowledge([entry])
                return
            await self._wait(tries)
            if await self._try_patiently([entry._replace(problem=None)]) is None:
                await self._acknowledge([entry])
                return

    async def _write_dead_letter(self, entry: Entry) -> None:
        on_poison = self._on_poison()
        if on_poison is None:
            raise LookupError("nobody takes dead letters")
        await on_poison(self.group, [entry], POISON)

    async def _try_patiently(self, entries: Sequence[Entry]) -> str | None:
        """Call the handler until it returns or fails for a reason of its own; None, or that reason."""
        waits = 0
        while True:
            if self._stopping.is_set():
                raise _Stopping
            self._began = time.monotonic()
            try:
                await self._handler(Batch(self.stream, self.group, entries, self._clock()))
            except asyncio.CancelledError:
                self.interrupted |= {entry.id for entry in entries}
                raise
            except self._waits_for as error:
                waits += 1
                self._note(error, entries, waits)
            except Exception as error:  # noqa: BLE001 - a bug in one handler must not end the reading
                self._note(error, entries, waits)
                return self.error
            else:
                self._took.append(time.monotonic() - self._began)
                self.error = None
                return None
            finally:
                self._began = None
            await self._wait(waits)

    def _note(self, error: Exception, entries: Sequence[Entry], waits: int) -> None:
        self.error = f"{type(error).__name__}: {error}"
        log.warning(
            "bus.batch_failed",
            stream=self.stream,
            group=self.group,
            entries=len(entries),
            waits=waits,
            error=self.error,
            exc_info=None if waits else error,
        )

    async def _acknowledge(self, entries: Sequence[Entry]) -> None:
        await self._ack([entry.id for entry in entries])

    async def _wait(self, tries: int) -> None:
        try:
            async with asyncio.timeout(self._timings.retry_pause(tries)):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise _Stopping
