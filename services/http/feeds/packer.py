"""Makes br and zstd of documents when somebody can read them: one at a time, in a thread, a fifth of one core at most.

Until a coding is ready its readers get gzip. A document that changes every second may never get there;
then gzip is what it costs least to serve.
"""

import asyncio
import time

import structlog

from services.syndicate.document import Document, pack

_log = structlog.get_logger(__name__)

_WAITING = 256  # documents; more who wait are asked for again by their next reader
_SHARE = 5


class Packer:
    """Single flight: a document and coding asked for by many is made once. Belongs to its event loop."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[int, str], Document] = {}  # by identity: an equal document has its own codings
        self._task: asyncio.Task[None] | None = None
        self.made = 0

    def want(self, document: Document, coding: str) -> None:
        """Have the coding made soon; cheap to say again and again."""
        key = (id(document), coding)
        if key in self._wanted or len(self._wanted) >= _WAITING:
            return
        self._wanted[key] = document
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._wanted:
                key, document = next(reversed(self._wanted.items()))  # the newest is the likeliest to live on
                begun = time.perf_counter()
                try:
                    document.more[key[1]] = await asyncio.to_thread(pack, document, key[1])
                    self.made += 1
                except Exception as error:  # noqa: BLE001 - gzip is served instead
                    document.more[key[1]] = None
                    _log.error("documents.pack_failed", feed=document.feed, coding=key[1], error=repr(error))
                self._wanted.pop(key, None)
                await asyncio.sleep((time.perf_counter() - begun) * (_SHARE - 1))
        finally:
            self._task = None

    async def close(self) -> None:
        """Make no more."""
        self._wanted.clear()
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
