"""The bus without Redis, for tests: the same promises in one process, passing the same suite.

A `MemoryServer` stands for Redis: several buses may share it, `flush()` empties it, and while it is
`away` every call raises. Entries of another bus are taken over when that bus stops, not by age.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from schemas.topics import TOPICS, Topic
from services.bus.entry import Batch, Entry, fields_of, read_entry
from services.bus.ids import id_key
from services.bus.memory_server import Group, MemoryServer, Stream
from services.bus.ports import BusUnavailable, GroupStats, Handler, OnPoison, ServerStats, SubscriberHealth
from services.bus.settle import Settler
from services.bus.tasks import end
from services.bus.timings import Timings


class _Reader:
    """One group read by one bus."""

    def __init__(self, bus: "MemoryBus", topic: Topic, group: str, settler: Settler) -> None:
        self.bus, self.topic, self.group, self.settler = bus, topic, group, settler
        self.paused = False
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Read until cancelled."""
        server = self.bus.backend
        while True:
            try:
                if entries := self._read():
                    await self.settler.settle(entries)
                    continue
            except BusUnavailable:
                pass
            async with server.changed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.bus.timings.poll_s):
                        await server.changed.wait()

    def _read(self) -> list[Entry]:
        stream = self.bus.backend.stream(self.topic.name)
        group = stream.groups.setdefault(self.group, Group())
        group.consumers.add(self.bus.consumer)
        returned = [one for one, (owner, _) in group.pending.items() if not owner][: self.topic.batch]
        ids = returned or [one for one in stream.entries if id_key(one)[0] > group.last][: self.topic.batch]
        entries: list[Entry] = []
        for one in ids:
            count = group.pending.get(one, ("", 0))[1] + 1
            group.pending[one] = (self.bus.consumer, count)
            group.last = max(group.last, id_key(one)[0])
            entries.append(read_entry(one, stream.entries[one], count))
        return entries

    async def ack(self, ids: list[str]) -> None:
        """XACK, and the safe trim at once."""
        with suppress(BusUnavailable):
            stream = self.bus.backend.stream(self.topic.name)
            for one in ids:
                stream.groups[self.group].pending.pop(one, None)
                if self.bus.unneeded(stream, one):
                    stream.entries.pop(one, None)

    async def halt(self) -> None:
        """Let the handler end within the grace, then hand back."""
        self.settler.stop()
        task, self.task = self.task, None
        if task is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.bus.timings.grace_s):
                    while self.settler.held:  # noqa: ASYNC110 - the twin polls, it has no loop to hook into
                        await asyncio.sleep(0.001)
            await end([task])
        with suppress(BusUnavailable):
            group = self.bus.backend.stream(self.topic.name).groups.setdefault(self.group, Group())
            group.consumers.discard(self.bus.consumer)
            for one, (owner, count) in group.pending.items():
                if owner == self.bus.consumer:
                    group.pending[one] = ("", count - (one not in self.settler.interrupted))
        await self.bus.backend.notify()


