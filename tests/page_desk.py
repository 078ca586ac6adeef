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

HOSTILE = "</title><script>window.hacked=1</script><img src=x onerror=hacked=1>\"'{{7*7}}<!-- \u202e ]]>&amp; "
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


def rich_story() -> dict[str, Any]:
    """A story with everything that a page can show."""
    return {
        "id": "rich",
        "title": "Harbour bridge reopens to the sound of brass bands after nine months of silence",
        "language": "en",
        "url": "https://news.example/2026/harbour-bridge",
        "summary": "The last of the new cables was tightened on Tuesday; the first tram crossed at dawn.",
        "sections": ["World", "Transport"],
        "tags": ["harbour", "bridges"],
        "authors": [{"name": "Nell Astley", "url": "https://news.example/people/nell"}, {"name": "Tomas Reyne"}],
        "source": {"name": "Harbour Wire", "url": "https://wire.example"},
        "correction_note": "An earlier version gave the length of the bridge as 410 metres. It is 401.",
        "images": [
            {
                "url": "https://pictures.example/bridge.jpg",
                "width": 1200,
                "height": 675,
                "alt": "A long white bridge at dawn",
                "credit": "J. Lindqvist / Harbour Wire",
            }
        ],
        "enclosures": [{"url": "https://sound.example/report.mp3", "type": "audio/mpeg", "duration": 190}],
        "rights": "© Harbour Wire. Free to republish with attribution.",
        "content_html": (
            "<p>Shortly after five in the morning the barriers rose, and a tram that had waited nine months to cross the "
            "harbour did so in four minutes, to applause from both banks.</p>"
            '<p>Ferries took about half of the passengers; <a href="https://news.example/b">the rest walked</a>.</p>'
            "<h1>What was mended</h1><p>Engineers replaced forty-two of the ninety-six cables.</p>"
            '<figure><img src="https://pictures.example/cable.jpg"><figcaption>A new cable</figcaption></figure>'
            "<blockquote><p>You can hear which one is tired.</p></blockquote><ul><li>42 cables</li><li>1 bearing</li></ul>"
            "<table><tr><th>Month</th><th>Ferries a day</th><th>Passengers</th></tr>"
            "<tr><td>March</td><td>64</td><td>14,200</td></tr></table>"
            '<iframe src="https://www.youtube.com/embed/abc"></iframe>'
            '<video src="https://film.example/tram.mp4" poster="https://pictures.example/tram.jpg"></video>'
            f"<pre>{'a line that fits on no telephone, ' * 9}</pre><p>{'Donaudampfschifffahrt' * 20}</p>"
        ),
    }


def hostile_story() -> dict[str, Any]:
    """A story that tries to break out of its page by every field."""
    return {
        "id": f"hostile {HOSTILE}",
        "title": f"Title {HOSTILE}",
        "url": 'https://news.example/?q="><script>hacked=1</script>',
        "language": "en",
        "summary": f"Summary {HOSTILE}",
        "sections": [f"Section {HOSTILE}"],
        "tags": [f"Tag {HOSTILE}"],
        "authors": [{"name": f"Author {HOSTILE}", "url": 'https://people.example/"onmouseover="hacked=1'}],
        "source": {"name": f"Source {HOSTILE}", "url": 'https://people.example/"onmouseover="hacked=1'},
        "correction_note": f"Note {HOSTILE}",
        "images": [
            {
                "url": 'https://pictures.example/"onerror="hacked=1',
                "alt": f"Alt {HOSTILE}",
                "credit": f"Credit {HOSTILE}",
            },
        ],
        "enclosures": [{"url": 'https://sound.example/"onerror="hacked=1', "type": "audio/mpeg"}],
        "rights": f"Rights {HOSTILE}",
        "content_html": (
            f"<p>{HOSTILE}</p><script>window.hacked=1</script><p onclick=hacked=1 style=color:red>styled</p>"
            '<svg onload=hacked=1></svg><a href="javascript:hacked=1">link</a><iframe src="https://evil.example"></iframe>'
            '<form action="https://evil.example"><input name=q></form><base href="https://evil.example/">'
            '<meta http-equiv=refresh content="0;url=https://evil.example"><link rel=stylesheet href="https://evil.example">'
            '<p title="</p><img src=x onerror=hacked=1>">quoted</p>'
        ),
    }
