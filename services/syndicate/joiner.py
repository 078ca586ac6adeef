"""Read a feed from the store and join its documents; fragments are remembered, byte-capped."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID, uuid5

from schemas.automatic import ALL
from schemas.feed import Ended, FeedHead, Moved
from schemas.jobs import WindowItem
from schemas.records import FeedRow
from services.syndicate.document import Document, Policy, make
from services.syndicate.formats import FORMATS
from services.syndicate.naming import feed_description, feed_title
from services.syndicate.ports import FeedReads
from services.syndicate.window import cut

Joined = dict[str, Document] | Moved | Ended | None
"""What became of a join: documents by format name, or why there are none."""

_LARGE = 256 * 1024  # bytes: joining more than that leaves the event loop


class Site(NamedTuple):
    """What all feeds of an installation share.

    `base_url` without a trailing slash; `installation` never changes, so that no feed's id ever does
    (RFC 4287 §4.2.6); `founded` dates the feed `all` while nothing is in it.
    """

    base_url: str
    newsroom: str
    installation: UUID
    founded: datetime
    max_age_s: int = 60
    hub_urls: tuple[str, ...] = ()  # WebSub hubs that are told of every change


class FragmentCache:
    """Fragments by (fragment name, article id, version), the least recently used dropped first. b"": there is none."""

    def __init__(self, cap_bytes: int) -> None:
        self._cap = cap_bytes
        self._size = 0
        self._held: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()

    def get(self, key: tuple[str, str, int]) -> bytes | None:
        """Look it up; None: not remembered."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(self, key: tuple[str, str, int], fragment: bytes) -> None:
        """Remember it, and forget others where room is short. A fragment never changes under its key."""
        if key in self._held:
            return
        self._held[key] = fragment
        self._size += len(fragment) + 200  # the key and the entry cost about that
        while self._size > self._cap and self._held:
            _, dropped = self._held.popitem(last=False)
            self._size -= len(dropped) + 200


@dataclass(frozen=True)
class _Read:
    row: FeedRow
    items: Mapping[str, Sequence[WindowItem]]  # by format
    fragments: Mapping[str, Sequence[bytes]]


class Joiner:
    """Makes documents from what the store holds. Raises `StoreUnavailable`: a later try may help."""

    def __init__(self, feeds: FeedReads, site: Site, cap_bytes: int) -> None:
        self._feeds = feeds
        self._site = site
        self._fragments = FragmentCache(cap_bytes)

    async def join(self, address: str, formats: Collection[str]) -> Joined:
        """Make a feed's documents, by format name. None: there is no such feed; `all` always is."""
        row = await self._row(address)
        if not isinstance(row, FeedRow):
            return row
        if row.ended_at is not None:
            return Ended(row.ended_at)
        read = await self._read(row, formats)
        made: dict[str, Document] = {}
        for each in formats:
            fragments = read.fragments[each]
            work = (self._head(read, each), row.version, row.changed_at, FORMATS[each], fragments, self._policy(row))
            large = sum(map(len, fragments)) > _LARGE
            made[each] = await asyncio.to_thread(make, *work) if large else make(*work)
        return made

    async def _read(self, row: FeedRow, formats: Collection[str]) -> _Read:
        """Read what the feed carries; its head was read before: what moves under these reads belongs to its next version.

        That version is then on its way here, and the document is joined again. Until then it may hold
        an entry newer than itself, never an older one, and misses none.
        """
        moved = await self._feeds.window(row.name)
        items = {each: cut(moved, tombstones=FORMATS[each].tombstones) for each in formats}
        names = {each: FORMATS[each].fragment_name(row.body) for each in formats}
        return _Read(row, items, {each: await self._load(names[each], items[each]) for each in formats})

    async def _row(self, address: str) -> FeedRow | Moved | None:
        row = await self._feeds.find(address)
        if row is None and address == ALL.name:
            founded = self._site.founded
            return FeedRow(name=address, title=ALL.title, kind=ALL.kind, version=0, changed_at=founded, items=0)
        return row

    def _policy(self, row: FeedRow) -> Policy:
        kind = "public" if row.owner is None else "private"
        return Policy(kind, row.max_age_s or self._site.max_age_s)

    async def _load(self, fragment_name: str, items: Sequence[WindowItem]) -> list[bytes]:
        """Find the items' fragments, in their order; those that the format does not carry are left out."""
        found = {item: self._fragments.get((fragment_name, item.article_id, item.version)) for item in items}
        missing = [(item.article_id, item.version) for item, one in found.items() if one is None]
        loaded = await self._feeds.fragments(fragment_name, missing) if missing else {}
        for item, one in found.items():
            if one is None:
                version, fragment = loaded.get(item.article_id, (item.version, b""))
                self._fragments.put((fragment_name, item.article_id, version), fragment)
                found[item] = fragment
        return [one for one in found.values() if one]

    def _head(self, read: _Read, format_name: str) -> FeedHead:
        row, site = read.row, self._site
        address = f"{site.base_url}/feeds/{quote(row.address)}"
        return FeedHead(
            name=row.name,
            id=uuid5(site.installation, f"feed:{row.name}").urn,
            title=feed_title(row, site.newsroom),
            description=feed_description(row, site.newsroom),
            publisher=site.newsroom,
            home_url=address,
            self_url=f"{address}.{format_name}",
            hub_urls=site.hub_urls if row.owner is None else (),
            lang=row.lang,
            # Data, never the clock (RFC 4287 §4.2.15); only an empty feed has no entry to take it from.
            updated=max((item.updated for item in read.items[format_name]), default=row.changed_at),
            ttl_minutes=max(1, (row.max_age_s or site.max_age_s) // 60),
        )
