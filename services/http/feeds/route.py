"""GET, HEAD and OPTIONS of feed documents: the plain route, reference for the faster path in `services.http.fast`.

    request ─▶ document in memory (else one join for all who wait) ─▶ Answers ─▶ bytes

No key, no cookie; unknown query parameters and Range are ignored: one URL, one document. Whatever goes wrong
under these URLs is told as a problem document (RFC 9457), never as a page.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from urllib.parse import quote

from fastapi import APIRouter
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.feed import Ended, Moved, Replaced
from services.http.clients import client_key
from services.http.feeds.answers import Answers, Reply, Visitor
from services.http.feeds.decision import CORS, Asked
from services.http.feeds.heads import read_head
from services.http.feeds.target import PREFIX, Target, asks_history, parse
from services.http.problems import Problem
from services.store.errors import StoreUnavailable
from services.syndicate.document import Document
from services.syndicate.documents import Found
from services.syndicate.formats import FORMATS
from services.syndicate.joiner import Site

PATH = "/feeds/{name:path}.{extension}"
ALLOWED = "GET, HEAD, OPTIONS"
_READING = frozenset({"GET", "HEAD"})
_MOVED_S, _ENDED_S, _UNKNOWN_S = 3_600, 3_600, 10  # how long caches may keep it
_PREFLIGHT = {
    "Allow": ALLOWED,
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "If-None-Match, If-Modified-Since, A-IM, Cache-Control",
    "Access-Control-Max-Age": "86400",
}

Special = Callable[[Target, Found, Scope, Receive, Send], Awaitable[bool]]
"""Answers what asks for more than a public document as it stands: deltas, history, private feeds.

Called with what was found where `asks_more` says so, and for all that only some may read. False: not its concern.
"""


def asked_of(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    """Pick what matters from a request's raw headers (names in lower case, as ASGI has them)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in {b"accept-encoding", b"if-none-match", b"if-modified-since"}:
            found[name] = found[name] + b", " + value if name in found else value
    return Asked(
        method.encode(), found.get(b"accept-encoding"), found.get(b"if-none-match"), found.get(b"if-modified-since")
    )


def visitor_of(scope: Scope) -> Visitor:
    """Find who asks, as far as the server knows."""
    agents = [value for name, value in scope["headers"] if name == b"user-agent"]
    client = scope.get("client") or ("", 0)
    return Visitor(client_key(client[0]), agents[0] if agents else b"", scope.get("scheme") == "https")


def asks_more(scope: Scope) -> bool:
    """Whether a request wants a delta (RFC 3229), history, or what only a key opens: nothing for the short ways."""
    return asks_history(scope.get("query_string", b"")) or any(
        name in {b"a-im", b"authorization"} for name, _ in scope["headers"]
    )


def requoted(query: bytes) -> str:
    """Write a query as it stands, for a Location: whatever may not stand there is percent-encoded."""
    return quote(query, safe="%&=+;,/:@!$'()*~-._?")


def is_private(found: Found, site: Site) -> bool:
    """Whether only some may learn of it; without public readers that there is nothing, too."""
    if isinstance(found, Document):
        return found.policy.kind == "private"
    return not site.is_public or (found is not None and found.private)


