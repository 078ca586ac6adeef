"""Around every answer: security headers, and a last catch that tells the sender an id and the log the rest."""

import traceback
from collections.abc import Callable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.http.problems import Problem

MAX_URL = 8_192  # bytes of path and query
MAX_HEADERS = 100
MAX_HEADER = 16_384  # bytes of one name and value
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_HSTS = "max-age=31536000"
_log = structlog.get_logger(__name__)


class Outermost:
    """ASGI middleware. It keeps headers that a route set itself; it never shows a stack."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look after its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(scope, message)
            await send(message)

        try:
            if (problem := _unfit(scope)) is not None:
                await problem.response()(scope, receive, guarded)
            else:
                await self._app(scope, receive, guarded)
        except ClientDisconnect:
            return  # nobody is there to answer
        except Exception:
            error_id = self._new_id()
            _log.error(
                "request failed",
                error_id=error_id,
                method=scope["method"],
                path=_told(scope["path"]),
                stack=traceback.format_exc(),
            )
            if started:
                raise  # half an answer is out: the server cuts the connection
            problem = Problem(500, "internal", "This is our fault; the id finds it in the log.", error_id=error_id)
            await problem.response()(scope, receive, guarded)


def _told(path: str) -> str:
    """Shorten a path for the log; the token of a private feed is never in one."""
    return "/private/…" if path.startswith("/private/") else path[:200]


def _add_headers(scope: Scope, message: Message) -> None:
    headers = MutableHeaders(raw=message.setdefault("headers", []))
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", _HSTS)
    if str(scope["path"]).startswith("/v1"):
        headers.setdefault("Cache-Control", "no-store")


def _unfit(scope: Scope) -> Problem | None:
    if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
        return Problem(404, "not_found", "There is nothing at an address with a NUL.")
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > MAX_URL:
        return Problem(414, "url_too_long", f"The address has more than {MAX_URL:,} bytes.")
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MAX_HEADERS or any(len(name) + len(value) > MAX_HEADER for name, value in headers):
        return Problem(431, "headers_too_large", f"At most {MAX_HEADERS} headers of {MAX_HEADER:,} bytes.")
    return None
