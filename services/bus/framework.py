"""FastStream, and every private part of it that we touch: nothing else imports it.

Batch shape, manual acknowledgement, our own parser; its group creation, redelivery, retries,
supervisor and envelope are not used, because their defaults lose work (docs/decisions.md).
Importing it costs 0.6 s and 43 MB, so this module is imported only where a stage runs.
"""

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

os.environ["FASTSTREAM_SUPERVISOR_DISABLED"] = "1"  # read with int(); it would restart a failed read without a pause

from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.message import FAKE_CONSUMER, RedisBatchStreamMessage
from faststream.redis.parser import MessageFormat

from schemas.topics import Topic
from services.bus.address import resp2
from services.bus.tasks import end

log = structlog.stdlib.get_logger("wireroom.bus")

WARNING = 30
Raw = tuple[list[bytes], list[dict[bytes, bytes]]]
OnRead = Callable[[list[bytes], list[dict[bytes, bytes]]], Awaitable[None]]


class Plain(MessageFormat):
    """The body alone, no envelope: foreign clients must be able to read it, so headers are dropped."""

    @classmethod
    async def encode(cls, *, message: Any, **_: Any) -> bytes:
        """Return the payload's bytes as they are."""
        return bytes(message)

    @classmethod
    def parse(cls, data: bytes) -> tuple[bytes, dict[str, Any]]:
        """Return the bytes as they are; entries are judged one by one in our own code."""
        return data, {}


class _Logger:
    """What the framework says, one line each at WARNING and above; it would write two per message."""

    def log(self, level: int, msg: Any, /, *_: Any, exc_info: Any = None, **__: Any) -> None:
        if level >= WARNING:
            cause = f"{type(exc_info).__name__}: {exc_info}" if isinstance(exc_info, BaseException) else None
            log.warning("bus.framework", says=str(msg).partition("\n")[0], error=cause)


class Reading:
    """One batch subscriber. It may die at any time; the watchdog looks at `alive` and starts it again."""

    def __init__(self, subscriber: Any, asked_at: Callable[[], float | None]) -> None:
        self._subscriber = subscriber
        self._asked_at = asked_at

    @property
    def alive(self) -> bool:
        """Whether its task still runs. A task that ended has its exception retrieved here."""
        tasks = self._subscriber.tasks
        return bool(self._subscriber.running and tasks and not any(task.done() for task in tasks))

    @property
    def last_poll_age_s(self) -> float | None:
        """Seconds since it last asked for entries; None: it never did."""
        asked_at = self._asked_at()
        return None if asked_at is None else time.monotonic() - asked_at

    def why_dead(self) -> str | None:
        """Return the exception its task ended with."""
        for task in self._subscriber.tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                return f"{type(error).__name__}: {error}"
        return None

    async def start(self) -> None:
        """Begin to read. Raises whatever the connection raises, TimeoutError included."""
        await self._subscriber.start()

    async def stop(self) -> None:
        """Wait for the running handler within the grace, then cancel the read."""
        self.why_dead()  # retrieved, or asyncio complains when the task is collected
        tasks = list(self._subscriber.tasks)
        await self._subscriber.stop()
        await end(tasks)


class Framework:
    """One RedisBroker, run bare: under an app a terminal error would end the process with code 0."""

    def __init__(self, url: str, *, subscribers: int, grace_s: float) -> None:
        # A blocked connection per subscriber beside those that publish; the default of 100 hides leaks.
        self._asked: dict[tuple[str, str], float] = {}
        self._broker = RedisBroker(
            resp2(url),
            message_format=Plain,
            logger=_Logger(),
            log_level=10,  # of its two lines per message: below what our logger lets through
            graceful_timeout=grace_s,
            max_connections=2 * subscribers + 16,
            apply_types=False,
        )

    def reading(self, topic: Topic, group: str, consumer: str, poll_s: float, on_read: OnRead) -> Reading:
        """Declare a subscriber; `on_read` gets ids and fields of each batch and must settle them."""
        stream = StreamSub(
            topic.name,
            group=group,
            consumer=consumer,
            batch=True,
            max_records=topic.batch,  # without it one read takes the whole backlog
            polling_interval=int(poll_s * 1000),
            declare=False,  # groups are ours to create: the framework's start at `$` and skip what came before
        )

        async def parser(raw: Any) -> Any:
            first = raw["message_ids"][0].decode()
            return RedisBatchStreamMessage(
                raw_message=raw,
                body=b"",
                headers={},
                batch_headers=[],
                message_id=first,
                correlation_id=first,
                consumer=FAKE_CONSUMER,  # the message wants one; we never acknowledge through it
                group=group,
            )

        async def decoder(message: Any) -> Raw:
            return message.raw_message["message_ids"], message.raw_message["data"]

        async def handler(raw: Raw) -> None:
            await on_read(*raw)

        subscriber: Any = self._broker.subscriber(
            stream=stream, ack_policy=AckPolicy.MANUAL, no_reply=True, parser=parser, decoder=decoder
        )
        subscriber(handler)
        return Reading(subscriber, lambda: self._asked.get((topic.name, group)))

    async def connect(self) -> None:
        """Make the client. Connects to nothing yet."""
        client: Any = await self._broker.connect()
        asks = client.xreadgroup

        # Its loop tells nobody of a read that brought nothing, and Redis 7.0 does not note one either.
        async def noted(*, groupname: str, streams: dict[str, str], **options: Any) -> Any:
            for stream in streams:
                self._asked[stream, groupname] = time.monotonic()
            return await asks(groupname=groupname, streams=streams, **options)

        client.xreadgroup = noted

    async def publish(self, stream: str, payloads: Sequence[bytes], pipeline: Any) -> None:
        """Queue an XADD per payload on a redis-py pipeline."""
        for payload in payloads:
            await self._broker.publish(payload, stream=stream, pipeline=pipeline)

    async def close(self) -> None:
        """Stop what still reads and close the connections. Raises nothing: all that matters is done by now."""
        try:
            await self._broker.stop()
        except Exception as error:  # noqa: BLE001
            log.warning("bus.close_failed", error=f"{type(error).__name__}: {error}")
