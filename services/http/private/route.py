"""`/private/{token}/…`: the same documents as under `/feeds/`, for whoever holds the token."""

from fastapi import APIRouter
from starlette.types import ASGIApp, Receive, Scope, Send

from services.http.private.gate import SCOPE_KEY

PREFIX = "/private/"


class PrivateApp:
    """Takes the token out of the path and hands the rest to the feeds."""

    def __init__(self, feeds: ASGIApp) -> None:
        self._feeds = feeds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Nothing behind this sees the token but the gate."""
        token, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
        raw = bytes(scope.get("raw_path") or scope["path"].encode())
        raw_rest = raw.removeprefix(PREFIX.encode()).partition(b"/")[2]
        inner = {**scope, "path": f"/feeds/{rest}", "raw_path": b"/feeds/" + raw_rest, SCOPE_KEY: token}
        await self._feeds(inner, receive, send)


def private_routes(feeds: ASGIApp) -> APIRouter:
    """Make the route of private feeds around the app that answers for all feeds."""
    router = APIRouter()
    router.add_route("/private/{rest:path}", PrivateApp(feeds), include_in_schema=False)  # pyright: ignore[reportArgumentType]  # an ASGI app is an endpoint too
    return router