class MemoryBus:
    """See `services.bus.ports.Bus`."""

    def __init__(
        self,
        backend: MemoryServer | None = None,
        *,
        clock: Callable[[], datetime],
        consumer: str = "memory",
        on_poison: OnPoison | None = None,
        waits_for: tuple[type[Exception], ...] = (),
        timings: Timings | None = None,
    ) -> None:
        self.on_poison = on_poison
        self.backend = backend or MemoryServer()
        self.consumer = consumer
        self.timings = timings or Timings()
        self._clock = clock
        self._waits_for = (ConnectionError, BusUnavailable, *waits_for)
        self._readers: list[_Reader] = []
        self._tails: list[tuple[Topic, Handler]] = []
        self._loops: list[asyncio.Task[None]] = []

    def subscribe(self, topic: Topic, group: str, handler: Handler) -> None:
        """See Bus."""
        settler = Settler(
            topic.name,
            group,
            handler,
            ack=lambda ids: reader.ack(ids),  # noqa: PLW0108 - the reader is made below
            on_poison=lambda: self.on_poison,
            timings=self.timings,
            waits_for=self._waits_for,
            clock=self._clock,
        )
        reader = _Reader(self, topic, group, settler)
        self._readers.append(reader)

    def tail(self, topic: Topic, handler: Handler) -> None:
        """See Bus."""
        self._tails.append((topic, handler))

    async def start(self) -> None:
        """See Bus."""
        for reader in self._readers:
            self._begin(reader)
        self._loops = [asyncio.create_task(self._follow(*one)) for one in self._tails]

    async def stop(self) -> None:
        """See Bus."""
        await end(self._loops)
        self._loops.clear()
        await asyncio.gather(*(reader.halt() for reader in self._readers))

    async def publish(self, stream: str, payloads: Sequence[bytes]) -> list[str]:
        """See Bus."""
        return [await self.backend.add(stream, fields_of(payload)) for payload in payloads]

    async def waiting(self, stream: str, ids: Sequence[str]) -> set[str]:
        """See Bus."""
        found = self.backend.stream(stream)
        return {
            one
            for one in ids
            if one in found.entries
            and any(id_key(one)[0] > group.last or one in group.pending for group in found.groups.values())
        }

    async def pause(self, group: str) -> None:
        """See Bus."""
        for reader in self._of(group):
            reader.paused = True
            await reader.halt()

    async def resume(self, group: str) -> None:
        """See Bus."""
        for reader in self._of(group):
            self._begin(reader)

    async def epoch(self) -> str:
        """See Bus."""
        self.backend.stream("article.inbox")
        return str(self.backend.epoch)

    async def stats(self) -> list[GroupStats]:
        """See Bus. Ages are known only as 0.0 where nothing waits: entries here carry no time."""
        rows: list[GroupStats] = []
        for topic in TOPICS.values():
            for name in topic.groups:
                with suppress(BusUnavailable):
                    stream = self.backend.stream(topic.name)
                    group = stream.groups[name]
                    unread = sum(id_key(one)[0] > group.last for one in stream.entries)
                    counts = [count for _, count in group.pending.values()]
                    rows.append(
                        GroupStats(
                            topic.name,
                            name,
                            unread,
                            len(counts),
                            None if unread else 0.0,
                            None if counts else 0.0,
                            len(group.consumers),
                            max(counts, default=0),
                        )
                    )
                    continue
                rows.append(GroupStats(topic.name, name))
        return rows

    async def server(self) -> ServerStats:
        """See Bus."""
        if self.backend.away:
            return ServerStats(reachable=False)
        lengths = {name: len(self.backend.stream(name).entries) for name in TOPICS}
        return ServerStats(reachable=True, writes_ok=True, lengths=lengths)

    def health(self) -> list[SubscriberHealth]:
        """See Bus."""
        return [
            SubscriberHealth(
                reader.topic.name,
                reader.group,
                running=reader.task is not None and not self.backend.away,
                paused=reader.paused,
                busy_s=reader.settler.busy_s,
                last_poll_age_s=0.0 if reader.task is not None else None,
                restarts=0,
                error=reader.settler.error,
            )
            for reader in self._readers
        ]

    @staticmethod
    def unneeded(stream: Stream, entry_id: str) -> bool:
        """Whether every group has acknowledged it."""
        number = id_key(entry_id)[0]
        return all(number <= group.last and entry_id not in group.pending for group in stream.groups.values())

    def _begin(self, reader: _Reader) -> None:
        reader.paused = False
        reader.settler.resume()
        reader.task = asyncio.create_task(reader.run())

    def _of(self, group: str) -> list[_Reader]:
        found = [one for one in self._readers if one.group == group]
        if not found:
            raise LookupError(f"no group {group} is read here")
        return found

    async def _follow(self, topic: Topic, handler: Handler) -> None:
        position, epoch = self._newest(topic), 0
        while True:
            try:
                if self.backend.away:
                    epoch = 0
                elif epoch != self.backend.epoch:
                    position, epoch = self._newest(topic), self.backend.epoch
                    await handler(Batch(topic.name, "", (), self._clock(), gap=True))
                elif fresh := self._after(topic, position):
                    position = id_key(fresh[-1].id)[0]
                    await handler(Batch(topic.name, "", fresh, self._clock()))
            except Exception:  # noqa: BLE001 - as on Redis: what it missed it asks SQL for
                epoch = 0
                await asyncio.sleep(self.timings.retry_pause(1))
                continue
            async with self.backend.changed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.timings.poll_s):
                        await self.backend.changed.wait()

    def _after(self, topic: Topic, position: int) -> list[Entry]:
        found = self.backend.stream(topic.name).entries
        return [read_entry(one, fields) for one, fields in found.items() if id_key(one)[0] > position]

    def _newest(self, topic: Topic) -> int:
        if self.backend.away:
            return 0
        return max((id_key(one)[0] for one in self.backend.stream(topic.name).entries), default=0)
