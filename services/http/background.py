"""Work that no answer waits for: publishing rows that are committed already, noting that a key was used."""

import asyncio
from collections.abc import Coroutine

import structlog

_log = structlog.get_logger(__name__)


class Background:
    """Runs coroutines beside the requests, at most `limit` at a time; what is beyond is dropped.

    Only for work that something else does later anyway (the sweeper publishes what was dropped here).
    """

    def __init__(self, limit: int = 1_000) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[object]] = set()

    def run(self, work: Coroutine[object, object, object]) -> None:
        """Start it, or drop it when too much is under way."""
        if len(self._tasks) >= self._limit:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def finish(self, grace_s: float = 2.0) -> None:
        """Wait for what is under way, then cancel the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("background work failed", cause=repr(error))
