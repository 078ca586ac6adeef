"""Read a feed from the store and join its documents; each is made of one snapshot."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.automatic import ALL
from schemas.feed import Ended, FeedHead, FeedLink, Moved, Replaced
from schemas.history import Moves, Place, SealedPage, Window
from schemas.jobs import FeedBody, WindowItem
from schemas.records import FeedRow
from services.syndicate import history
from services.syndicate.document import Document, Policy, make
from services.syndicate.formats import FORMATS
from services.syndicate.fragments import FragmentCache, Fragments
from services.syndicate.heads import Site, feed_head
from services.syndicate.ports import FeedReads
from services.syndicate.window import ordered, shown

__all__ = ["Behind", "Current", "Delta", "ForeignCursorError", "FragmentCache", "Joined", "Joiner", "Site"]

_LARGE = 256 * 1024  # bytes: joining more than that leaves the event loop


class Current(NamedTuple):
    """The page in the making: what it will hold is in the subscription document still."""


class Delta(NamedTuple):
    """What moved behind a place, as a document. `place`, its `cursor` and the address `onward` lead to what moves later.

    `version` is the feed's: what moves later has a higher one. `more`: something did already.
    """

    document: Document
    items: int
    place: Place
    cursor: str
    onward: str
    version: int
    more: bool = False


class ForeignCursorError(ValueError):
    """A cursor of another feed, or of a store that knew more than this one does (an older backup was restored)."""


Behind = Place | history.Cursor | datetime
"""A place of ours, one that a reader names, or an instant."""

Joined = dict[str, Document] | Moved | Ended | None
"""What became of a join: documents by format name, or why there are none."""


class Joiner:
    """Makes documents from what the store holds. Raises `StoreUnavailable`: a later try may help."""

    def __init__(self, feeds: FeedReads, site: Site, cap_bytes: int) -> None:
        self._feeds = feeds
        self._site = site
        self._fragments = Fragments(feeds, cap_bytes)

    async def join(self, address: str, formats: Collection[str]) -> Joined:
        """Make a feed's subscription documents, by format name. None: there is no such feed; `all` always is.

        An entry may be newer than the snapshot, when it changes meanwhile; the next version is then on its way.
        """
        window = await self._window(address)
        if not isinstance(window, Window):
            return window
        if window.feed.ended_at is not None:
            return self._ended(window.feed, window.feed.ended_at)
        made: dict[str, Document] = {}
        for each in formats:
            items = shown(window, tombstones=FORMATS[each].tombstones)
            links = history.links(self._site.base_url, window.feed, each)
            head = feed_head(window.feed, self._site, each, [item.updated for item in items], links=links)
            fragments = await self._fragments.load(FORMATS[each].fragment_name(window.feed.body), items)
            made[each] = await self._made(window.feed, each, head, fragments)
        return made

    async def page(
        self, address: str, format_name: str, page: str
    ) -> Document | Moved | Ended | Replaced | Current | None:
        """Make a sealed page's document. `Replaced`: it stood under this address, and does no more."""
        named = history.sealed(page)
        if named is None:
            return None
        shape = FORMATS[format_name]
        names: dict[FeedBody, str] = {"full": shape.fragment_name("full"), "summary": shape.fragment_name("summary")}
        found = await self._feeds.sealed_page(address, named.number, names)
        row = found.feed if isinstance(found, SealedPage) else found
        if not isinstance(row, FeedRow):
            return row
        if row.ended_at is not None:
            return self._ended(row, row.ended_at)
        if named.generation != row.generation or not isinstance(found, SealedPage):
            return _instead(row, named, private=self._site.is_private(row))
        items = ordered([item for item in found.items if item.data])
        links = history.links(self._site.base_url, row, format_name, named.number)
        dates = [item.updated for item in items] or [found.changed_at]
        head = feed_head(row, self._site, format_name, dates, page=named.name, links=links)
        fragments = [item.data for item in items if item.data]
        return await self._made(row, format_name, head, fragments, sealed_at=found.changed_at)

    async def delta(self, address: str, format_name: str, behind: Place, limit: int) -> Delta | Moved | Ended | None:
        """Make the subscription document less what lies before a place (RFC 3229): newest first, like the whole."""
        moves = await self._moves(address, behind, limit)
        if not isinstance(moves, Moves):
            return moves
        links = history.links(self._site.base_url, moves.feed, format_name)
        items = ordered(moves.items)
        head = feed_head(moves.feed, self._site, format_name, [item.updated for item in items], links=links)
        return await self._told(moves, format_name, head, items)

    async def since(
        self, address: str, format_name: str, behind: Behind | None, limit: int, query: Callable[[str], str]
    ) -> Delta | Moved | Ended | None:
        """Make a document of what moved behind a place or after an instant, oldest first; None: of nothing yet.

        `query` makes the query of this document's address of "", of the next one's of its cursor. Raises
        ForeignCursorError.
        """
        place = behind.place if isinstance(behind, history.Cursor) else behind
        moves = await self._moves(address, place, limit)
        if not isinstance(moves, Moves):
            return moves
        if isinstance(behind, history.Cursor) and not behind.fits(moves.feed):
            raise ForeignCursorError
        own = history.url_of(self._site.base_url, moves.feed, format_name)
        onward = own + query(history.cursor_of(moves.feed, moves.place))
        # Only where items came: a document that names itself as its next would never end (JSON Feed, next_url).
        links = (FeedLink("next", onward),) if moves.items else ()
        head = feed_head(moves.feed, self._site, format_name, [item.updated for item in moves.items], links=links)
        head = head.model_copy(update={"self_url": own + query("") if behind else onward, "hub_urls": ()})
        return await self._told(moves, format_name, head, moves.items, onward)

    async def _moves(self, address: str, behind: Place | datetime | None, limit: int) -> Moves | Moved | Ended | None:
        moves = await self._feeds.moves(address, behind, limit)
        if isinstance(moves, Moves) and moves.feed.ended_at is not None:
            return self._ended(moves.feed, moves.feed.ended_at)
        return moves

    async def _told(
        self, moves: Moves, format_name: str, head: FeedHead, items: Sequence[WindowItem], onward: str = ""
    ) -> Delta:
        fragments = await self._fragments.load(FORMATS[format_name].fragment_name(moves.feed.body), items)
        document = await self._made(moves.feed, format_name, head, fragments)
        cursor = history.cursor_of(moves.feed, moves.place)
        return Delta(document, len(items), moves.place, cursor, onward, moves.feed.version, more=moves.more)

    def _ended(self, row: FeedRow, at: datetime) -> Ended:
        return Ended(at, row.name, private=self._site.is_private(row))

    async def generation(self, address: str) -> int | None:
        """Read the generation of a feed's archive: pages of another are no more. None: no feed stands there (now)."""
        row = await self._feeds.find(address)
        return row.generation if isinstance(row, FeedRow) and row.ended_at is None else None

    async def _window(self, address: str) -> Window | Moved | None:
        window = await self._feeds.subscription(address)
        if window is None and address == ALL.name:
            founded = self._site.founded
            row = FeedRow(name=address, title=ALL.title, kind=ALL.kind, version=0, changed_at=founded, items=0)
            return Window(row, ())
        return window

    async def _made(
        self,
        row: FeedRow,
        format_name: str,
        head: FeedHead,
        fragments: Sequence[bytes],
        sealed_at: datetime | None = None,
    ) -> Document:
        age_s = row.max_age_s or self._site.max_age_s
        kind = "private" if self._site.is_private(row) else "public" if sealed_at is None else "archive"
        policy = Policy(kind, age_s, noindex=row.searches)
        work = (head, row.version, sealed_at or row.changed_at, FORMATS[format_name], fragments, policy)
        large = sum(map(len, fragments)) > _LARGE
        return await asyncio.to_thread(make, *work) if large else make(*work)


def _instead(row: FeedRow, named: history.Sealed, *, private: bool) -> Replaced | Current | None:
    """Say why a page is not there: its generation is over, or it is in the making, or it never was."""
    if named.number > history.newest(row) + 1 or named.generation > row.generation:
        return None
    if named.generation < row.generation:
        return Replaced(row.address, private=private)
    return Current() if history.newest(row) else None
