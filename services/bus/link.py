"""Our own connection to Redis, beside the framework's: plain redis-py, errors in the bus's terms."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.bus.address import resp2
from services.bus.ids import text
from services.bus.ports import BusUnavailable

T = TypeVar("T")

# One field after the other, as Redis answers over RESP2: the wrappers of redis-py are untyped.
Info = dict[str, Any]


@contextmanager
def translated() -> Generator[None]:
    """Turn what redis-py raises into BusUnavailable."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise BusUnavailable(f"{type(error).__name__}: {error}") from error


class Link:
    """A pool of connections and the few commands that the bus needs, each raising BusUnavailable."""

    def __init__(self, url: str, *, connections: int = 32, answer_s: float = 5.0) -> None:
        # No retries inside: every loop here has its own pace, and a publish falls back to the outbox.
        pool = BlockingConnectionPool.from_url(
            resp2(url),
            max_connections=connections,
            timeout=answer_s,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=answer_s,
            socket_connect_timeout=3,
        )
        self.redis: Any = Redis.from_pool(pool)

    async def call(self, command: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Run one redis-py method."""
        with translated():
            return await command(*args, **kwargs)

    async def close(self) -> None:
        """Close every connection; safe to repeat."""
        with translated():
            await self.redis.aclose()

    async def now_ms(self) -> int:
        """Redis' own clock, which the entry ids follow."""
        seconds, micros = await self.call(self.redis.time)
        return int(seconds) * 1000 + int(micros) // 1000

    async def ensure_group(self, stream: str, group: str) -> bool:
        """Create the group at 0, so that what was published before it is read; True if it was missing."""
        with translated():
            try:
                await self.redis.xgroup_create(stream, group, id="0", mkstream=True)
            except RedisError as error:
                if "BUSYGROUP" in str(error):
                    return False
                raise
        return True

    async def introduce(self, stream: str, group: str, consumer: str) -> None:
        """Create the consumer: the server does so at its first entry, and until then nobody seems to read."""
        with translated():
            await self.redis.xgroup_createconsumer(stream, group, consumer)

    async def groups(self, stream: str) -> dict[str, Info]:
        """XINFO GROUPS by name; empty if there is no such stream."""
        with translated():
            try:
                rows: list[Info] = await self.redis.xinfo_groups(stream)
            except RedisError as error:
                if "no such key" in str(error):
                    return {}
                raise
        return {text(row["name"]): row for row in rows}
