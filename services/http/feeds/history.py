"""What moved in a feed: `?since=` with a long poll, and `A-IM: feed` (RFC 3229). A `Special` of the feeds' app.

    ?since= ─▶ what moved behind it, oldest first ─▶ nothing? wait for the feed's next version ─▶ 200, next
    A-IM ─▶ a tag we know? ─▶ what moved since that document ─▶ 226; else the whole document, the usual way

No answer of either kind is for a shared cache.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from schemas.feed import Ended, Moved
from schemas.history import Place
from services.http.clients import client_key
from services.http.feeds.answers import Answers
from services.http.feeds.decision import Asked, Headers, choose, headers
from services.http.feeds.negotiation import codings
from services.http.feeds.since import Since, asks, read
from services.http.feeds.target import Target
from services.http.problems import Problem
from services.store.errors import StoreUnavailable
from services.syndicate.document import Document
from services.syndicate.documents import Found
from services.syndicate.joiner import Delta, ForeignCursorError

_DELTA_MOST = 250  # items; beyond that the whole document is told, and its archives
_NO_226 = (b"feedparser/", b"rss2email")  # User-Agents: the library under its own name leaves the status to scripts
_FOREIGN = Problem(
    400,
    "bad_cursor",
    "The cursor is of another feed, or of a time that this service no longer knows. Start again with since=<time>.",
    headers={"Cache-Control": "no-store"},
)


class WaitLimits(NamedTuple):
    """Readers who wait for a feed to move at once, in this process; and of one address."""

    all: int = 1_000
    client: int = 100


class _Request(NamedTuple):
    target: Target
    document: Document
    scope: Scope
    receive: Receive
    send: Send


class History:
    """Answers what asks for more than a document as it stands."""

    def __init__(self, answers: Answers, limits: WaitLimits = WaitLimits()) -> None:  # noqa: B008 - frozen
        self._answers = answers
        self._deltas = answers.documents.deltas
        self._limits = limits
        self._waiting: Counter[str] = Counter()

    async def public(self, target: Target, found: Found, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer about a public feed. False: not our concern."""
        if isinstance(found, Document) and found.policy.kind == "private":
            return False
        return await self(target, found, scope, receive, send)

    async def __call__(self, target: Target, found: Found, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer about a feed that the visitor may read. False: not our concern."""
        if not isinstance(found, Document) or target.page:
            return False
        request = _Request(target, found, scope, receive, send)
        if not asks(scope.get("query_string", b"")):
            return _wants_delta(scope) and await self._delta(request)
        try:
            since = read(scope["query_string"])
            delta = await self._moves(request, since)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except ForeignCursorError:
            await _FOREIGN.response()(scope, receive, send)
        except StoreUnavailable as error:
            wait = {"Retry-After": str(max(1, round(error.retry_after_s))), "Cache-Control": "no-store"}
            problem = Problem(503, "unavailable", "The feed cannot be read now; try again.", headers=wait)
            await problem.response()(scope, receive, send)
        else:
            if delta is None:
                return False  # it ended or moved just now: the usual way says so
            await self._tell(request, since, delta)
        return True

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._deltas.waiters.close()

    async def _moves(self, request: _Request, since: Since) -> Delta | None:
        """Find what moved; where nothing did, wait for it as long as asked. None: the feed is not there any more."""
        delta = await self._read(request, since)
        if delta is None or delta.items or since.wait_s <= 0 or request.scope["method"] != "GET":
            return delta
        visitor = client_key((request.scope.get("client") or ("", 0))[0])
        client = "" if visitor.is_local else visitor.key  # "": unknown, or a proxy of which we were not told
        self._admit(client)
        self._waiting[client] += 1
        try:
            async with asyncio.timeout(since.wait_s):
                version = delta.version
                while delta is not None and not delta.items:
                    heard = await self._heard(request, version)
                    if heard is None:
                        break
                    delta = await self._read(request, since._replace(behind=delta.place))
                    version = heard  # not the one that was read: SQL may know less than was announced
        except TimeoutError:
            pass  # nothing came: the same again, with the same next
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]
        return delta

    async def _heard(self, request: _Request, version: int) -> int | None:
        """Wait for the feed's next version. None: the reader hung up, or we stop."""
        moved = asyncio.create_task(self._deltas.waiters.wait(request.document.feed, version))
        gone = asyncio.create_task(_gone(request.receive))
        try:
            await asyncio.wait({moved, gone}, return_when=asyncio.FIRST_COMPLETED)
            return moved.result() if moved.done() else None
        finally:
            moved.cancel()
            gone.cancel()

    def _admit(self, client: str) -> None:
        more = {"Retry-After": "30", "Cache-Control": "no-store"}
        if self._waiting.total() >= self._limits.all:
            raise Problem(503, "busy", "All places to wait are taken; ask without wait, or later.", headers=more)
        if client and self._waiting[client] >= self._limits.client:
            most = f"At most {self._limits.client} requests of one address may wait at a time."
            raise Problem(429, "too_many_requests", most, headers=more)

    async def _read(self, request: _Request, since: Since) -> Delta | None:
        address, format_name, _ = request.target
        found = await self._deltas.since(address, format_name, since.behind, since.limit, since.query)
        return None if found is None or isinstance(found, Moved | Ended) else found

    async def _tell(self, request: _Request, since: Since, delta: Delta) -> None:
        coding = _coding(request.scope)
        links = [f'<{delta.document.self_url}>; rel="self"']
        # Under a private address the next one is private too: as a reference it stands under the one that was asked.
        private = request.document.policy.kind == "private"
        links.append(f'<{since.query(delta.cursor) if private else delta.onward}>; rel="next"')
        changed = {b"cache-control": b"no-store", b"link": ", ".join(links).encode(), b"x-robots-tag": b"noindex"}
        await self._send(request, 200, delta.document, coding, {**changed, b"etag": None, b"last-modified": None})

    async def _delta(self, request: _Request) -> bool:
        """RFC 3229 §10.5.1, with the instance manipulation `feed`. False: the whole document is to be told."""
        document, now = request.document, self._answers.clock()
        tags = _sent(request.scope, b"if-none-match")
        asked = Asked(b"GET", _sent(request.scope, b"accept-encoding"), tags)
        if tags is None or choose(asked, document, now).status == 304:
            return False
        known = self._deltas.lately.find(document, tags)
        if known is None:
            return False
        tag, version = known
        address, format_name, _ = request.target
        try:
            delta = await self._deltas.delta(address, format_name, Place(version + 1), _DELTA_MOST)
        except StoreUnavailable:
            return False
        if not isinstance(delta, Delta) or delta.more or delta.document.size >= document.size:
            return False
        coding = _coding(request.scope)
        changed = {
            b"etag": document.tags[coding],  # of the whole document, as it would be without A-IM
            b"im": b"feed",
            b"delta-base": tag,
            b"cache-control": b"no-store, im",
            b"vary": b"A-IM, If-None-Match, Accept-Encoding",
        }
        await self._send(request, 226, delta.document, coding, changed)
        return True

    async def _send(
        self, request: _Request, status: int, document: Document, coding: str, changed: Mapping[bytes, bytes | None]
    ) -> None:
        made: Headers = [
            pair for pair in headers(document, 200, coding, self._answers.clock()) if pair[0] not in changed
        ]
        made += [(name, value) for name, value in changed.items() if value is not None]
        coded = document.coded(coding) or document.identity
        body = b"" if request.scope["method"] == "HEAD" else coded.data
        await request.send({"type": "http.response.start", "status": status, "headers": made})
        await request.send({"type": "http.response.body", "body": body})


async def _gone(receive: Receive) -> None:
    """Wait until the client hangs up."""
    with suppress(Exception):
        while (await receive())["type"] != "http.disconnect":
            pass


def _sent(scope: Scope, wanted: bytes) -> bytes | None:
    values = [value for name, value in scope["headers"] if name == wanted]
    return b", ".join(values) if values else None


def _wants_delta(scope: Scope) -> bool:
    """Whether `feed` is among the instance manipulations that the client takes (RFC 3229 §10.5.3), and it means that."""
    if _sent_in_vain(scope):
        return False
    for member in (_sent(scope, b"a-im") or b"").lower().split(b","):
        name, _, weight = member.partition(b";")
        if name.strip() == b"feed":
            return weight.replace(b" ", b"") not in {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}
    return False


def _sent_in_vain(scope: Scope) -> bool:
    """Whether `A-IM` comes from a library that sends it for programs that know no 226: they would never see news again.

    A server may always ignore it, so the answer does not vary by User-Agent: it is the one that anybody may get.
    """
    agent = (_sent(scope, b"user-agent") or b"").lower()
    return agent.startswith(_NO_226)


def _coding(scope: Scope) -> str:
    """Choose between the two codings that every document has."""
    return "gzip" if "gzip" in codings(_sent(scope, b"accept-encoding")) else "identity"
