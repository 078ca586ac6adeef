"""An installation without public readers: what leads to articles needs an operator's key, or a feed's own token."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.http.access import Principal
from services.http.feeds.target import parse
from services.http.problems import Problem
from services.store.errors import StoreUnavailable

_STREAM = "/stream"
_PLACES = ("/feeds", "/articles", "/news-sitemap", _STREAM)
_AGAIN_S = 1.5  # with `access.CACHE_S`: a revoke ends an open stream within 5 s
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
        if scope["type"] != "http" or not _leads_to_articles(scope["path"]):
            await self._app(scope, receive, send)
        elif not await self._may(scope):
            await _LOGIN.response()(scope, receive, send)
        elif scope["path"].startswith(_STREAM):
            await self._for_as_long(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _may(self, scope: Scope) -> bool:
        who = await self._principal(Headers(scope=scope).get("authorization"))
        return who is not None and who.subscriber_id is None and who.may("ops:read")

    async def _for_as_long(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a stream through until its key ends: the app is then told that the client left."""
        over = False

        async def allowed() -> Message:
            nonlocal over
            heard = asyncio.ensure_future(receive())
            try:
                while not (await asyncio.wait({heard}, timeout=_AGAIN_S))[0]:
                    if not await self._still(scope):
                        over = True
                        return {"type": "http.disconnect"}
                return heard.result()
            finally:
                heard.cancel()

        await self._app(scope, allowed, send)
        if over:
            await send({"type": "http.response.body", "body": b""})

    async def _still(self, scope: Scope) -> bool:
        try:
            return await self._may(scope)
        except StoreUnavailable:
            return True  # what was right stays so while nobody can say otherwise


def _leads_to_articles(path: str) -> bool:
    return path.startswith(_PLACES) and parse(path) is None
