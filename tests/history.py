"""A newsroom with its feeds' history on a real socket, and readers who walk it."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import aiohttp
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]
from yarl import URL

from schemas.records import FeedRow
from services.cli.http_server import listen, serving
from services.http.app import create_app
from services.http.clients import Proxies
from services.http.feeds import Answers, History, Limits, Rates, feed_routes
from services.http.feeds.history import WaitLimits
from services.store import Store
from services.syndicate import history
from services.syndicate.archivist import Archivist
from services.syndicate.document import Document
from services.syndicate.documents import Documents
from services.syndicate.formats import FORMATS
from services.syndicate.joiner import Delta, Site
from tests.feed_desk import BASE, Desk
from tests.http_api import START, Clock, api_on

SITE = Site(BASE, "Le Fil", UUID(int=7), START - timedelta(days=1))
NAMES = {
    "a": "http://www.w3.org/2005/Atom",
    "at": "http://purl.org/atompub/tombstones/1.0",
    "fh": "http://purl.org/syndication/history/1.0",
}


def story(name: str, **more: Any) -> dict[str, Any]:
    """An article as publishers send it, with a text that can be searched for."""
    said = {
        "id": name,
        "title": f"Headline of {name}",
        "url": f"{BASE}/a/{name.replace(' ', '-')}",
        "content_text": f"The text of {name} says what happened in the harbour yesterday.",
        "language": "en",
        "sections": ["World"],
    }
    return {**said, **more}


def taken_back(name: str, kind: str = "withdraw") -> dict[str, Any]:
    return {"type": "article.retracted", "data": {"id": name, "kind": kind, "reason": "Wrong."}}


class Read(NamedTuple):
    """What a reader finds in one document. `gone`: ids of tombstones; `links`: by relation; `older`: where it leads on."""

    ids: list[str]
    gone: list[str]
    links: dict[str, str]
    older: str | None
    archive: bool = False


def parse(format_name: str, body: bytes) -> Read:
    if format_name == "json":
        feed = json.loads(body)
        links = {"self": feed["feed_url"], **({"next": feed["next_url"]} if "next_url" in feed else {})}
        return Read([item["id"] for item in feed["items"]], [], links, links.get("next"))
    root = etree.fromstring(body)
    if format_name == "atom":
        ids = [one.findtext("a:id", namespaces=NAMES) or "" for one in root.findall("a:entry", NAMES)]
        gone = [one.get("ref", "") for one in root.findall("at:deleted-entry", NAMES)]
        found = root.findall("a:link", NAMES)
    else:
        ids = [one.findtext("guid") or "" for one in root.iter("item")]
        gone = []
        found = root.findall("channel/a:link", NAMES)
    links = {one.get("rel", ""): one.get("href", "") for one in found}
    archive = root.find(".//fh:archive", NAMES) is not None
    return Read(ids, gone, links, links.get("prev-archive"), archive)


@dataclass
class Newspaper:
    """A desk whose feeds are sealed as they move, and the documents that readers get. `clock` goes with the desk."""

    desk: Desk
    documents: Documents
    archivist: Archivist
    clock: Clock = field(default_factory=Clock)

    async def say(self, *events: dict[str, Any], after: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass, publish, and seal what can be."""
        await self.desk.say(*events, after=after)
        await self.settle()

    async def wait(self, time: timedelta) -> None:
        await self.desk.wait(time)
        await self.settle()

    async def settle(self) -> None:
        """Seal, and announce what moved."""
        self.clock.now = self.desk.now
        names = sorted({update.feed for update in self.desk.updates})
        if names:
            sealed = await self.desk.store.archives.seal(names, self.desk.now)
            await self.desk.publish(sealed.rows)
        for update in self.desk.updates:
            self.documents.invalidate(update.feed, update.version)
        self.desk.updates.clear()

    async def fill(self, count: int, start: int = 0) -> list[str]:
        """Publish so many stories, in batches, then let days pass; their names."""
        names = [f"s{number:04}" for number in range(start, start + count)]
        for at in range(0, count, 20):
            await self.say(*(story(name) for name in names[at : at + 20]))
        await self.wait(timedelta(days=2))
        return names

    async def everything(self, *feeds: str, formats: Iterable[str] = FORMATS) -> dict[str, bytes]:
        """All bytes that readers can fetch, joined freshly: subscription documents, sealed pages, what moved ever."""
        fresh = Documents(self.desk.store.feeds, self.desk.site, cache_bytes=100_000_000)
        found: dict[str, bytes] = {}
        ever = self.desk.now - timedelta(days=9_999)
        for feed in feeds:
            row = await self.desk.store.feeds.find(feed)
            pages = [""]
            if isinstance(row, FeedRow):
                pages += [history.Sealed(row.generation, number + 1).name for number in range(history.newest(row))]
            for name in formats:
                for page in pages:
                    document = await fresh.get(feed, name, page)
                    assert isinstance(document, Document), (feed, name, page, document)
                    found[f"{feed} {name} {page}"] = document.identity.data
                moved = await fresh.deltas.since(feed, name, ever, 5_000, lambda cursor: f"?{cursor}")
                if isinstance(moved, Delta):
                    found[f"{feed} {name} since"] = moved.document.identity.data
        await fresh.close()
        return found


