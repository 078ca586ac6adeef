"""Pages over a real socket, from the whole app, out of what the real stages recorded."""

from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from yarl import URL

from services.demo.newsroom import stories
from services.http.deps import Deps
from services.http.pages import Pages, page_routes
from services.syndicate.joiner import Site
from tests.feed_desk import BASE, Desk
from tests.http_api import START, Api, api_on

SITE = Site(BASE, "Le Fil", UUID(int=7), START - timedelta(days=1))

HOSTILE = '</title><script>window.hacked=1</script><img src=x onerror=hacked=1>"\'{{7*7}}<!-- \u202e ]]>&amp; '
"""Text that would break out of a page that trusted it."""


@dataclass
class PageDesk:
    """The app with its pages, and the desk that fills them."""

    api: Api
    desk: Desk

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, str]:
        """Send a request without a key; the status, headers and text of the answer. Redirects are not followed."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(self.api.url + path, encoded=True)
        async with self.api.session.request(method, url, headers=sent, allow_redirects=False) as got:
            return got.status, got.headers, await got.text()

    async def key(self, article_id: str) -> str:
        """The key of an article's page, as the store mints it."""
        return uuid5(UUID(await self.api.store.meta.get("namespace")), article_id).hex


@asynccontextmanager
async def pages_on(directory: Path) -> AsyncGenerator[PageDesk]:
    """Serve pages alone, beside the API."""

    def change(deps: Deps) -> Deps:
        pages = Pages(title=SITE.newsroom, base_url=BASE)
        return replace(deps, feeds=(page_routes(pages, deps.store, founded=SITE.founded), *deps.feeds))

    with ThreadPoolExecutor(1) as pool:
        async with api_on(directory, change) as api:
            yield PageDesk(api, Desk(api.store, pool, SITE, now=START))


def front_page() -> list[dict[str, Any]]:
    """Stories in twelve languages and both directions, as the demo's newsroom writes them."""
    return [
        {
            "id": f"story-{at}",
            "title": told["title"].format(n=at + 3),
            "url": f"https://news.example/story/{at}",
            "summary": told["body"][1].format(n=at + 3, m=at),
            "content_html": "".join(f"<p>{part.format(n=at + 3, m=at)}</p>" for part in told["body"]),
            "language": told["language"],
            "sections": [told["section"]],
            "tags": told["tags"],
            "authors": [{"name": told["author"]}],
            "source": {"name": told["source"]},
        }
        for at, told in enumerate(stories())
    ]
