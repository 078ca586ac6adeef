"""The addresses of pages for people: the directory, each feed, each article, and the frame's own files.

    request ─▶ one bounded read from SQL ─▶ template ─▶ bytes with a validator

No key and no cookie. What readers may not see does not exist here: a private feed is as unknown as a
misspelt one (security rule 23), and what is under embargo was never recorded for us to read (P9).
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from services.http.pages import assets
from services.http.pages.article import ArticlePages
from services.http.pages.directory import Directory
from services.http.pages.feed import FeedPages
from services.http.pages.frame import Pages
from services.store import Store
from services.store.errors import StoreUnavailable

_READ = ["GET", "HEAD"]


def page_routes(pages: Pages, store: Store, *, founded: datetime, max_age_s: int = 60) -> APIRouter:
    """Make the routes. They stand behind those of the feeds' documents, whose names have an extension.

    `founded` dates the feed of all stories while it is empty.
    """
    router = APIRouter(route_class=page_route(pages))
    directory = Directory(pages, store.pages, founded=founded, max_age_s=max_age_s)
    feeds = FeedPages(pages, store.feeds, store.pages, founded=founded, max_age_s=max_age_s)
    articles = ArticlePages(pages, store.pages, max_age_s=max_age_s)
    for path, endpoint in (
        ("/", directory.home),
        ("/feeds", directory.show),
        ("/feeds/{address:path}", feeds.show),
        ("/articles/{key}", articles.show),
    ):
        router.add_api_route(path, endpoint, methods=_READ, include_in_schema=False, response_model=None)
    files = APIRouter()
    files.add_api_route("/articles/{key}.{extension}", articles.single, methods=_READ, include_in_schema=False)
    files.add_api_route(assets.PATH, pages.assets.serve, methods=_READ, include_in_schema=False)
    files.include_router(router)
    return files


def page_route(pages: Pages) -> type[APIRoute]:
    """Make the class of routes that answer people: when the store is away, they are told so in a page."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            show = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    return await show(request)
                except StoreUnavailable as error:
                    return pages.notice(
                        request,
                        503,
                        "Back in a moment",
                        "This page cannot be read right now. Please try again.",
                        max_age_s=None,
                        headers={"Retry-After": str(max(1, round(error.retry_after_s)))},
                    )

            return handle

    return PageRoute
