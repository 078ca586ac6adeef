"""A page for each feed: what it is, how to follow it, how fresh it is, and its latest stories."""

from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from schemas.automatic import ALL
from schemas.feed import Moved
from schemas.records import FeedRow
from services.http.pages import formats
from services.http.pages.answers import Ready
from services.http.pages.frame import Pages
from services.http.pages.words import spoken
from services.store.pages import Story

LATEST = 30
"""Stories on a page: as many as the shortest feed document."""

_MOST_KEPT = 200  # pages of about 30 KB

_ABOUT: dict[str, str] = {
    "all": "Everything that {newsroom} publishes, the newest first.",
    "section": "All stories of the section {title}, from {newsroom}.",
    "tag": "All stories about {title}, from {newsroom}.",
    "lang": "All stories in this language ({title}), from {newsroom}.",
    "author": "All stories by {title}, from {newsroom}.",
    "source": "All stories that {title} reported, from {newsroom}.",
    "saved": "A selection of stories from {newsroom}.",
}


class FindsFeeds(Protocol):
    """The store's part of it: `services.store.feeds.Feeds`."""

    async def find(self, address: str) -> FeedRow | Moved | None:
        """Find what stands under an address."""
        ...


class ReadsStories(Protocol):
    """The store's part of it: `services.store.pages.PageReads`."""

    async def latest(self, name: str, limit: int = 30) -> list[Story]:
        """Read a feed's stories that moved last."""
        ...


class FeedPages:
    """`/feeds/{address}`."""

    def __init__(
        self, pages: Pages, feeds: FindsFeeds, reads: ReadsStories, *, founded: datetime, max_age_s: int
    ) -> None:
        self._pages = pages
        self._feeds = feeds
        self._reads = reads
        self._max_age_s = max_age_s
        self._kept: dict[FeedRow, Ready] = {}
        self._none = FeedRow(name=ALL.name, title=ALL.title, kind=ALL.kind, version=0, changed_at=founded, items=0)

    async def show(self, request: Request) -> Response:
        """Answer 200, 308 (renamed, or a slash too many), 404 or 410 (ended)."""
        address: str = request.path_params["address"]
        if address.endswith("/") or not address:
            return self._lead_to(address.rstrip("/"))
        found = await self._feeds.find(address)
        if found is None and address == ALL.name:
            found = self._none
        if isinstance(found, Moved) and not found.private:
            return self._lead_to(found.to)
        if found is None or isinstance(found, Moved) or found.owner is not None:
            return self._pages.notice(
                request,
                404,
                "There is no such feed",
                "Perhaps its address was misspelt, or nothing was published for it yet.",
            )
        if found.ended_at is not None:
            return self._pages.notice(
                request,
                410,
                "This feed has ended",
                f"Nothing new has come since {spoken(found.ended_at)}, and nothing will.",
                max_age_s=self._max_age_s,
            )
        offers = formats.of_feed(self._pages.base_url, found.address)
        return self._pages.answer(
            request,
            self._kept.get(found) or self._keep(found, await self._reads.latest(found.name, LATEST), offers),
            max_age_s=found.max_age_s or self._max_age_s,
            headers={"Link": formats.link_header(offers, self._canonical(found))},
        )

    def _canonical(self, feed: FeedRow) -> str:
        return f"{self._pages.base_url}/feeds/{quote(feed.address)}"

    def _keep(self, feed: FeedRow, stories: list[Story], offers: list[formats.Offer]) -> Ready:
        """Make the page, once for each state of the feed: its version grows with every change of what it carries."""
        about = feed.description or _ABOUT[feed.kind].format(title=feed.title, newsroom=self._pages.title)
        showing = [story.entry.published for story in stories if story.entry.state == "published"]
        page = self._pages.make(
            "feed.html",
            feed=feed,
            stories=stories,
            newest=max(showing, default=None),
            offers=offers,
            canonical=self._canonical(feed),
            about=about,
            noindex=feed.searches,
        )
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[feed] = page
        return page

    def _lead_to(self, address: str) -> Response:
        """308, for good: addresses that a feed once had are never given to another."""
        to = f"{self._pages.root}/feeds" + (f"/{quote(address)}" if address else "")
        return RedirectResponse(to, 308, headers={"Cache-Control": f"public, max-age={self._max_age_s}"})
