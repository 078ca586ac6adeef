"""Bring one feed, or what leads to the feeds, to a place: note, write, note again; then remove what must go."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from schemas.publishing import Copied, Counts, Outdated, StaticObject
from services.publish.core import batches, difference, part_of, sealed_pages
from services.publish.ports import Books, Place, Refused, Source

_log = structlog.get_logger(__name__)
_PAGES_AT_ONCE = 8
_SITE = ""  # the feed's name under which the installation's own objects are noted


class Copier:
    """Writes to one place under one lease; `held` says whether the lease still is ours.

    Every object is noted before and after it is written, so a crash anywhere leaves nothing that nobody knows of, and
    the next run goes on where this one ended. All methods may be repeated. They raise what the place,
    the books and the source raise.
    """

    def __init__(
        self, place: Place, books: Books, source: Source, fence: int, *, in_flight: int, held: Callable[[], None]
    ) -> None:
        self._place, self._books, self._source = place, books, source
        self._fence = fence
        self._held = held
        self._slots = asyncio.Semaphore(in_flight)

    async def site(self) -> Counts:
        """Bring the directory, the sitemap and their kin up to date."""
        wanted = await self._source.site()
        known = await self._books.known(self._place.name, _SITE)
        return await self._exchange(_SITE, "", wanted, known)

    async def feed(self, stale: Outdated) -> Counts:
        """Bring one feed up to date, or away if nobody may read it any more.

        New archive pages go before the document that links to them. Where old ones became void (a retraction
        reached them) they are removed before the new ones are written: what was taken back is nowhere to be
        fetched, at the price of links that lead nowhere for as long as that takes.
        """
        feed = stale.feed
        if feed is None:
            counts = await self._remove_others(stale.name, [])
            await self._books.copied(self._place.name, self._fence, stale.name, None)
            return counts
        pages, anew = sealed_pages(feed, stale.copied, self._source.layout)
        part, counts = part_of(feed), Counts()
        if not anew:
            counts += await self._pages(stale, pages)
        current = await self._source.current(feed)
        known = await self._books.known(self._place.name, feed.name)
        counts += await self._exchange(feed.name, "", current, known)
        counts += await self._remove_others(feed.name, ["", part])
        if anew:
            counts += await self._pages(stale, pages)
        done = Copied(feed.version, stale.defined_at, self._source.layout, feed.address, feed.generation, feed.sealed)
        await self._books.copied(self._place.name, self._fence, feed.name, done)
        return counts

    async def _pages(self, stale: Outdated, pages: Sequence[tuple[int, int]]) -> Counts:
        feed, counts = stale.feed, Counts()
        assert feed is not None
        for at in range(0, len(pages), _PAGES_AT_ONCE):
            wanted = [
                one
                for first, last in pages[at : at + _PAGES_AT_ONCE]
                for one in await self._source.archive(feed, first, last)
            ]
            counts += await self._exchange(feed.name, part_of(feed), wanted, {})
        return counts

    async def _exchange(
        self, name: str, part: str, wanted: Sequence[StaticObject], known: Mapping[str, str | None]
    ) -> Counts:
        write, remove, unchanged = difference(wanted, known)
        refused = 0
        if write:
            place, fence = self._place.name, self._fence
            await self._books.note(place, fence, name, part, {one.path: None for one in write})
            written = await asyncio.gather(*(self._put(one) for one in write))
            await self._books.note(place, fence, name, part, {one.path: one.tag for one in write})
            refused = written.count(False)
        counts = Counts(len(write) - refused, unchanged, 0, refused)
        return counts + await self._remove(name, remove)

    async def _put(self, one: StaticObject) -> bool:
        async with self._slots:
            self._held()
            try:
                await self._place.put(one)
            except Refused as error:
                _log.error("publish.refused", path=one.path[:200], why=str(error))
                return False
            return True

    async def _remove_others(self, name: str, keep: Sequence[str]) -> Counts:
        counts = Counts()
        while paths := await self._books.others(self._place.name, name, keep):
            counts += await self._remove(name, paths)
        return counts

    async def _remove(self, name: str, paths: Sequence[str]) -> Counts:
        for some in batches(paths):
            self._held()
            try:
                await self._place.remove(some)
            except Refused:
                _log.warning("publish.never_there", paths=len(some))
            await self._books.forget(self._place.name, self._fence, name, some)
        return Counts(removed=len(paths))
