"""Read all of a stream without a group: every process its own position, from now on."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from schemas.topics import Topic
from services.bus.entry import Batch, read_entry
from services.bus.ids import id_key, text
from services.bus.link import Link
from services.bus.ports import BusUnavailable, Handler
from services.bus.timings import Timings

log = structlog.stdlib.get_logger("wireroom.bus")


class Tail:
    """One reader. Nothing is acknowledged and nothing repeated: what it brings is a hint.

    Whenever entries may have been missed (at start, after an outage, after the stream was emptied)
    the handler gets an empty batch with `gap`, and asks SQL. A handler that raises gets one too.
    """

    def __init__(
        self, link: Link, topic: Topic, handler: Handler, timings: Timings, clock: Callable[[], datetime]
    ) -> None:
        self._link = link
        self._topic = topic
        self._handler = handler
        self._timings = timings
        self._clock = clock

    async def run(self) -> None:
        """Read until cancelled."""
        tries = 0
        while True:
            try:
                position = await self._newest()
                await self._deliver(Batch(self._topic.name, "", (), self._clock(), gap=True))
                tries = 0
                while position is not None:
                    position = await self._read(position)
            except BusUnavailable as error:
                tries += 1
                log.log(30 if tries == 1 else 10, "bus.tail_interrupted", stream=self._topic.name, error=str(error))
            except Exception:
                tries += 1
                log.exception("bus.tail_failed", stream=self._topic.name)
            if tries:
                await asyncio.sleep(self._timings.retry_pause(tries))

    async def _read(self, position: str) -> str | None:
        """Deliver what came after `position`; the new one, or None where the stream begins anew."""
        redis = self._link.redis
        block = int(self._timings.poll_s * 1000)
        found = await self._link.call(redis.xread, {self._topic.name: position}, count=self._topic.batch, block=block)
        if not found:
            return position if id_key(await self._newest()) >= id_key(position) else None
        rows = found[0][1]
        entries = [read_entry(text(entry_id), fields) for entry_id, fields in rows]
        await self._deliver(Batch(self._topic.name, "", entries, self._clock()))
        return entries[-1].id

    async def _newest(self) -> str:
        """Return the last id ever given out in this stream; 0-0 where there is none."""
        try:
            info = await self._link.call(self._link.redis.xinfo_stream, self._topic.name)
        except BusUnavailable as error:
            if "no such key" in str(error):
                return "0-0"
            raise
        return text(info["last-generated-id"])

    async def _deliver(self, batch: Batch) -> None:
        await self._handler(batch)
