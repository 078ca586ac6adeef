"""The bus on Redis or Valkey streams.

FastStream reads and publishes (framework.py); around it, on a plain connection, stand the cures for
what its defaults lose: groups at 0 before anything is published, a watchdog, a claim loop, renewal
while a handler runs, hand-back at stop, safe trim. Commands are those common to Redis 7.0 and Valkey 9.

Guarantee: at least once, in any order. SQL commits first, XACK follows; a crash between the two
repeats the batch. Losing Redis loses only what waits unread in `article.inbox`.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from schemas.topics import TOPICS, Topic
from services.bus.ids import text
from services.bus.link import Link
from services.bus.observe import Observer
from services.bus.ports import (
    BusUnavailable,
    GroupStats,
    Handler,
    OnPoison,
    ServerStats,
    StreamFull,
    SubscriberHealth,
)
from services.bus.subscription import Subscription
from services.bus.tail import Tail
from services.bus.tasks import end
from services.bus.timings import MEMORY_LIMIT, STREAM_LIMIT, Timings
from services.bus.trim import Trimmer

if TYPE_CHECKING:
    from services.bus.framework import Framework

log = structlog.stdlib.get_logger("wireroom.bus")

_PATIENCE_S = 0.25
EPOCH_KEY = "wireroom:epoch"


class RedisBus:
    """See `services.bus.ports.Bus` for what each method promises.

    `consumer` must be new for every start (host:pid:boot time). `waits_for`: exceptions of handlers
    that mean an outage, waited for and never counted. `alone`: no other process reads these groups,
    so what an earlier run left pending is taken over at once instead of after a minute.
    """

    def __init__(
        self,
        url: str,
        *,
        consumer: str,
        clock: Callable[[], datetime],
        on_poison: OnPoison | None = None,
        waits_for: tuple[type[Exception], ...] = (),
        alone: bool = False,
        timings: Timings | None = None,
        stream_limit: int = STREAM_LIMIT,
        memory_limit: float = MEMORY_LIMIT,
    ) -> None:
        self.on_poison = on_poison
        self._url = url
        self._consumer = consumer
        self._clock = clock
        self._waits_for = (ConnectionError, BusUnavailable, *waits_for)
        self._alone = alone
        self._timings = timings or Timings()
        self._stream_limit = stream_limit
        self._memory_limit = memory_limit
        self._link = Link(url, answer_s=self._timings.answer_s)
        self._observer = Observer(self._link)
        self._trimmer = Trimmer(self._link, self._timings)
        self._subscriptions: list[Subscription] = []
        self._tails: list[Tail] = []
        self._loops: list[asyncio.Task[None]] = []
        self._framework: Framework | None = None
        self._loading = asyncio.Lock()
        self._seen = ServerStats(reachable=False)
        self._run_id: str | None = None
        self._away = False

    def subscribe(self, topic: Topic, group: str, handler: Handler) -> None:
        """See Bus."""
        self._subscriptions.append(
            Subscription(
                self._link,
                topic,
                group,
                handler,
                consumer=self._consumer,
                on_poison=lambda: self.on_poison,
                timings=self._timings,
                waits_for=self._waits_for,
                clock=self._clock,
            )
        )

    def tail(self, topic: Topic, handler: Handler) -> None:
        """See Bus."""
        self._tails.append(Tail(self._link, topic, handler, self._timings, self._clock))

    async def start(self) -> None:
        """See Bus."""
        with suppress(BusUnavailable):
            await self._ensure_groups()
            await self._look()
        if self._subscriptions:
            framework = await self._load_framework()
            for subscription in self._subscriptions:
                subscription.bind(framework)
                if self._alone:
                    with suppress(BusUnavailable):
                        await subscription.adopt()
                with suppress(BusUnavailable):
                    await subscription.watch()
                self._loops += [self._spawn(loop) for loop in subscription.loops()]
        self._loops += [self._spawn(tail.run()) for tail in self._tails]
        self._loops.append(self._spawn(self._observe()))

    async def stop(self) -> None:
        """See Bus."""
        loops, self._loops = self._loops, []
        # The reads first, within the grace; the claim loops keep renewing what still runs.
        await asyncio.gather(*(subscription.stop_reading() for subscription in self._subscriptions))
        await end(loops)
        with suppress(BusUnavailable, TimeoutError):
            async with asyncio.timeout(self._timings.handback_s):
                await asyncio.gather(*(subscription.leave() for subscription in self._subscriptions))
        if self._framework is not None:
            await self._framework.close()
            self._framework = None
        with suppress(BusUnavailable):
            await self._link.close()

    async def publish(self, stream: str, payloads: Sequence[bytes]) -> list[str]:
        """See Bus."""
        if not payloads:
            return []
        self._refuse_when_full(stream)
        if self._away:
            # A server that hangs would hold the caller for the whole socket timeout.
            await self._answers_at_once()
        framework = await self._load_framework()
        pipeline = self._link.redis.pipeline(transaction=False)
        await framework.publish(stream, payloads, pipeline)
        ids = await self._link.call(pipeline.execute)
        return [text(entry_id) for entry_id in ids]

    async def waiting(self, stream: str, ids: Sequence[str]) -> set[str]:
        """See Bus."""
        topic = TOPICS.get(stream)
        return await self._observer.waiting(stream, topic.groups if topic else (), ids)

    async def pause(self, group: str) -> None:
        """See Bus."""
        for subscription in self._of(group):
            await subscription.pause()

    async def resume(self, group: str) -> None:
        """See Bus."""
        for subscription in self._of(group):
            subscription.resume()

    async def epoch(self) -> str:
        """See Bus."""
        redis = self._link.redis
        found = await self._link.call(redis.get, EPOCH_KEY)
        if found is None:
            await self._link.call(redis.set, EPOCH_KEY, secrets.token_hex(8), nx=True)
            found = await self._link.call(redis.get, EPOCH_KEY)
        if found is None:
            raise BusUnavailable("the epoch key cannot be kept")
        return text(found)

    async def stats(self) -> list[GroupStats]:
        """See Bus."""
        rows = [row for topic in TOPICS.values() for row in await self._observer.groups(topic.name, topic.groups)]
        mine = {(one.topic.name, one.group): one for one in self._subscriptions}
        return [
            row._replace(reclaimed=one.claimer.reclaimed, restarts=one.restarts)
            if (one := mine.get((row.stream, row.group)))
            else row
            for row in rows
        ]

    async def server(self) -> ServerStats:
        """See Bus."""
        return (await self._observer.server(tuple(TOPICS)))[0]

    def health(self) -> list[SubscriberHealth]:
        """See Bus."""
        return [subscription.health() for subscription in self._subscriptions]

    def _of(self, group: str) -> list[Subscription]:
        found = [one for one in self._subscriptions if one.group == group]
        if not found:
            raise LookupError(f"no group {group} is read here")
        return found

    async def _answers_at_once(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._link.call(self._link.redis.ping)
        except TimeoutError as error:
            raise BusUnavailable("the server does not answer") from error

    def _refuse_when_full(self, stream: str) -> None:
        seen = self._seen
        if seen.lengths and seen.lengths.get(stream, 0) > self._stream_limit:
            raise StreamFull(f"{stream} holds {seen.lengths[stream]} entries")
        if seen.memory_ratio is not None and seen.memory_ratio > self._memory_limit:
            raise StreamFull(f"{seen.memory_ratio:.0%} of the server's memory is in use")

    async def _load_framework(self) -> "Framework":
        async with self._loading:
            if self._framework is None:
                # 0.6 s of imports, in a thread: the event loop has other things to do meanwhile.
                await asyncio.to_thread(__import__, "services.bus.framework")
                from services.bus.framework import Framework  # noqa: PLC0415

                self._framework = Framework(
                    self._url, subscribers=len(self._subscriptions), grace_s=self._timings.grace_s
                )
                await self._framework.connect()
            return self._framework

    async def _ensure_groups(self) -> None:
        for topic in TOPICS.values():
            for group in topic.groups:
                await self._link.ensure_group(topic.name, group)

    def _spawn(self, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(loop)

    async def _observe(self) -> None:
        """Each second: look at the server, trim what nobody needs. Runs until cancelled."""
        while True:
            await asyncio.sleep(self._timings.observe_s)
            try:
                await self._look()
                if self._subscriptions:
                    for topic in TOPICS.values():
                        await self._trimmer.trim(topic.name, topic.groups)
            except BusUnavailable as error:
                log.debug("bus.observe_failed", error=str(error))
            except Exception:
                log.exception("bus.observe_failed")

    async def _look(self) -> None:
        """Note the server's condition; a server that is another one than before starts every reader anew."""
        before, known = self._seen, self._run_id
        self._seen, run_id = await self._observer.server(tuple(TOPICS))
        self._away = not self._seen.reachable
        if self._seen.reachable != before.reachable:
            log.log(20 if self._seen.reachable else 30, "bus.server", reachable=self._seen.reachable)
        if run_id is None:
            return
        self._run_id = run_id
        if known not in {None, run_id}:
            await self._ensure_groups()
            # The framework sleeps 5 s after a lost connection, whatever happens; a new start does not.
            for subscription in self._subscriptions:
                subscription.wake()
