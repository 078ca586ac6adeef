"""Live streams: one reader of the store for all who listen; each selection has one log, each listener an offset.

feed.updated, poll ─▶ read what moved once ─▶ log of each selection ─▶ listeners, each from its offset
Last-Event-ID, or a listener too slow for its log ─▶ read from SQL, then back to the log

A stream reads slowly or breaks at its own expense: nobody waits for it, and it misses nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from itertools import islice
from typing import Protocol

import structlog

from schemas.jobs import Change
from services.http.stream.events import LOG, Moved, Said, Selection, Wants, said
from services.store.changes import Place
from services.store.errors import StoreUnavailable
from services.store.sql import cursor_of

_log = structlog.get_logger(__name__)

BEAT = b":\n\n"  # a comment: proxies and clients see that the line is alive
KEPT = 1_000  # events a selection's log holds
PART = 200  # changes read at once
REPLAYS = 2  # such parts of the past under way: who comes back waits for a turn, and who listens does not


class Log(Protocol):
    """The order of commits. May raise StoreUnavailable."""

    async def last(self, feed: str) -> Place:
        """Find the place of what moved last."""
        ...

    async def after(self, feed: str, place: Place, limit: int = PART) -> list[Change]:
        """Read what moved behind a place, oldest first."""
        ...


class Listener:
    """One open stream: woken when there is something to write, or nothing for long, or it is over."""

    __slots__ = ("beat", "gone", "woken")

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.beat = False
        self.gone = False

    def leave(self) -> None:
        """End it."""
        self.gone = True
        self.woken.set()


class Channel:
    """The log of one selection and who listens to it."""

    def __init__(self, wants: Wants, kept: int) -> None:
        self.wants = wants
        self.listeners: set[Listener] = set()
        self._events: deque[Said] = deque(maxlen=kept)
        self._joined: tuple[int, int, bytes] = (0, 0, b"")  # what was joined last, for all who read at the same pace
        self.end = 0  # events ever added
        self.moved = False  # and not all who listen were woken

    def add(self, event: Said) -> None:
        """Append one; the oldest goes where there is no room."""
        self._events.append(event)
        self.end += 1
        self.moved = True

    @property
    def place(self) -> Place:
        """The place of the newest event."""
        return Place(*self._events[-1][:2])

    def since(self, offset: int) -> bytes | None:
        """Read the events from an offset on. None: some of them are no longer here."""
        first = self.end - len(self._events)
        if offset < first:
            return None
        if self._joined[:2] != (offset, self.end):
            data = b"".join(event.data for event in islice(self._events, offset - first, None))
            self._joined = (offset, self.end, data)
        return self._joined[2]

    def wake(self) -> None:
        """Wake all who listen."""
        for listener in self.listeners:
            listener.woken.set()


class Hub:
    """Every open stream of this process. `run` must run; belongs to its event loop."""

    def __init__(self, log: Log, *, poll_s: float = 1.0, beat_s: float = 15.0, kept: int = KEPT) -> None:
        self._source = log
        self._kept = kept
        self._poll_s = poll_s
        self._beat_s = beat_s
        self._channels: dict[Selection, Channel] = {}
        self._woken = asyncio.Event()
        self._place = Place()
        self._closed = False
        self._replays = asyncio.Semaphore(REPLAYS)
        self._reading = asyncio.Lock()  # free only when every version read is spread whole

    def __len__(self) -> int:
        return sum(len(channel.listeners) for channel in self._channels.values())

    async def last(self) -> Place:
        """Find the place of what moved last."""
        return await self._source.last(LOG)

    def wake(self) -> None:
        """Look at once: something moved."""
        self._woken.set()

    def close(self) -> None:
        """End every stream; clients come back with their last id."""
        self._closed = True
        for channel in self._channels.values():
            for listener in channel.listeners:
                listener.leave()

    async def run(self) -> None:
        """Read what moved and hand it on; ask at least every `poll_s` while anybody listens."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._beat_s
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._poll_s if self._channels else None)
            self._woken.clear()
            try:
                await self._read()
            except StoreUnavailable as error:
                _log.warning("stream.read_failed", error=str(error))
                await asyncio.sleep(self._poll_s)
            if loop.time() >= beat_at:
                beat_at = loop.time() + self._beat_s
                self._beat()

    async def follow(
        self, selection: Selection, wants: Wants, after: Place | None, listener: Listener
    ) -> AsyncGenerator[bytes]:
        """Yield a stream's bytes until its listener leaves: each event once, in order, from `after` on (None: from now)."""
        channel, place = await self._attach(selection, wants, listener)
        try:
            offset = channel.end
            if after is not None:
                async for part in self._replay(after, place, wants, listener):
                    yield part
            while not (listener.gone or self._closed):
                events = channel.since(offset)
                if events is None:  # too slow for the log: SQL has the rest
                    behind = place
                    async with self._reading:
                        offset, place = channel.end, self._place
                    async for part in self._replay(behind, place, wants, listener):
                        yield part
                elif events:
                    offset, place = channel.end, channel.place
                    yield events
                elif listener.beat:
                    yield BEAT
                listener.beat = False
                if channel.end == offset:
                    await listener.woken.wait()
                    listener.woken.clear()
        finally:
            channel.listeners.discard(listener)
            if not channel.listeners and self._channels.get(selection) is channel:
                del self._channels[selection]

    async def _attach(self, selection: Selection, wants: Wants, listener: Listener) -> tuple[Channel, Place]:
        """Join a selection's listeners; with the place that its log begins behind."""
        async with self._reading:
            if not self._channels:
                self._place = await self._source.last(LOG)
            channel = self._channels.setdefault(selection, Channel(wants, self._kept))
            channel.listeners.add(listener)
            self._woken.set()  # the poll begins with the first listener
            return channel, self._place

    async def _read(self) -> None:
        async with self._reading:
            while self._channels and (changes := await self._source.after(LOG, self._place, PART)):
                for change in changes:
                    self._spread(change)
                    await asyncio.sleep(0)  # hundreds of filters may have looked at it
                for channel in self._channels.values():
                    if channel.moved:
                        channel.moved = False
                        channel.wake()

    def _spread(self, change: Change) -> None:
        self._place = Place(change.version, change.article_id)
        event = Said(*self._place, said(change, event_id(self._place)))
        moved = Moved(change)
        for channel in self._channels.values():
            if channel.wants(moved):
                channel.add(event)

    def _beat(self) -> None:
        for channel in self._channels.values():
            for listener in channel.listeners:
                listener.beat = True
            channel.wake()

    async def _replay(self, after: Place, upto: Place, wants: Wants, listener: Listener) -> AsyncIterator[bytes]:
        """Read what moved behind `after`, no further than `upto`: what is behind that comes by the log."""
        more: Place | None = after
        while more is not None and not (listener.gone or self._closed):
            async with self._replays:
                changes = await self._source.after(LOG, more, PART)
                # Apart from the loop: a filter may look long for what it wants.
                part, more = await asyncio.to_thread(_written, changes, upto, wants)
            if part:
                yield part


def _written(changes: list[Change], upto: Place, wants: Wants) -> tuple[bytes, Place | None]:
    """Write what is wanted of these changes, and the place to go on from; None: there is no more."""
    # By version alone: databases differ in how they order text, and each version is in the log whole.
    within = [change for change in changes if change.version <= upto.version]
    places = [(change, Place(change.version, change.article_id)) for change in within if wants(Moved(change))]
    part = b"".join(said(change, event_id(place)) for change, place in places)
    whole = within and len(within) == len(changes)
    return part, Place(changes[-1].version, changes[-1].article_id) if whole else None


def event_id(place: Place) -> str:
    """Make the id of an event: opaque, and enough to go on from."""
    return cursor_of(*place)
