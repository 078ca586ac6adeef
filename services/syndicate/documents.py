"""Ready documents in memory: what readers fetch touches neither Redis nor SQL.

    feed.updated ─▶ invalidate ─┐
    poll, every second ─────────┴▶ wait 200 ms ─▶ one join for all that changed ─▶ cached ─▶ readers

A document in use is joined again soon after a change and served as it was until then; one that nobody
read since its last join is joined when somebody asks. Sealed pages never change; they go when their feed's
archive gets new addresses. While SQL is away, all keep being served.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from schemas.feed import Ended, Moved, Replaced
from services.store.errors import StoreUnavailable
from services.syndicate.deltas import Deltas
from services.syndicate.document import Document, elsewhere
from services.syndicate.formats import FORMATS
from services.syndicate.history import sealed
from services.syndicate.joiner import Current, Joiner, Site
from services.syndicate.ports import FeedReads

_log = structlog.get_logger(__name__)

_MOST_UNKNOWN = 10_000  # names asked for that no feed has
_SHARE = 10  # joins of one feed take at most about a tenth of the time
_LONGEST_WAIT_S = 0.8  # but no change waits longer: it shall be visible within a second

Key = tuple[str, str, str]  # the feed's address, format name, page ("": the subscription document)
Found = Document | Moved | Ended | Replaced | None
"""What stands under an address; None: nothing ever did."""

_Instead = Moved | Ended | Replaced | Current | None


@dataclass(slots=True)
class _Held:
    document: Document
    wanted: int  # the newest version that we heard of
    read: bool = True  # since it was joined
    lapsed: bool = False  # outdated, and not joined again because nobody read it
    took_s: float = 0.0  # its last refresh


@dataclass(slots=True)
class _Pages:
    held: set[Key] = field(default_factory=set[Key])
    checked: int = 0  # the feed's version that was announced when their generation was last asked for


class Documents:
    """All documents of all feeds, joined on demand, byte-capped. One instance in each serving process.

    Half of `cache_bytes` is for documents, half for fragments; the document made last always stays.
    Not thread-safe: it belongs to its event loop. `run` must run for changes to be seen without Redis.
    """

    def __init__(
        self, feeds: FeedReads, site: Site, *, cache_bytes: int, coalesce_s: float = 0.2, poll_s: float = 1.0
    ) -> None:
        self.site = site
        self._feeds = feeds
        self._joiner = Joiner(feeds, site, cache_bytes // 2)
        self._cap = cache_bytes // 2
        self._size = 0
        self._coalesce_s = coalesce_s
        self._poll_s = poll_s
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[Found | Current]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._refreshes: dict[str, asyncio.Task[None]] = {}
        self._heard: dict[str, int] = {}  # versions announced while a first join is under way
        self._instead: dict[tuple[str, str], tuple[float, _Instead]] = {}  # addresses without a document, until when
        self._pages: dict[str, _Pages] = {}  # sealed ones, by the feed's address
        self._renamed: dict[str, set[str]] = {}  # feeds whose address is not their key → addresses held
        self._away_until = 0.0  # loop time: SQL did not answer; until then what is held is served as it is
        self.joins = 0  # for metrics: documents joined
        self.on_kept: Callable[[Key], None] = lambda _key: None  # told of each document that was joined
        self.deltas = Deltas(self._joiner)  # what moved, for readers who hold the rest

    def cached(self, address: str, format_name: str, page: str = "") -> Document | None:
        """Find a document in memory, without waiting. None: `get` it."""
        key = (address, format_name, page)
        held = self._held.get(key)
        if held is None or held.lapsed:
            return None
        held.read = True
        self._held.move_to_end(key)
        return held.document

    def peek(self, key: Key) -> Document | None:
        """Find a document in memory, without counting as its reader."""
        held = self._held.get(key)
        return None if held is None else held.document

    async def get(self, address: str, format_name: str, page: str = "") -> Found:
        """Find or join a document; many who ask at once share one join. None: there is no such feed or page.

        Raises StoreUnavailable only if SQL is away and nothing, not even an outdated document, is held.
        """
        key = (address, format_name, page)
        if (document := self.cached(*key)) is not None:
            return document
        loop = asyncio.get_running_loop()
        held = self._held.get(key)
        if held is not None and loop.time() < self._away_until:
            return held.document
        until, instead = self._instead.get((address, page), (0.0, None))
        if until > loop.time():
            return await self._current(address, format_name) if isinstance(instead, Current) else instead
        if (flight := self._flights.get(key)) is None:
            flight = self._flights[key] = loop.create_task(self._fly(key))
            flight.add_done_callback(lambda ended: self._landed(key, ended))
        try:
            found = await asyncio.shield(flight)  # one who hangs up takes nobody's join away
        except StoreUnavailable:
            self._away_until = loop.time() + self._poll_s
            if held is None:
                raise
            return held.document
        return await self._current(address, format_name) if isinstance(found, Current) else found

    async def _current(self, address: str, format_name: str) -> Found:
        """Find the subscription document for who asks for the page that it will become."""
        found = await self.get(address, format_name)
        return elsewhere(found) if isinstance(found, Document) else found

    def invalidate(self, name: str, version: int) -> None:
        """Note that a feed (its key) moved to `version`. Changes within the coalescing time share one join."""
        self.deltas.waiters.announce(name, version)
        self._invalidate(name, version)
        for address in tuple(self._renamed.get(name, ())):
            self._invalidate(address, version)

    def _invalidate(self, name: str, version: int) -> None:
        self._instead.pop((name, ""), None)
        wait_s = 0.0
        for each in FORMATS:
            held = self._held.get((name, each, ""))
            if held is not None and held.wanted < version:
                held.wanted = version
                wait_s = max(wait_s, self._wait_s(held.took_s))
        if (pages := self._pages.get(name)) is not None and pages.checked < version:
            pages.checked = version
            wait_s = max(wait_s, self._coalesce_s)
        if any(key[0] == name for key in self._flights):
            self._heard[name] = max(version, self._heard.get(name, 0))
        if wait_s:
            self._schedule(name, wait_s)

    async def run(self) -> None:
        """Ask SQL every `poll_s` which feeds moved: finds what `feed.updated` lost, and works without Redis."""
        token: datetime | None = None
        for held in self._held.values():
            held.lapsed = True  # joined before we began to watch
        while True:
            try:
                token, moved = await self._feeds.moved_since(token)
            except StoreUnavailable as error:
                _log.warning("documents.poll_failed", error=str(error))
            else:
                for name, version in moved:
                    self.invalidate(name, version)
            await asyncio.sleep(self._poll_s)

    async def close(self) -> None:
        """Stop what is under way. What is held can still be read."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        tasks = [*self._refreshes.values(), *self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.deltas.close()

    def _schedule(self, name: str, delay_s: float) -> None:
        if name not in self._timers:
            self._timers[name] = asyncio.get_running_loop().call_later(delay_s, self._due, name)

    def _due(self, name: str) -> None:
        del self._timers[name]
        if name in self._refreshes:
            return  # it looks again when it ends
        wanted: list[str] = []
        for each in FORMATS:
            held = self._held.get((name, each, ""))
            if held is None or held.lapsed or held.wanted <= held.document.version:
                continue
            if held.read:
                wanted.append(each)
            else:
                held.lapsed = True
        if wanted or name in self._pages:
            task = self._refreshes[name] = asyncio.get_running_loop().create_task(self._refresh(name, wanted))
            task.add_done_callback(lambda _: self._refreshes.pop(name, None))
            task.add_done_callback(_log_fault)

    async def _refresh(self, name: str, formats: Collection[str]) -> None:
        loop = asyncio.get_running_loop()
        started, asked = loop.time(), self._wanted(name)
        try:
            made = await self._joiner.join(name, formats) if formats else {}
            await self._check_pages(name)
        except StoreUnavailable as error:
            _log.warning("documents.refresh_failed", feed=name, error=str(error))
            self._away_until = loop.time() + self._poll_s
            self._schedule(name, self._poll_s)
            return
        took_s = loop.time() - started
        for each in formats:
            if isinstance(made, dict):
                self._keep((name, each, ""), made[each], asked, read=False, took_s=took_s)
            else:
                self._drop((name, each, ""))
        if self._wanted(name) > asked:
            self._schedule(name, self._wait_s(took_s))

    async def _check_pages(self, name: str) -> None:
        """Drop the sealed pages that are no more."""
        if name in self._pages:
            generation = await self._joiner.generation(name)
            for key in tuple(self._pages[name].held) if name in self._pages else ():
                named = sealed(key[2])
                if named is None or named.generation != generation:
                    self._drop(key)

    async def _fly(self, key: Key) -> Found | Current:
        name, format_name, page = key
        asked = self._wanted(name)
        if page:
            made = await self._joiner.page(name, format_name, page)
        else:
            joined = await self._joiner.join(name, (format_name,))
            made = joined[format_name] if isinstance(joined, dict) else joined
        if not isinstance(made, Document):
            self._drop(key)
            if len(self._instead) >= _MOST_UNKNOWN:
                self._instead.clear()
            self._instead[name, page] = (asyncio.get_running_loop().time() + self._poll_s, made)
            return made
        document = self._keep(key, made, asked, read=True)
        if self._wanted(name) > asked:
            self._schedule(name, self._coalesce_s)
        return document

    def _landed(self, key: Key, flight: asyncio.Task[Found | Current]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # everyone who asked may have hung up
        if not any(name == key[0] for name, _, _ in self._flights):
            self._heard.pop(key[0], None)

    def _wanted(self, name: str) -> int:
        """Find the newest version announced, where anything of the feed is held or under way."""
        held = (self._held.get((name, each, "")) for each in FORMATS)
        return max([self._heard.get(name, 0), *(one.wanted for one in held if one is not None)])

    def _wait_s(self, took_s: float) -> float:
        return max(self._coalesce_s, min(_SHARE * took_s, _LONGEST_WAIT_S))

    def _keep(self, key: Key, document: Document, asked: int, *, read: bool, took_s: float = 0.0) -> Document:
        """Hold a document joined after `asked` was announced; what was announced since is still wanted.

        A version announced before that SQL does not know (an older backup was restored) is forgotten.
        """
        self.joins += 1
        wanted = max(document.version, newest if (newest := self._wanted(key[0])) > asked else 0)
        self._drop(key)
        self._held[key] = _Held(document, wanted, read, took_s=took_s)
        if document.feed != key[0]:
            self._renamed.setdefault(document.feed, set()).add(key[0])
        if key[2]:
            self._pages.setdefault(key[0], _Pages()).held.add(key)
        else:
            self.deltas.lately.note(document)
        self._size += document.size
        while self._size > self._cap and len(self._held) > 1:
            self._drop(next(iter(self._held)))
        self.on_kept(key)
        return document

    def _drop(self, key: Key) -> None:
        if (held := self._held.pop(key, None)) is not None:
            self._size -= held.document.size
        if (pages := self._pages.get(key[0])) is not None:
            pages.held.discard(key)
            if not pages.held:
                del self._pages[key[0]]


def _log_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("documents.refresh_broke", error=repr(error))
