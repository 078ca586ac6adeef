"""One group that this process reads: the framework's reader, kept alive, and what it cannot do itself."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from schemas.topics import Topic
from services.bus.claim import Claimer
from services.bus.entry import read_entry
from services.bus.ids import text
from services.bus.link import Info, Link
from services.bus.ports import BusUnavailable, Handler, OnPoison, SubscriberHealth
from services.bus.settle import Settler
from services.bus.timings import Timings

if TYPE_CHECKING:
    from services.bus.framework import Framework, Reading

log = structlog.stdlib.get_logger("wireroom.bus")


class Subscription:
    """Reader, settler, claimer and watchdog of one group."""

    def __init__(
        self,
        link: Link,
        topic: Topic,
        group: str,
        handler: Handler,
        *,
        consumer: str,
        on_poison: Callable[[], OnPoison | None],
        timings: Timings,
        waits_for: tuple[type[Exception], ...],
        clock: Callable[[], datetime],
    ) -> None:
        self.topic = topic
        self.group = group
        self.restarts = 0
        self._link = link
        self._consumer = consumer
        self._timings = timings
        self._settler = Settler(
            topic.name,
            group,
            handler,
            ack=self._ack,
            on_poison=on_poison,
            timings=timings,
            waits_for=waits_for,
            clock=clock,
        )
        self.claimer = Claimer(link, self._settler, consumer, topic.batch, timings)
        self._reading: Reading | None = None
        self._paused = False
        self._stopped = False
        self._started = False
        self._restart = asyncio.Event()
        self._guard = asyncio.Lock()  # pause, restart and stop exclude each other
        self._claiming = asyncio.Lock()
        self._settled: set[str] = set()  # in SQL, but their XACK failed
        self._error: str | None = "not started"

    def bind(self, framework: "Framework") -> None:
        """Declare the reader."""
        self._reading = framework.reading(self.topic, self.group, self._consumer, self._timings.poll_s, self._on_read)
        self._stopped = False
        self._started = False
        self._settler.resume()

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Return what must run beside the reader, until cancelled."""
        return [
            self._forever(self._timings.watchdog_s, self.watch),
            self._forever(self._timings.claim_every_s, self._claim, at_once=True),
            self._forever(self._timings.claim_idle_s / 3, self.claimer.renew),
            self._forever(self._timings.reap_idle_s / 6, self._reap),
        ]

    def wake(self) -> None:
        """Have the watchdog start the reader anew."""
        self._restart.set()

    async def adopt(self) -> None:
        """Make everything that others left pending claimable now. Only where no other process reads."""
        if count := await self.claimer.hand_back(others_too=True):
            log.info("bus.adopted", stream=self.topic.name, group=self.group, entries=count)

    async def watch(self) -> None:
        """One look of the watchdog: a dead reader gets its group and a new start."""
        async with self._guard:
            if self._paused or self._stopped or self._reading is None:
                return
            # A reader that is busy is not asleep after a lost connection; its handler must not be cancelled.
            if self._reading.alive and (self._settler.held or not self._restart.is_set()):
                self._restart.clear()
                return
            why = self._reading.why_dead()
            self._restart.clear()
            try:
                await self._link.ensure_group(self.topic.name, self.group)
                await self._link.introduce(self.topic.name, self.group, self._consumer)
                await self._reading.stop()
                await self._reading.start()
            except Exception as error:  # Redis away, or refusing: tried again, never given up
                self._error = f"{type(error).__name__}: {error}"
                raise BusUnavailable(self._error) from error
            self._error = None
            if self._started:
                self.restarts += 1
                log.warning("bus.reader_restarted", stream=self.topic.name, group=self.group, why=why)
            self._started = True

    async def pause(self) -> None:
        """Stop reading and hand back what is held."""
        self._paused = True
        self._started = False
        await self._halt()
        with suppress(BusUnavailable):
            await self.claimer.hand_back()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._settler.resume()
        self.wake()

    async def stop_reading(self) -> None:
        """Let the running handlers end within the grace, then cancel them; nothing new is read."""
        self._stopped = True
        await self._halt()

    async def leave(self) -> None:
        """Hand back what is pending under our name and forget the consumer. Raises BusUnavailable."""
        for _ in range(2):
            # A cancelled read is over for the server once it has seen the connection close.
            await self._link.call(self._link.redis.ping)
        await self._ack([])
        returned = await self.claimer.hand_back()
        if returned:
            log.info("bus.handed_back", stream=self.topic.name, group=self.group, entries=returned)
        else:
            await self._forget(self._consumer)

    def health(self) -> SubscriberHealth:
        """As the watchdog saw it last."""
        alive = self._reading is not None and self._reading.alive
        return SubscriberHealth(
            self.topic.name,
            self.group,
            running=alive,
            paused=self._paused,
            busy_s=self._settler.busy_s,
            last_poll_age_s=None if self._reading is None else self._reading.last_poll_age_s,
            restarts=self.restarts,
            error=self._error or self._settler.error,
        )

    async def _halt(self) -> None:
        self._settler.stop()
        await asyncio.gather(self._stop_reader(), self._end_claims())

    async def _stop_reader(self) -> None:
        async with self._guard:
            if self._reading is not None:
                await self._reading.stop()

    async def _end_claims(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timings.grace_s), self._claiming:
                pass  # a claimed batch that is under way has had the same grace

    async def _on_read(self, ids: list[bytes], fields: list[dict[bytes, bytes]]) -> None:
        entries = [read_entry(text(one), values) for one, values in zip(ids, fields, strict=True)]
        await self._settler.settle(entries)

    async def _ack(self, ids: list[str]) -> None:
        """Acknowledge what stands in SQL. A failure is kept and tried again: the work itself is done."""
        self._settled.update(ids)
        if not self._settled:
            return
        ready = sorted(self._settled)
        try:
            await self._link.call(self._link.redis.xack, self.topic.name, self.group, *ready)
        except BusUnavailable as error:
            log.warning("bus.ack_failed", stream=self.topic.name, entries=len(ready), error=str(error))
            return
        self._settled.difference_update(ready)

    async def _claim(self) -> None:
        await self._ack([])
        if self._paused or self._stopped or self._settled:
            return
        async with self._claiming:
            await self.claimer.tick()

    async def _reap(self) -> None:
        rows: list[Info] = await self._link.call(self._link.redis.xinfo_consumers, self.topic.name, self.group)
        for row in rows:
            if not row["pending"] and row["idle"] > 1000 * self._timings.reap_idle_s:
                await self._forget(text(row["name"]))

    async def _forget(self, consumer: str) -> None:
        lost = await self._link.call(self._link.redis.xgroup_delconsumer, self.topic.name, self.group, consumer)
        if lost:
            log.error("bus.pending_lost", stream=self.topic.name, group=self.group, consumer=consumer, entries=lost)

    async def _forever(self, every_s: float, step: Callable[[], Awaitable[None]], *, at_once: bool = False) -> None:
        """Repeat a step. While Redis is away the pauses grow; nothing ends it but cancellation."""
        pause = 0.0 if at_once else every_s
        while True:
            await asyncio.sleep(pause)
            try:
                await step()
                pause = every_s
            except BusUnavailable as error:
                pause = min(max(self._timings.watchdog_max_s, every_s), max(pause, every_s) * 2)
                log.debug("bus.retry", stream=self.topic.name, group=self.group, error=str(error))
            except Exception:
                log.exception("bus.loop_failed", stream=self.topic.name, group=self.group)
