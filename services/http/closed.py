"""An installation without public readers: what leads to articles needs an operator's key, or a feed's own token."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.http.access import Principal
from services.http.feeds.target import parse
from services.http.problems import Problem

_PLACES = ("/feeds", "/articles", "/news-sitemap", "/stream")
_LOGIN = Problem(
    401,
    "unauthenticated",
    "Nothing is public here: send an operator's key as Authorization: Bearer …",
    headers={"WWW-Authenticate": 'Bearer realm="wireroom"', "Cache-Control": "no-store"},
)


class Closed:
    """ASGI middleware. Feed documents pass: they are private then, and the gate judges them."""

    def __init__(self, app: ASGIApp, principal: Callable[[str | None], Awaitable[Principal | None]]) -> None:
        self._app = app
        self._principal = principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through what is open to anybody, and whoever may see all."""
        if scope["type"] == "http" and _leads_to_articles(scope["path"]):
            who = await self._principal(Headers(scope=scope).get("authorization"))
            if who is None or who.subscriber_id is not None or not who.may("ops:read"):
                await _LOGIN.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _leads_to_articles(path: str) -> bool:
    return path.startswith(_PLACES) and parse(path) is None
