"""`/v1/feeds`: which feeds there are. Their documents are public, under `/feeds`."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response

from schemas.records import FeedRow
from services.http.api.lists import Listing, listed, page_of
from services.http.deps import deps_of
from services.http.problems import not_found
from services.http.route import closed_router, needs

FORMATS = ("rss", "atom", "json")
router = closed_router("/v1/feeds", "feeds")


@router.get("", **needs("ops:read"))
async def list_feeds(request: Request, query: Annotated[Listing, Query()]) -> Response:
    """List feeds by name."""
    page = await page_of(deps_of(request).store.feeds.list(cursor=query.cursor, limit=query.limit))
    return JSONResponse(listed(page, feed_view))


@router.get("/{name:path}", **needs("ops:read"))
async def read(request: Request, name: str) -> Response:
    """Read one feed's head: its version, when it changed, and how many articles it carries."""
    found = await deps_of(request).store.feeds.head(name)
    if found is None:
        raise not_found("feed")
    return JSONResponse(feed_view(found))


def feed_view(found: FeedRow) -> dict[str, Any]:
    """Show a feed with the paths of its documents."""
    paths = {known: f"/feeds/{found.name}.{known}" for known in FORMATS}
    return {**found.model_dump(mode="json"), "documents": paths}