class FeedApp:
    """An ASGI app for one route."""

    def __init__(self, answers: Answers, special: Sequence[Special] = ()) -> None:
        self._answers = answers
        self._special = special

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        target = parse(scope["path"])
        response = await self._respond(target, scope, receive, send)
        if response is not None:
            if _is_json(target):
                _open(response)
            await response(scope, receive, send)

    async def _respond(self, target: Target | None, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """Answer a document; return any other answer."""
        method: str = scope["method"]
        if method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT if _is_json(target) else {"Allow": ALLOWED})
        if method not in _READING:
            detail = "A feed can only be read."
            return Problem(405, "method_not_allowed", detail, headers={"Allow": ALLOWED}).response()
        try:
            found = None if target is None else await self._answers.documents.get(*target)
        except StoreUnavailable as error:
            return _unavailable(error)
        private = is_private(found, self._answers.documents.site)
        if target is not None and (private or asks_more(scope)):
            for answers in self._special:
                if await answers(target, found, scope, receive, send):
                    return None
        if not isinstance(found, Document) or found.policy.kind == "private":
            return self._absent(None if private else found, target, scope)
        reply = self._answers.answer(found, asked_of(method, scope["headers"]), visitor_of(scope))
        await send_reply(reply, send)
        return None

    def _absent(self, found: Found, target: Target | None, scope: Scope) -> Response:
        """RFC 9110 §15.4.9, §15.5.11: moved and ended are said for good, but caches ask again within the hour."""
        if isinstance(found, Moved) and target is not None:
            page = f"/{target.page}" if target.page else ""
            to = f"{self._answers.documents.site.base_url}/feeds/{quote(found.to + page)}.{target.format}"
            if query := scope.get("query_string", b""):
                to += "?" + requoted(query)
            problem = Problem(308, "moved", f"This feed is read at {to} now.", headers=_cached(_MOVED_S, Location=to))
        elif isinstance(found, Replaced):
            to = f"{self._answers.documents.site.base_url}/feeds/{quote(found.address)}"
            detail = f"Something in this feed was taken back; its archive begins anew from {to}."
            problem = Problem(410, "replaced", detail, headers=_cached(_ENDED_S))
        elif isinstance(found, Ended):
            if target is not None and target.format == "json":
                return _expired(target)
            problem = Problem(410, "gone", f"This feed ended on {found.at:%Y-%m-%d}.", headers=_cached(_ENDED_S))
        else:
            problem = Problem(404, "not_found", "There is no such feed.", headers=_cached(_UNKNOWN_S))
        return problem.response()


class Shortcut:
    """ASGI middleware around the app: a document in memory needs no routing. All else is the app's."""

    def __init__(self, app: ASGIApp, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what stands ready."""
        if scope["type"] == "http" and scope["method"] in _READING and scope["raw_path"].startswith(PREFIX):
            document = self._answers.find(scope["raw_path"])
            headers, query = scope["headers"], scope["query_string"]
            head = document and read_head(scope["method"].encode(), scope["raw_path"], query, headers)
            if document is not None and head is not None:
                client = scope.get("client") or ("", 0)
                visitor = Visitor(client_key(client[0]), head.user_agent, scope["scheme"] == "https")
                await send_reply(self._answers.answer(document, head.asked, visitor), send)
                return
        await self._app(scope, receive, send)


async def send_reply(reply: Reply, send: Send) -> None:
    """Send an answer."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


def _is_json(target: Target | None) -> bool:
    return target is not None and "json" in FORMATS[target.format].media_type


def _open(response: Response) -> None:
    """Let scripts of other sites read it (Fetch standard, CORS)."""
    headers = MutableHeaders(raw=response.raw_headers)
    for name, value in CORS:
        headers.setdefault(name.decode(), value.decode())


def _cached(age_s: int, **more: str) -> dict[str, str]:
    return {"Cache-Control": f"public, max-age={age_s}", **more}


def _expired(target: Target) -> Response:
    """JSON Feed 1.1, `expired`: the feed is over, said in its own format too."""
    version = "https://jsonfeed.org/version/1.1"
    body = {"version": version, "title": target.address, "expired": True, "items": []}
    return JSONResponse(body, 410, headers=_cached(_ENDED_S), media_type="application/feed+json")


def _unavailable(error: StoreUnavailable) -> Response:
    wait_s = max(1, round(error.retry_after_s))
    detail = "The feed cannot be read now; try again."
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(wait_s)}).response()


def feed_routes(answers: Answers, special: Sequence[Special] = ()) -> APIRouter:
    """Make the routes of the feeds."""
    router = APIRouter()
    router.add_route(PATH, FeedApp(answers, special), include_in_schema=False)  # pyright: ignore[reportArgumentType]  # an ASGI app is an endpoint too
    return router
