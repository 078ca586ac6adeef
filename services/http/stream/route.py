"""`GET /stream?feed=&filter=`: the ASGI app around the hub."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.feed import Moved
from schemas.records import FeedRow
from schemas.refusal import Fault
from services.filters import FilterError, Query, parse
from services.http.problems import Problem
from services.http.stream.events import LOG, Selection, wants
from services.http.stream.hub import Hub, Listener
from services.http.stream.places import Limits, Places
from services.store.changes import Place
from services.store.errors import StoreUnavailable
from services.store.sql import read_cursor

PATH = "/stream"
RETRY_MS = 2_000
LONGEST_QUERY = 4_096  # beyond these limits the long way looks closer
MOST_HEADERS = 64
_NOT_ALLOWED = Problem(405, "method_not_allowed", "A stream can only be read.", headers={"Allow": "GET, HEAD"})
_HEADERS = [
    (b"content-type", b"text/event-stream"),  # always UTF-8 (HTML §9.2.5): no charset
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events otherwise
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
]


class FindsFeeds(Protocol):
    """Addresses of feeds. May raise StoreUnavailable."""

    async def find(self, address: str) -> FeedRow | Moved | None:
        """Read the feed that stands under an address."""
        ...


class _Asked(NamedTuple):
    selection: Selection
    query: Query | None
    after: Place | None
    reset: bool  # the id was of another store, or of one that was restored since


class StreamApp:
    """An ASGI app for one route."""

    def __init__(self, hub: Hub, feeds: FindsFeeds, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._hub = hub
        self._feeds = feeds
        self._places = Places(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; it lasts until the client leaves or we stop."""
        if scope["method"] not in ("GET", "HEAD"):
            await _NOT_ALLOWED.response()(scope, receive, send)
            return
        client = (scope.get("client") or ("",))[0]
        try:
            with self._places.stream(client):
                asked = await self._read(QueryParams(scope["query_string"]), Headers(scope=scope))
                with self._places.filter(asked.selection.filter):
                    await self._answer(asked, scope, receive, send)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except StoreUnavailable as error:
            wait = {"Retry-After": str(max(1, round(error.retry_after_s)))}
            problem = Problem(503, "unavailable", "The stream cannot be read now; try again.", headers=wait)
            await problem.response()(scope, receive, send)

    async def _answer(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._stream(asked, receive, send)

    async def _stream(self, asked: _Asked, receive: Receive, send: Send) -> None:
        listener = Listener()
        watch = asyncio.create_task(_watch(receive, listener))
        opening = b"retry: %d\n\n" % RETRY_MS + (b"event: reset\ndata: {}\n\n" if asked.reset else b"")
        parts = self._hub.follow(asked.selection, wants(asked.selection, asked.query), asked.after, listener)
        try:
            await send({"type": "http.response.body", "body": opening, "more_body": True})
            await _send_all(parts, send)
            if not watch.done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            watch.cancel()
            await parts.aclose()

    async def _read(self, query: QueryParams, headers: Headers) -> _Asked:
        line = query.get("filter", "").strip()
        try:
            parsed = parse(line) if line else None
        except FilterError as error:
            fault = Fault(where="filter", what=f"column {error.column}: {error.message}")
            raise Problem(400, "invalid", "The filter cannot be read.", errors=[fault]) from error
        feed = await self._feed(query)
        after = _place(headers.get("last-event-id") or query.get("last-event-id"))
        reset = after is not None and after.version > (await self._hub.last()).version
        selection = Selection(feed, "" if parsed is None else str(parsed))
        return _Asked(selection, parsed, None if reset else after, reset)

    async def _feed(self, query: QueryParams) -> str:
        address = query.get("feed", LOG)
        found = await self._feeds.find(address)
        if isinstance(found, Moved) and not found.private:
            rest = [(name, value) for name, value in query.multi_items() if name != "feed"]
            to = f"/stream?{urlencode([('feed', found.to), *rest], quote_via=quote)}"
            raise Problem(308, "moved", f"This feed is called {found.to} now.", headers={"Location": to})
        if found is None and address == LOG:
            return LOG  # nothing was published yet
        if found is None or isinstance(found, Moved) or found.owner is not None:
            raise Problem(404, "not_found", "There is no such feed.")
        if found.ended_at is not None:
            raise Problem(410, "gone", f"This feed ended on {found.ended_at:%Y-%m-%d}.")
        return found.name


async def _send_all(parts: AsyncIterator[bytes], send: Send) -> None:
    try:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    except StoreUnavailable:
        return  # what is out is right; the client comes back with its last id


async def _watch(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.leave()


def _place(event_id: str | None) -> Place | None:
    if not event_id:
        return None
    try:
        return Place(*read_cursor(event_id, [int, str]))
    except ValueError as error:
        fault = Fault(where="header last-event-id", what="is not an id of this stream; leave it out to begin with now")
        raise Problem(400, "invalid", "Last-Event-ID cannot be read.", errors=[fault]) from error


class Shortcut:
    """ASGI middleware around the app: thousands of open streams shall not each hold its layers."""

    def __init__(self, app: ASGIApp, stream: ASGIApp) -> None:
        self._app = app
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for a stream that is asked for in the common way."""
        plain = scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET"
        if plain and len(scope["query_string"]) <= LONGEST_QUERY and len(scope["headers"]) <= MOST_HEADERS:
            await self._stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def stream_routes(app: StreamApp) -> APIRouter:
    """Make the route of the stream."""
    router = APIRouter()
    router.add_route(PATH, app, include_in_schema=False)  # pyright: ignore[reportArgumentType]  # an ASGI app is an endpoint too
    return router
