"""Answer readers out of memory: what the fast path and the plain route share, so that they cannot differ.

path ─▶ find ─▶ Document ─▶ choose (304? which coding?) ─▶ limits ─▶ bytes made once per document ─▶ told
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from schemas.serving import Served
from services.http.clients import Client
from services.http.feeds.decision import CORS, HSTS, SECURITY, Asked, Headers, choose, headers, is_conditional
from services.http.feeds.limits import Limits
from services.http.feeds.packer import Packer
from services.http.feeds.target import Target, parse_raw
from services.http.problems import Problem
from services.syndicate.document import Document
from services.syndicate.documents import Documents

OnServed = Callable[[Served], None]
"""Told of each answer about a document. Called on the hot path: a microsecond at most."""

_PATHS = 20_000  # remembered; each was that of a document
_NOBODY = Client("", is_local=False)


class Visitor(NamedTuple):
    """Who asks, over what."""

    client: Client = _NOBODY
    user_agent: bytes = b""
    is_https: bool = False


class Reply(NamedTuple):
    """An answer as ASGI has it, and its header lines as HTTP/1.1 has them. Date and Connection are the server's."""

    status: int
    headers: Headers
    lines: bytes
    body: bytes

    @classmethod
    def of(cls, status: int, made: Headers, body: bytes) -> "Reply":
        """Write the header lines."""
        return cls(status, made, b"".join(b"%s: %s\r\n" % pair for pair in made), body)


class Answers:
    """Answers about documents. `clock` gives aware UTC, `monotonic` seconds. Belongs to its event loop."""

    def __init__(
        self,
        documents: Documents,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        limits: Limits,
        on_served: OnServed | None = None,
    ) -> None:
        self.documents = documents
        self.clock = clock
        self.packer = Packer()
        self._monotonic = monotonic
        self._limits = limits
        self._on_served = on_served
        self._targets: dict[bytes, Target] = {}

    def find(self, path: bytes) -> Document | None:
        """Find a public document in memory by the raw path of a request. None: ask the long way."""
        target = self._targets.get(path) or parse_raw(path)
        if target is None:
            return None
        document = self.documents.cached(*target)
        if document is None or document.policy.kind == "private":
            return None
        if path not in self._targets:
            if len(self._targets) >= _PATHS:
                self._targets.clear()
            self._targets[path] = target
        return document

    def answer(self, document: Document, asked: Asked, visitor: Visitor) -> Reply:
        """Answer a GET or HEAD about a document that the visitor may read."""
        now = self.clock()
        status, coding, wanted = choose(asked, document, now)
        conditional = asked.if_none_match is not None or asked.if_modified_since is not None
        if status == 200:
            if wanted is not None:
                self.packer.want(document, wanted)
            conditional = conditional and is_conditional(asked, now)
            if not conditional and asked.method == b"GET":
                wait_s = self._limits.wait_s(visitor.client, document.self_url, self._monotonic())
                if wait_s > 0:
                    reply = too_fast(document, visitor, wait_s)
                    self._tell(document, reply, visitor, conditional)
                    return reply
        key = (status, coding, asked.method, visitor.is_https)
        reply = document.memo.get(key) or self._make(document, key, now)
        self._tell(document, reply, visitor, conditional)
        return reply

    def _tell(self, document: Document, reply: Reply, visitor: Visitor, conditional: bool) -> None:  # noqa: FBT001 - positional, for speed
        if self._on_served is not None:
            told = (document.feed, document.format, reply[0], len(reply[3]), visitor[1], visitor[0][0], conditional)
            self._on_served(Served._make(told))

    def _make(self, document: Document, key: tuple[int, str, bytes, bool], now: datetime) -> Reply:
        status, coding, method, is_https = key
        coded = document.coded(coding)
        body = b"" if status == 304 or method == b"HEAD" or coded is None else coded.data
        made = headers(document, status, coding, now)
        reply = Reply.of(status, [*made, HSTS] if is_https else made, body)
        if document.changed_at <= now:  # else Last-Modified follows the clock
            document.memo[key] = reply
        return reply

    async def close(self) -> None:
        """End what is under way."""
        await self.packer.close()


def too_fast(document: Document, visitor: Visitor, wait_s: float) -> Reply:
    """RFC 6585 §4. No cache may keep it."""
    problem = Problem(
        429,
        "too_many_requests",
        "You fetched this feed whole, again and again. Ask with If-None-Match: then you may ask as often as you like.",
        headers={"Retry-After": str(max(1, -int(-wait_s // 1))), "Cache-Control": "no-store"},
    )
    response = problem.response()
    made: Headers = [*response.raw_headers, *SECURITY]
    if "json" in document.media_type:
        made += CORS
    return Reply.of(429, [*made, HSTS] if visitor.is_https else made, bytes(response.body))
