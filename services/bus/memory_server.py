"""What stands for Redis in memory: streams and groups in dicts, shared by the buses of one process."""

import asyncio
from dataclasses import dataclass, field

from schemas.topics import TOPICS
from services.bus.ports import BusUnavailable


@dataclass
class Group:
    """One consumer group."""

    last: int = 0  # the number of the newest entry delivered
    pending: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])  # id → consumer, count
    consumers: set[str] = field(default_factory=set[str])


@dataclass
class Stream:
    """One stream, oldest entry first."""

    entries: dict[str, dict[bytes, bytes]] = field(default_factory=dict[str, dict[bytes, bytes]])
    groups: dict[str, Group] = field(default_factory=dict[str, Group])


class MemoryServer:
    """Streams and groups in dicts. Ids are 1-0, 2-0, …, never reused, not even after a flush."""

    def __init__(self) -> None:
        self.away = False
        self.changed = asyncio.Condition()
        self.epoch = 1
        self._next = 1
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """Return the stream with its groups at 0. Raises BusUnavailable while away."""
        if self.away:
            raise BusUnavailable("the server is away")
        if name not in self._streams:
            groups = TOPICS[name].groups if name in TOPICS else ()
            self._streams[name] = Stream(groups={group: Group() for group in groups})
        return self._streams[name]

    async def add(self, name: str, fields: dict[bytes, bytes]) -> str:
        """XADD: any client's fields; the id."""
        stream = self.stream(name)
        entry_id = f"{self._next}-0"
        self._next += 1
        stream.entries[entry_id] = dict(fields)
        await self.notify()
        return entry_id

    async def flush(self) -> None:
        """FLUSHALL."""
        self._streams.clear()
        self.epoch += 1
        await self.notify()

    async def notify(self) -> None:
        """Wake every reader."""
        async with self.changed:
            self.changed.notify_all()
