"""Routes closed by default: judge the key, read the body under its cap, then run the endpoint.

In this order, so that nobody without a key makes us read, and nothing over the cap is ever held.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from schemas.article import MAX_REQUEST
from services.http.access import Principal
from services.http.body import check_json, media_type, read_capped, replay
from services.http.deps import access_of, deps_of
from services.http.keys import SCOPES
from services.http.problems import Problem

Handler = Callable[[Request], Awaitable[Response]]
_SCOPE = "x-scope"
_SMALL = 64 * 1024  # bytes: no request but an article's needs more
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


def needs(scope: str, **more: Any) -> dict[str, Any]:
    """Close a route: `@router.get("…", **needs("articles:read"))`. It also says so in the OpenAPI page."""
    assert scope in SCOPES, f"{scope} is no scope"
    return {"openapi_extra": {_SCOPE: scope, "security": [{"key": [scope]}], **more}}


class ClosedRoute(APIRoute):
    """A route that `needs` closed. One without a scope cannot be made: open routes are plain ones."""

    accepts: tuple[str, ...] = ("application/json",)

    def get_route_handler(self) -> Any:
        """Put key and body before the endpoint."""
        endpoint = cast("Handler", super().get_route_handler())
        scope = str((self.openapi_extra or {})[_SCOPE])

        async def handle(request: Request) -> Response:
            request.state.principal = await access_of(request).require(request, scope)
            if request.method in _WITHOUT_BODY:
                return await endpoint(request)
            cap = self.cap(request)
            raw = await read_capped(request, cap, deps_of(request).body_deadline_s)
            if raw:
                self.judge(request, raw, cap)
            return await endpoint(Request(request.scope, replay(raw)))

        return handle

    def cap(self, request: Request) -> int:
        """Say how many bytes the body may have."""
        del request
        return _SMALL

    def judge(self, request: Request, raw: bytes, cap: int) -> None:
        """Refuse a body that the endpoint could not read. Raises Problem."""
        if media_type(request) not in self.accepts:
            raise unsupported(self.accepts)
        check_json(raw, min(cap, MAX_REQUEST))


def unsupported(accepts: tuple[str, ...]) -> Problem:
    """415, with what would do."""
    return Problem(
        415, "unsupported_media_type", f"Content-Type must be one of {', '.join(accepts)}.", accepts=list(accepts)
    )


def closed_router(prefix: str, tag: str, route_class: type[ClosedRoute] = ClosedRoute) -> APIRouter:
    """Make a router whose every route is closed."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=route_class)


def principal_of(request: Request) -> Principal:
    """Find who asks, on a closed route."""
    principal: Principal = request.state.principal
    return principal
