"""Fill saved feeds with what was there before: beside the articles that come, in bounded parts.

    a filter came or changed ─▶ claim ─┬▶ what it carries, asked again ─▶ some leave
                                       └▶ what shows, newest first ─▶ the oldest match joins first

At least a week, and at least 2,500 articles; a filter that needs words looks back further, through the index
of words, for as long as it has fewer than 500. Each article is asked in the process pool; SQL is asked in parts
of 400. What is done twice (a crash, two processes) changes nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.filters import FilterError, Query
from services.filters.indexed import evaluate, narrowed
from services.filters.sought import sought
from services.store import StoreUnavailable
from services.store.feed_fills import FeedFills, Fill, Judged, Part
from services.store.search import PART, Offload, Search
from services.syndicate.ports import Publishes
from services.syndicate.prepare import indexed_again

_log = structlog.get_logger(__name__)

WEEK = timedelta(days=7)
ASKED = 2_500  # articles that every filter is asked of at least
FOUND = 500  # matches up to which a filter on words looks back
MOST = 10_000  # articles that join at once at most, the newest
CLAIM = timedelta(seconds=60)  # somebody who does not get on for so long has lost the feed
JOIN_PART = 250
UNREAD_PART = 50  # entries parsed at once


class Filler:
    """Fills one feed after another, the one that waits longest first."""

    def __init__(
        self,
        fills: FeedFills,
        search: Search,
        relay: Publishes,
        offload: Offload,
        *,
        clock: Callable[[], datetime],
        poll_s: float = 0.5,
        join_part: int = JOIN_PART,
    ) -> None:
        self._fills = fills
        self._search = search
        self._relay = relay
        self._offload = offload
        self._clock = clock
        self._poll_s = poll_s
        self._join_part = join_part

    async def run(self) -> None:
        """First read what searches do not know yet, then fill whatever waits, for ever."""
        read = False
        while True:
            try:
                read = read or await self.read_unread()
                if await self.fill_next():
                    continue
            except (StoreUnavailable, BrokenExecutor) as error:
                _log.warning("feeds.filling_paused", error=str(error))
            await asyncio.sleep(self._poll_s)

    async def read_unread(self) -> bool:
        """Make entries found that were recorded by a version without searches."""
        after = ""
        while rows := await self._search.unread(after, UNREAD_PART):
            made = await self._offload(indexed_again, [row.data for row in rows])
            known = [(row, indexed) for row, indexed in zip(rows, made, strict=True) if indexed is not None]
            await self._search.learn(known)
            after = rows[-1].article_id
        return True

    async def fill_next(self) -> bool:
        """Fill the feed that waits longest. False: none does."""
        now = self._clock()
        fill = await self._fills.claim(now, now + CLAIM)
        if fill is None:
            return False
        try:
            query = narrowed(fill.filter, fill.bound)
        except FilterError as error:
            _log.error("saved_feed.unreadable_filter", feed=fill.feed, error=str(error))
            return await self._apply(fill, Part(done=True))
        if await self._leave(fill, query) and await self._join(fill, query):
            await self._apply(fill, Part(done=True))
            _log.info("feeds.filled", feed=fill.feed)
        return True

    async def _leave(self, fill: Fill, query: Query) -> bool:
        """Take out what it carries and would not take in. False: the filter changed meanwhile."""
        after = ""
        while members := await self._fills.members(fill.feed, after, PART):
            whys = await self._offload(evaluate, query, [(each.facets, each.words) for each in members])
            out = [Judged(*each[:2]) for each, why in zip(members, whys, strict=True) if why is None]
            if not await self._apply(fill, Part(leaves=out)):
                return False
            after = members[-1].article_id
        return True

    async def _join(self, fill: Fill, query: Query) -> bool:
        """Find what matches, then let it in, oldest first: a feed is numbered in the order of its commits."""
        since = self._clock() - WEEK
        by_words = sought(query.root) is not None
        asked, found = 0, list[Judged]()
        async for part in self._search.scan(query, self._offload):
            asked += part.asked
            found += [Judged(hit.row.article_id, hit.row.version) for hit in part.hits]
            if not await self._apply(fill, Part(evaluated=part.asked)):
                return False
            enough = len(found) >= FOUND if by_words else asked >= ASKED
            if len(found) >= MOST or (enough and part.last.shown_at < since):
                break
        for part in _parts(found[:MOST][::-1], self._join_part):
            if not await self._apply(fill, Part(joins=part)):
                return False
        return True

    async def _apply(self, fill: Fill, part: Part) -> bool:
        now = self._clock()
        rows = await self._fills.apply(fill, part, now, now + CLAIM)
        if rows is None:
            return False
        await self._relay.publish(rows)
        return True


def _parts(items: Sequence[Judged], size: int) -> list[Sequence[Judged]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def in_pool(submit: Callable[..., Any]) -> Offload:
    """Run functions by an executor's `submit`."""

    async def offload(task: Callable[..., Any], /, *args: Any) -> Any:
        return await asyncio.wrap_future(submit(task, *args))

    return offload
