"""`/v1/subscribers`: partners, who own webhooks."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from schemas.article import Part
from schemas.records import Subscriber
from services.http.api.lists import Listing, listed, page_of
from services.http.deps import Deps, deps_of
from services.http.filters import FilterBody, query_of
from services.http.problems import Problem, not_found
from services.http.route import closed_router, needs, principal_of

HOUSE = "house"
"""Owns what the newsroom itself subscribes: webhooks that were created without naming a subscriber."""

router = closed_router("/v1/subscribers", "subscribers")


_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class SubscriberChange(Part):
    """What to change. `filter` null: their private feeds are bounded no more."""

    name: _Name | None = None
    filter: FilterBody | None = None


class NewSubscriber(Part):
    """A partner. Without an id one is made."""

    name: _Name
    filter: FilterBody | None = None
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] | None = None


@router.post("", status_code=201, **needs("webhooks:write"))
async def create(request: Request, body: NewSubscriber) -> Response:
    """Add a partner."""
    deps = deps_of(request)
    _only_the_newsroom(request)
    subscriber_id = body.id or f"sub_{deps.new_id()}"
    if body.id is not None and await deps.store.subscribers.get(body.id) is not None:
        raise Problem(409, "conflict", "This id is taken.")
    line = "" if body.filter is None else str(query_of(body.filter))
    made = await deps.store.subscribers.create(subscriber_id, body.name, deps.clock())
    if line and await deps.store.saved_feeds.bound(subscriber_id, line):
        made = made.model_copy(update={"filter": line})
    return JSONResponse(_view(made), 201, headers={"Location": f"/v1/subscribers/{made.id}"})


@router.get("", **needs("webhooks:read"))
async def list_subscribers(request: Request, query: Annotated[Listing, Query()]) -> Response:
    """List partners."""
    _only_the_newsroom(request)
    page = await page_of(deps_of(request).store.subscribers.list(cursor=query.cursor, limit=query.limit))
    return JSONResponse(listed(page, _view))


@router.get("/{subscriber_id}", **needs("webhooks:read"))
async def read(request: Request, subscriber_id: str) -> Response:
    """Read one partner."""
    own = principal_of(request).subscriber_id
    found = await deps_of(request).store.subscribers.get(subscriber_id)
    if found is None or own not in (None, subscriber_id):
        raise not_found("subscriber")
    return JSONResponse(_view(found))


@router.patch("/{subscriber_id}", **needs("webhooks:write"))
async def change(request: Request, subscriber_id: str, body: SubscriberChange) -> Response:
    """Change a partner's name, or their filter: it bounds what each of their private feeds carries, now and later."""
    _only_the_newsroom(request)
    subscribers, saved = deps_of(request).store.subscribers, deps_of(request).store.saved_feeds
    line = None if body.filter is None else str(query_of(body.filter)) or None
    found = await subscribers.get(subscriber_id)
    if found is not None and "filter" in body.model_fields_set:
        await saved.bound(subscriber_id, line)
    found = await (
        subscribers.get(subscriber_id) if body.name is None else subscribers.rename(subscriber_id, body.name)
    )
    if found is None:
        raise not_found("subscriber")
    return JSONResponse(_view(found))


async def house(deps: Deps) -> str:
    """Find the newsroom's own subscriber, made when it is first needed."""
    if await deps.store.subscribers.get(HOUSE) is None:
        await deps.store.subscribers.create(HOUSE, "The newsroom itself", deps.clock())
    return HOUSE


def _only_the_newsroom(request: Request) -> None:
    if principal_of(request).subscriber_id is not None:
        raise not_found("address for this key")


def _view(found: Subscriber) -> dict[str, object]:
    return found.model_dump(mode="json")
