"""A page for each article, what is left of one that was taken back, and single articles for programs."""

import re
from typing import Protocol

from fastapi import Request
from fastapi.responses import Response

from schemas.feed import Entry
from services.http.pages import formats
from services.http.pages.answers import Ready, answer
from services.http.pages.frame import ARTICLE_POLICY, Pages
from services.http.pages.readable import readable, shows_lead_picture, standfirst
from services.http.pages.words import web
from services.http.problems import not_found
from services.store.pages import SingleItem, StoryPage
from services.syndicate.formats import FORMATS

_KEY = re.compile(r"[0-9a-f]{32}")
_UNKNOWN = ("There is no such story", "Perhaps its address was misspelt, or it is not published yet.")


class ReadsArticles(Protocol):
    """The store's part of it: `services.store.pages.PageReads`."""

    async def story(self, key: str) -> StoryPage | None:
        """Read a story for its page."""
        ...

    async def single(self, key: str, format_name: str) -> SingleItem | None:
        """Read a story's bytes in one format."""
        ...


class ArticlePages:
    """`/articles/{key}` and `/articles/{key}.{format}`."""

    def __init__(self, pages: Pages, reads: ReadsArticles, *, max_age_s: int) -> None:
        self._pages = pages
        self._reads = reads
        self._max_age_s = max_age_s

    async def show(self, request: Request) -> Response:
        """Answer 200, 404 (unknown, or under embargo: nobody can tell which) or 410 (taken back or expired)."""
        key: str = request.path_params["key"]
        found = await self._reads.story(key) if _KEY.fullmatch(key) else None
        if found is None:
            return self._pages.notice(request, 404, *_UNKNOWN)
        if found.entry.state != "published":
            return self._pages.render(
                request,
                "retracted.html",
                status=410,
                max_age_s=self._max_age_s,
                headers={"X-Robots-Tag": "noindex"},
                entry=found.entry,
            )
        return self._page(request, found)

    def _page(self, request: Request, found: StoryPage) -> Response:
        entry, base = found.entry, self._pages.base_url
        here = f"{base}/articles/{found.key}"
        singles = formats.of_story(base, found.key, found.formats)
        return self._pages.render(
            request,
            "article.html",
            policy=ARTICLE_POLICY,
            max_age_s=self._max_age_s,
            headers={"Link": formats.link_header(singles, _ascii(web(entry.url)) or here)},
            entry=entry,
            here=here,
            body=readable(entry.content_html),
            standfirst=standfirst(entry),
            lead_picture=entry.images[0] if shows_lead_picture(entry) and web(entry.images[0].url) else None,
            recordings=[one for one in entry.enclosures if _plays(entry, one.url, one.type)],
            sections=[feed for feed in found.feeds if feed.kind == "section"],
            feeds=found.feeds,
            offers=[*formats.of_feed(base, "all")[: len(formats.READERS)], *singles],
            singles=singles,
        )

    async def single(self, request: Request) -> Response:
        """Answer a story in one format, for programs. 410 with what the format says of a story taken back."""
        key, name = request.path_params["key"], request.path_params["extension"]
        form = FORMATS.get(name)
        if form is None or form.single is None or form.single_type is None or not _KEY.fullmatch(key):
            raise not_found("article")
        found = await self._reads.single(key, name)
        if found is None:
            raise not_found("article")
        headers = {
            "Cache-Control": f"public, max-age={self._max_age_s}, stale-while-revalidate={self._max_age_s}, stale-if-error=86400",
            "Link": f'<{self._pages.base_url}/articles/{key}>; rel="alternate"; type="text/html"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Access-Control-Allow-Origin": "*",
        }
        status = 410 if found.gone else 200
        return answer(request, Ready(form.single(found.data), form.single_type), status=status, headers=headers)


def _ascii(url: str) -> str:
    """Leave out of a header what is not ASCII or would end the link there."""
    return url if url.isascii() and not re.search(r'[<>"\s]', url) else ""


def _plays(entry: Entry, url: str, media_type: str) -> bool:
    """Whether a recording needs a player of its own: it is one, and the text has none."""
    return bool(web(url)) and media_type.startswith(("audio/", "video/")) and url not in entry.content_html
