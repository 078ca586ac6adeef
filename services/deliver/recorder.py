"""Write what came of attempts: many mailboxes share one transaction.

A result is never dropped: while the store is away it stays here, its mailbox waits for it and so slows
down, and the same batch is tried again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime

import structlog

from schemas.jobs import Result
from services.deliver.ports import Mailboxes

BATCH = 500
AWAY_S = 0.5

log = structlog.stdlib.get_logger("wireroom.deliver")

Waiting = tuple[Result, "asyncio.Future[bool]"]


class Recorder:
    """One writer of results. `waits_for` are the store's ways to say that a later try helps."""

    def __init__(
        self, store: Mailboxes, *, clock: Callable[[], datetime], waits_for: tuple[type[Exception], ...]
    ) -> None:
        self._store = store
        self._clock = clock
        self._waits_for = waits_for
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._running: asyncio.Task[None] | None = None
        self._unanswered: set[asyncio.Future[bool]] = set()
        self._lasting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to write."""
        self._running = asyncio.create_task(self._run(), name="deliver recorder")

    async def stop(self) -> None:
        """Stop writing; who still waits is cancelled: what is not recorded will be sent again."""
        if self._running is not None:
            tasks = [self._running, *self._lasting]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for done in list(self._unanswered):
            done.cancel()

    async def record(self, result: Result) -> bool:
        """Return after the commit: True if it counts, False if the lease had gone to another.

        Raises what the store raised if this very result cannot be written.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._unanswered.add(done)
        done.add_done_callback(self._unanswered.discard)
        self._queue.put_nowait((result, done))
        return await done

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            # To disable an endpoint is to hold all that waits for it: others do not wait for that.
            for lasting in [waiting for waiting in batch if waiting[0].disable_endpoint is not None]:
                batch.remove(lasting)
                self._spawn(self._write_alone(lasting))
            await self._write_all(batch)

    async def _write_all(self, batch: Sequence[Waiting]) -> None:
        if not batch:
            return
        try:
            await self._write(batch)
        except Exception:  # noqa: BLE001 find the one that cannot be written
            for alone in batch:
                await self._write_alone(alone)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._lasting.add(task)
        task.add_done_callback(self._lasting.discard)

    async def _write_alone(self, alone: Waiting) -> None:
        try:
            await self._write([alone])
        except Exception as error:  # noqa: BLE001 its mailbox is told, its neighbours are unharmed
            if not alone[1].done():
                alone[1].set_exception(error)

    async def _write(self, batch: Sequence[Waiting]) -> None:
        while True:
            try:
                counted = await self._store.record([result for result, _ in batch], self._clock())
            except self._waits_for as error:
                log.warning("results_wait", count=len(batch), error=str(error))
                await asyncio.sleep(AWAY_S)
                continue
            for (_, done), counts in zip(batch, counted, strict=True):
                if not done.done():
                    done.set_result(counts)
            return
