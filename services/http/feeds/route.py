"""GET and HEAD /feeds/{name}.{rss,atom,json}: the plain route, reference for any faster path.

    request ─▶ document in memory (else one join for all who wait) ─▶ decide ─▶ bytes

No key, no cookie; query parameters and Range are ignored: one URL, one document.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter
from starlette.types import Receive, Scope, Send

from schemas.feed import Ended, Moved
from services.http.feeds.decision import ALLOWED, Answer, Asked, decide
from services.http.problems import Problem
from services.store.errors import StoreUnavailable
from services.syndicate.document import Document
from services.syndicate.documents import Documents, Found
from services.syndicate.formats import FORMATS

OnServed = Callable[[str, int, int], None]
"""Told of each document answered: format, status code, bytes of body."""

PATH = "/feeds/{name:path}.{extension}"
_UNKNOWN = Problem(404, "not_found", "There is no such feed.", headers={"Cache-Control": "public, max-age=10"})
_NOT_ALLOWED = Problem(405, "method_not_allowed", "A feed can only be read.", headers={"Allow": ", ".join(ALLOWED)})


def asked_of(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    """Pick what matters from a request's raw headers (names in lower case, as ASGI has them)."""
    found: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name in {b"accept-encoding", b"if-none-match", b"if-modified-since"}:
            found.setdefault(name, []).append(value.decode("latin-1"))

    def lines(name: bytes) -> str | None:
        return ", ".join(found[name]) if name in found else None

    return Asked(method, lines(b"accept-encoding"), lines(b"if-none-match"), lines(b"if-modified-since"))


class FeedApp:
    """An ASGI app for one route. A hit in memory is answered without waiting for anything."""

    def __init__(self, documents: Documents, clock: Callable[[], datetime], on_served: OnServed | None) -> None:
        self._documents = documents
        self._clock = clock
        self._on_served = on_served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method: str = scope["method"]
        if method not in ALLOWED:
            await _NOT_ALLOWED.response()(scope, receive, send)
            return
        name, extension = scope["path_params"]["name"], scope["path_params"]["extension"]
        document: Found = None
        if extension in FORMATS:
            document = self._documents.cached(name, extension)
            if document is None:
                try:
                    document = await self._documents.get(name, extension)
                except StoreUnavailable as error:
                    await _unavailable(error).response()(scope, receive, send)
                    return
        if not isinstance(document, Document):
            await _absent(document, extension).response()(scope, receive, send)
            return
        asked = asked_of(method, scope["headers"])
        answer = decide(asked, document, self._clock(), self._documents.site.max_age_s)
        if self._on_served is not None:
            self._on_served(extension, answer.status, len(answer.body))
        await _send(answer, send)


async def _send(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


def _absent(found: Moved | Ended | None, extension: str) -> Problem:
    """RFC 9110 §15.4.9, §15.5.11: moved and ended are said for good."""
    if isinstance(found, Moved):
        to = f"/feeds/{quote(found.to)}.{extension}"
        return Problem(308, "moved", f"This feed is read at {to} now.", headers={"Location": to})
    if isinstance(found, Ended):
        return Problem(410, "gone", f"This feed ended on {found.at:%Y-%m-%d}.")
    return _UNKNOWN


def _unavailable(error: StoreUnavailable) -> Problem:
    wait_s = max(1, round(error.retry_after_s))
    return Problem(503, "unavailable", "The feed cannot be read now; try again.", headers={"Retry-After": str(wait_s)})


def _utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a shell


def feed_routes(
    documents: Documents, *, clock: Callable[[], datetime] = _utc_now, on_served: OnServed | None = None
) -> APIRouter:
    """Make the routes of the feeds. `clock` returns aware UTC."""
    router = APIRouter()
    app = FeedApp(documents, clock, on_served)
    router.add_route(PATH, app, include_in_schema=False)  # pyright: ignore[reportArgumentType]  # an ASGI app is an endpoint too
    return router
