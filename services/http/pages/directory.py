"""The directory of public feeds: grouped, counted, searchable."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from schemas.automatic import ALL
from schemas.feed import slug
from schemas.jobs import FeedKind, Page
from services.http.pages import formats
from services.http.pages.answers import Ready
from services.http.pages.frame import Pages
from services.store.pages import FeedGroup, ListedFeed

LARGEST = 12
"""Feeds of each kind on the first page."""

PER_PAGE = 120
MAX_QUERY = 100  # characters
_ORDER: tuple[FeedKind, ...] = ("saved", "section", "lang", "source", "author", "tag")
_HEADINGS: dict[FeedKind, str] = {
    "all": "Everything",
    "saved": "Selections",
    "section": "Sections",
    "lang": "Languages",
    "source": "Sources",
    "author": "Authors",
    "tag": "Tags",
}
_BY_NAME: dict[str, FeedKind] = {kind: kind for kind in _HEADINGS}


class ReadsDirectory(Protocol):
    """The store's part of it: `services.store.pages.PageReads`."""

    async def groups(self, most: int) -> list[FeedGroup]:
        """Read the largest feeds of each kind."""
        ...

    async def of_kind(self, kind: FeedKind, cursor: str | None = None, limit: int = 200) -> Page[ListedFeed]:
        """List the feeds of a kind."""
        ...

    async def named(self, slug: str, title: str, limit: int = 200) -> list[ListedFeed]:
        """Find feeds by name."""
        ...


class Directory:
    """`/feeds`, and what leads there. The first page is made at most once per `keep_s`, whoever asks."""

    def __init__(
        self, pages: Pages, reads: ReadsDirectory, *, founded: datetime, max_age_s: int, keep_s: float = 2.0
    ) -> None:
        self._pages = pages
        self._reads = reads
        self._max_age_s = max_age_s
        self._none = ListedFeed(ALL.name, ALL.name, ALL.title, ALL.kind, None, founded, 0)
        self._keep_s = keep_s
        self._kept: tuple[float, Ready] | None = None
        self._making = asyncio.Lock()

    async def home(self) -> Response:
        """Lead from `/` to the directory. Permanent, but not for longer than a day: one day there may be more."""
        return RedirectResponse(f"{self._pages.root}/feeds", 308, headers={"Cache-Control": "public, max-age=86400"})

    async def show(self, request: Request) -> Response:
        """Answer `/feeds`, `/feeds?kind=tag` and `/feeds?q=climate`; other parameters are ignored."""
        asked = request.query_params
        if query := asked.get("q", "").strip()[:MAX_QUERY]:
            return await self._found(request, query)
        if (kind := asked.get("kind")) is not None:
            return await self._kind(request, kind, asked.get("after"))
        return self._pages.answer(
            request,
            await self._front(),
            max_age_s=self._max_age_s,
            headers={"Link": f'<{self._pages.base_url}/feeds>; rel="canonical"'},
        )

    async def _front(self) -> Ready:
        """Make the first page, for all who ask within the next moments."""
        loop = asyncio.get_running_loop()
        async with self._making:
            if self._kept is None or self._kept[0] < loop.time():
                self._kept = loop.time() + self._keep_s, self._groups(await self._reads.groups(LARGEST))
            return self._kept[1]

    def _groups(self, found: Sequence[FeedGroup]) -> Ready:
        groups = {group.kind: group for group in found}
        everything = groups["all"].largest[0] if "all" in groups else self._none
        return self._pages.make(
            "directory.html",
            all=everything,
            groups=[groups[kind] for kind in _ORDER if kind in groups],
            offers=formats.of_feed(self._pages.base_url, everything.address),
        )

    async def _found(self, request: Request, query: str) -> Response:
        feeds = await self._reads.named(slug(query), query, PER_PAGE)
        return self._pages.render(
            request,
            "feeds.html",
            max_age_s=self._max_age_s,
            heading=f"Feeds for “{query}”",
            q=query,
            feeds=feeds,
            nothing="No feed has this in its name. Try a part of a word, or one word less.",
            first="",
            more="",
            noindex=True,
        )

    async def _kind(self, request: Request, asked: str, after: str | None) -> Response:
        kind = _BY_NAME.get(asked)
        if kind is None:
            return self._pages.notice(
                request, 404, "No such list", "Feeds are listed by section, language, source, author and tag."
            )
        try:
            page = await self._reads.of_kind(kind, after or None, PER_PAGE)
        except ValueError:
            return self._pages.notice(request, 404, "No such page", "This part of the list does not exist.")
        here = f"{self._pages.root}/feeds?"
        return self._pages.render(
            request,
            "feeds.html",
            max_age_s=self._max_age_s,
            heading=_HEADINGS[kind],
            feeds=page.items,
            nothing="None yet. They appear by themselves with the first story.",
            first=here + urlencode({"kind": kind}) if after else "",
            more=here + urlencode({"kind": kind, "after": page.next}) if page.next else "",
            noindex=bool(after),
        )