Fetch = Callable[[str], Awaitable[tuple[int, Mapping[str, str], bytes]]]


async def walk(fetch: Fetch, start: str) -> list[tuple[str, Read]]:
    """Follow a feed to its oldest page; each document with its address. Starts again when a page is gone meanwhile."""
    while True:
        seen: list[tuple[str, Read]] = []
        url: str | None = start
        while url is not None:
            assert url not in {one for one, _ in seen}, "a loop"
            status, _, body = await fetch(url)
            if status == 410:
                break
            assert status == 200, (url, status)
            seen.append((url, parse(url.rpartition(".")[2], body)))
            url = seen[-1][1].older
        else:
            return seen


@dataclass
class Served:
    """A newspaper on a socket."""

    paper: Newspaper
    url: str
    session: aiohttp.ClientSession
    waiting: History

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
        """Fetch an absolute address of the site, or a path."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Accept-Encoding", "identity")
        url = URL(self.url + path.removeprefix(BASE), encoded=True)
        async with self.session.request(method, url, headers=sent, auto_decompress=False, allow_redirects=False) as got:
            return got.status, got.headers, await got.read()


@asynccontextmanager
async def paper_on(store: Store) -> AsyncGenerator[Newspaper]:
    """A newspaper without a socket."""
    with ThreadPoolExecutor(1) as pool:
        desk = Desk(store, pool, SITE, now=START)
        documents = Documents(store.feeds, SITE, cache_bytes=20_000_000, coalesce_s=0.01)
        yield Newspaper(desk, documents, Archivist(store.archives, desk, clock=lambda: desk.now))
        await documents.close()


@asynccontextmanager
async def site_on(directory: Path, *, limits: WaitLimits = WaitLimits(), fast: bool = True) -> AsyncGenerator[Served]:  # noqa: B008
    """A newspaper on a socket; time stands still until it is moved."""
    async with api_on(directory) as api, paper_on(api.store) as paper, aiohttp.ClientSession() as session:
        paper.clock = api.clock
        answers = Answers(
            paper.documents, clock=api.clock, monotonic=api.clock.monotonic, limits=Limits(Rates(enabled=False))
        )
        waiting = History(answers, limits)
        app = create_app(replace(api.deps, feeds=(feed_routes(answers, (waiting.public,)),)))
        sock = listen("127.0.0.1", 0)
        host, port = sock.getsockname()
        async with serving(app, sock, answers=answers, fast=fast, proxies=Proxies()):
            yield Served(paper, f"http://{host}:{port}", session, waiting)
            waiting.close()
        sock.close()
        await answers.close()
