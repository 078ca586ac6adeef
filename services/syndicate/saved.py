"""Which saved feeds an article matches, kept current from the store."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog

from schemas.definition import Definitions
from schemas.jobs import Indexed
from services.filters import FilterError, FilterIndex
from services.filters.indexed import narrowed, recall

_log = structlog.get_logger(__name__)

_AT_ONCE = 200  # filters read before others run


class ReadsDefinitions(Protocol):
    """Saved feeds' filters. May raise `StoreUnavailable`: a later try may help."""

    async def definitions(self, since: int) -> Definitions:
        """Read those that changed after a version (-1: all)."""
        ...


class SavedFilters:
    """An index over all saved feeds. What was decided by it is right as of `version`, and the store checks that.

    So it need not be asked whether anything changed: an outdated decision is refused, and taken again
    after `refresh`.
    """

    def __init__(self, store: ReadsDefinitions) -> None:
        self._store = store
        self._index: FilterIndex[str] = FilterIndex()
        self._lock = asyncio.Lock()
        self.version = -1

    def __len__(self) -> int:
        return len(self._index)

    async def refresh(self) -> None:
        """Read what changed since the last time."""
        async with self._lock:
            found = await self._store.definitions(self.version)
            for at, each in enumerate(found.changed, 1):
                self._take(each.feed, each.filter, each.bound)
                if at % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            self.version = found.version

    def match(self, indexed: Indexed) -> Iterable[str]:
        """Find the saved feeds, by key, that take an entry in."""
        return sorted(self._index.match(recall(*indexed))) if len(self._index) else ()

    def _take(self, key: str, wanted: str | None, bound: str | None) -> None:
        if wanted is None:
            self._index.remove(key)
            return
        try:
            self._index.put(key, narrowed(wanted, bound))
        except FilterError as error:  # an older version of the language took it
            self._index.remove(key)
            _log.error("saved_feed.unreadable_filter", feed=key, error=str(error))
