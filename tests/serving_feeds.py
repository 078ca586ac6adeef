"""Feeds on real sockets, out of the real store: one server, or the same documents behind three doors."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from yarl import URL

from schemas.serving import Served
from services.cli.http_server import listen, serving
from services.http.app import create_app
from services.http.clients import Proxies
from services.http.deps import Deps
from services.http.feeds import Answers, Limits, Rates, feed_routes
from services.syndicate.documents import Documents
from services.syndicate.joiner import Site
from tests.feed_desk import BASE, Desk
from tests.http_api import START, Api, api_on

SITE = Site(BASE, "Le Fil", UUID(int=7), START - timedelta(days=1))
Address = tuple[str, int]


@dataclass
class Feeds:
    """The app with its feeds, and the desk that fills them."""

    api: Api
    desk: Desk
    documents: Documents
    answers: Answers
    served: list[Served]

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Accept-Encoding", "identity")
        url = URL(self.api.url + path, encoded=True)
        async with self.api.session.request(
            method, url, headers=sent, auto_decompress=False, allow_redirects=False
        ) as got:
            return got.status, got.headers, await got.read()


@asynccontextmanager
async def feeds_on(
    directory: Path, *, fast: bool = True, rates: Rates | None = None, proxies: Proxies | None = None
) -> AsyncGenerator[Feeds]:
    """One server; time stands still until a test moves it."""
    served: list[Served] = []
    made: list[Answers] = []

    def feeds(deps: Deps) -> Answers:
        documents = Documents(deps.store.feeds, SITE, cache_bytes=10_000_000)
        made.append(_answers(documents, deps, rates, served))
        return made[0]

    with ThreadPoolExecutor(1) as pool:
        async with api_on(directory, feeds=feeds, fast=fast, proxies=proxies) as api:
            # aiohttp's own session would add encodings that it can undo
            async with aiohttp.ClientSession() as session:
                api.session = session
                yield Feeds(api, Desk(api.store, pool, SITE, now=START), made[0].documents, made[0], served)
            await made[0].close()
            await made[0].documents.close()


def _answers(documents: Documents, deps: Deps, rates: Rates | None, served: list[Served]) -> Answers:
    return Answers(
        documents,
        clock=deps.clock,
        monotonic=deps.monotonic,
        limits=Limits(rates or Rates()),
        on_served=served.append,
    )


@dataclass
class Doors:
    """The same documents by the fast path, by the shortcut before the app, and by the app's own route."""

    feeds: Feeds
    at: Mapping[str, Address]
    served: Mapping[str, list[Served]]


@asynccontextmanager
async def doors_on(
    directory: Path, *, rates: Rates | None = None, proxies: Proxies | None = None
) -> AsyncGenerator[Doors]:
    """Serve the same documents three times, each with limits and counts of its own."""
    async with feeds_on(directory) as feeds, AsyncExitStack() as stack:
        at: dict[str, Address] = {}
        served: dict[str, list[Served]] = {}
        for name in ("fast", "shortcut", "route"):
            served[name] = []
            answers = _answers(feeds.documents, feeds.api.deps, rates, served[name])
            stack.push_async_callback(answers.close)
            app = create_app(replace(feeds.api.deps, feeds=(feed_routes(answers),)))
            sock = listen("127.0.0.1", 0)
            stack.callback(sock.close)
            shown = None if name == "route" else answers
            await stack.enter_async_context(
                serving(app, sock, answers=shown, fast=name == "fast", proxies=proxies or Proxies(), idle_s=0.5)
            )
            at[name] = sock.getsockname()
        yield Doors(feeds, at, served)


async def heard(address: Address, *parts: bytes) -> bytes:
    """Send the parts, each in a segment of its own, and hear everything until the server closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(10):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.003)  # the server reads it before the next
            return await reader.read()
    finally:
        writer.close()
