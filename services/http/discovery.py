"""GET and HEAD of what leads to the feeds: /feeds.opml, /news-sitemap.xml, /robots.txt, /.well-known.

Answered like feeds, by the same decisions (RFC 9110): validators, 304, codings, one URL one document.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from services.http.deps import deps_of
from services.http.feeds.decision import Asked, decide
from services.http.problems import Problem, not_found
from services.http.route import closed_router, needs, principal_of
from services.store.errors import StoreUnavailable
from services.syndicate.discovered import CATALOG, OPML, ROBOTS, SECURITY, SITEMAP, Discovery
from services.syndicate.discovery.opml import MEDIA_TYPE, opml
from services.syndicate.joiner import Site

PATHS = (OPML, SITEMAP, "/news-sitemap/{number}.xml", ROBOTS, SECURITY, CATALOG)
_ALLOWED = ("GET", "HEAD")
_UNKNOWN = Problem(404, "not_found", "There is nothing here.", headers={"Cache-Control": "public, max-age=60"})
_NOT_ALLOWED = Problem(405, "method_not_allowed", "This can only be read.", headers={"Allow": ", ".join(_ALLOWED)})


class DiscoveryApp:
    """An ASGI app for all of these routes."""

    def __init__(self, discovery: Discovery, clock: Callable[[], datetime]) -> None:
        self._discovery = discovery
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in _ALLOWED:
            await _NOT_ALLOWED.response()(scope, receive, send)
            return
        try:
            document = await self._discovery.get(scope["path"])
        except StoreUnavailable as error:
            wait_s = str(max(1, round(error.retry_after_s)))
            away = Problem(503, "unavailable", "This cannot be read now; try again.", headers={"Retry-After": wait_s})
            await away.response()(scope, receive, send)
            return
        if document is None:
            await _UNKNOWN.response()(scope, receive, send)
            return
        status, headers, body = decide(_asked(scope["method"], scope["headers"]), document, self._clock())
        if scope["path"] == CATALOG:  # RFC 9727 §2: a HEAD, too, tells where it is
            headers = [*headers, (b"link", f'<{document.self_url}>; rel="api-catalog"'.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _asked(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)

    def lines(name: bytes) -> bytes | None:
        return b", ".join(found[name]) if name in found else None

    return Asked(method.encode(), lines(b"accept-encoding"), lines(b"if-none-match"), lines(b"if-modified-since"))


def discovery_routes(discovery: Discovery, *, clock: Callable[[], datetime]) -> APIRouter:
    """Make the routes. `clock` returns aware UTC."""
    router = APIRouter()
    app = DiscoveryApp(discovery, clock)
    for path in PATHS:
        router.add_route(path, app, include_in_schema=False)  # pyright: ignore[reportArgumentType]  # an ASGI app is an endpoint too
    return router


def directory_routes(site: Site) -> APIRouter:
    """Make the directory of one partner's own feeds: addresses without tokens, opened by Basic authentication."""
    router = closed_router("/v1/subscribers", "subscribers")

    async def feeds_opml(request: Request, subscriber_id: str) -> Response:
        """List the partner's private feeds as OPML 2.0. A reader asks for name and token itself."""
        store, own = deps_of(request).store, principal_of(request).subscriber_id
        found = await store.subscribers.get(subscriber_id)
        if found is None or own not in {None, subscriber_id}:
            raise not_found("subscriber")
        rows = await store.directory.of_subscriber(subscriber_id)
        moved = [at for row in rows for at in (row.created_at, found.created_at) if at is not None]
        data = opml(
            rows,
            base_url=site.base_url,
            newsroom=site.newsroom,
            title=f"{site.newsroom}: feeds for {found.name}",
            modified=max(moved, default=found.created_at),
            created=found.created_at,
        )
        return Response(data, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    router.add_api_route("/{subscriber_id}/feeds.opml", feeds_opml, methods=["GET"], **needs("webhooks:read"))
    return router
