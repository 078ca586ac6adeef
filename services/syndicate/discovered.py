"""The documents that lead to the feeds, ready to be served or written: directory, sitemap, robots.txt, /.well-known.

    ask ─▶ looked within the last second? what is held : has SQL moved? make anew what depends on it

So a retraction leaves the sitemap within a second, and ten thousand crawlers cost one small question each second.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from xxhash import xxh3_128_hexdigest

from schemas.automatic import ALL
from schemas.feed import Entry
from schemas.records import FeedRow
from services.store.directory import DirectoryState, Out
from services.store.errors import StoreUnavailable
from services.syndicate.codings import CODINGS
from services.syndicate.discovery import news_sitemap, opml, robots
from services.syndicate.discovery.news_sitemap import NewsStory
from services.syndicate.document import Coded, Document, Policy
from services.syndicate.joiner import Site

OPML, SITEMAP, ROBOTS = "/feeds.opml", "/news-sitemap.xml", "/robots.txt"
SECURITY, CATALOG = "/.well-known/security.txt", "/.well-known/api-catalog"
_LOOK_S = 1.0
_MAX_AGE_S = {OPML: 300, SITEMAP: 60, ROBOTS: 3_600, SECURITY: 86_400, CATALOG: 3_600}


class DirectoryReads(Protocol):
    """What is announced, as it stands. May raise `StoreUnavailable`: a later try may help."""

    async def state(self) -> DirectoryState:
        """Read, cheaply, whether anything changed."""
        ...

    async def public(self) -> Sequence[FeedRow]:
        """List the feeds that anybody may read."""
        ...

    async def published_since(self, since: datetime) -> Sequence[Out]:
        """List what first came out since then, oldest first."""
        ...

    async def entries(self, article_ids: Collection[str]) -> Sequence[tuple[int, Entry]]:
        """Read entries, each with its version."""
        ...


class Announced(NamedTuple):
    """What the operator says beside the feeds. `robots_txt` None: our own rules; no contacts: no security.txt."""

    security_contacts: tuple[str, ...] = ()
    robots_txt: str | None = None
    sitemap_hosts: frozenset[str] = frozenset()


class Discovery:
    """All documents by path. Not thread-safe: it belongs to its event loop."""

    def __init__(
        self,
        reads: DirectoryReads,
        site: Site,
        announced: Announced = Announced(),  # noqa: B008 - frozen
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._reads, self._site, self._announced = reads, site, announced
        self._clock, self._monotonic = clock, monotonic or (lambda: asyncio.get_running_loop().time())
        self._started = clock().replace(microsecond=0)
        self._documents: dict[str, Document] = {}
        self._stories: dict[str, tuple[int, NewsStory]] = {}
        self._state: DirectoryState | None = None
        self._minute: datetime | None = None
        self._look_at = float("-inf")
        self._look: asyncio.Task[None] | None = None

    async def get(self, path: str) -> Document | None:
        """Find a document by its path; None: there is none.

        Raises StoreUnavailable only while nothing at all is held.
        """
        return (await self.all()).get(path)

    async def all(self) -> Mapping[str, Document]:
        """Give every document by its path, as they stood a second ago at most."""
        if self._monotonic() >= self._look_at:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._refresh())
            try:
                await asyncio.shield(self._look)
            except StoreUnavailable:
                if not self._documents:
                    raise
        return self._documents

    async def _refresh(self) -> None:
        state, now = await self._reads.state(), self._clock()
        minute = now.replace(second=0, microsecond=0)
        made = dict(self._documents)
        if self._state is None or (state.feeds, state.changed_at) != (self._state.feeds, self._state.changed_at):
            made[OPML] = await self._opml(state)
        if self._state is None or state.version != self._state.version or minute != self._minute:
            await self._sitemap(made, now)
            self._rest(made, now)
        self._documents, self._state, self._minute = made, state, minute
        self._look_at = self._monotonic() + _LOOK_S

    async def _opml(self, state: DirectoryState) -> Document:
        site = self._site
        rows = await self._reads.public()
        if not rows:  # HTTP serves this feed before there is a story
            rows = [FeedRow(name=ALL.name, title=ALL.title, kind=ALL.kind, version=0, changed_at=site.founded, items=0)]
        modified = max(state.changed_at or site.founded, site.founded)
        data = await asyncio.to_thread(
            opml.opml,
            rows,
            base_url=site.base_url,
            newsroom=site.newsroom,
            title=f"{site.newsroom}: feeds",
            modified=modified,
            created=site.founded,
        )
        return self._document(OPML, data, opml.MEDIA_TYPE, modified, OPML)

    async def _sitemap(self, made: dict[str, Document], now: datetime) -> None:
        # A story may have come out in the future of its clock, never of ours: ingest sees to that.
        out = await self._reads.published_since(now - news_sitemap.SPAN)
        held = {one.article_id: self._stories[one.article_id] for one in out if one.article_id in self._stories}
        missing = [one.article_id for one in out if held.get(one.article_id, (None,))[0] != one.made]
        for version, entry in await self._reads.entries(missing):
            held[entry.article_id] = (version, _story(entry))
        self._stories = held
        site = self._site
        sitemap = await asyncio.to_thread(
            news_sitemap.news_sitemap,
            [story for _, story in held.values()],
            base_url=site.base_url,
            newsroom=site.newsroom,
            now=now,
            hosts=self._announced.sitemap_hosts,
        )
        pages = {f"/news-sitemap/{at}.xml": data for at, data in enumerate(sitemap.files, 1)}
        for path in [path for path in made if path.startswith("/news-sitemap/") and path not in pages]:
            del made[path]
        for path, data in {SITEMAP: sitemap.first, **pages}.items():
            if (before := made.get(path)) is None or before.identity.data != data:
                made[path] = self._document(path, data, news_sitemap.MEDIA_TYPE, now, SITEMAP)

    def _rest(self, made: dict[str, Document], now: datetime) -> None:
        base, said = self._site.base_url, self._announced
        made[ROBOTS] = self._document(ROBOTS, robots.robots(base, said.robots_txt), robots.TEXT, self._started, ROBOTS)
        made[CATALOG] = self._document(CATALOG, robots.api_catalog(base), robots.LINKSET, self._started, CATALOG)
        if said.security_contacts:
            month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            data = robots.security(base, said.security_contacts, now)
            made[SECURITY] = self._document(SECURITY, data, robots.TEXT, max(self._started, month), SECURITY)

    def _document(self, path: str, data: bytes, media_type: str, changed_at: datetime, kind: str) -> Document:
        digest = xxh3_128_hexdigest(data)
        tags = {name: f'"{digest}{coding.mark}"' for name, coding in CODINGS.items()}
        return Document(
            feed="",
            format=kind.rpartition("/")[2],
            version=0,
            media_type=media_type,
            self_url=f"{self._site.base_url}{path}",
            identity=Coded(data, tags["identity"]),
            gzip=Coded(CODINGS["gzip"].compress(data), tags["gzip"]),
            tags={name: tag.encode() for name, tag in tags.items()},
            changed_at=changed_at - timedelta(microseconds=changed_at.microsecond),
            policy=Policy("public", _MAX_AGE_S[kind]),
        )


def _story(entry: Entry) -> NewsStory:
    return NewsStory(entry.key, entry.title, entry.url, entry.lang, entry.published, entry.updated)
