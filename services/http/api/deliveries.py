"""`/v1/deliveries`: what was sent to whom, each attempt at it, and sending it again."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response

from schemas.delivery import WorkState
from services.http.api.lists import Listing, listed, page_of
from services.http.api.views import delivery_view
from services.http.deps import deps_of
from services.http.problems import Problem, not_found
from services.http.route import closed_router, needs, principal_of
from services.store.deliveries import Deliveries

router = closed_router("/v1/deliveries", "deliveries")


class DeliveryListing(Listing):
    """Filters: every one that is given must hold."""

    webhook: str | None = None
    article: str | None = None
    state: WorkState | None = None


def deliveries_of(request: Request) -> Deliveries:
    """See what the key may see: one partner's deliveries, or everybody's."""
    every = deps_of(request).store.deliveries
    owner = principal_of(request).subscriber_id
    return every if owner is None else every.of(owner)


@router.get("", **needs("webhooks:read"))
async def list_deliveries(request: Request, query: Annotated[DeliveryListing, Query()]) -> Response:
    """List deliveries with their attempts, newest first."""
    found = deliveries_of(request).list(
        webhook=query.webhook, article=query.article, state=query.state, limit=query.limit, cursor=query.cursor
    )
    return JSONResponse(listed(await page_of(found), delivery_view))


@router.get("/{delivery_id}", **needs("webhooks:read"))
async def read(request: Request, delivery_id: str) -> Response:
    """Read one delivery with its attempts."""
    found = await deliveries_of(request).get(delivery_id)
    if found is None:
        raise not_found("delivery")
    return JSONResponse(delivery_view(found))


@router.get("/{delivery_id}/body", **needs("webhooks:read"))
async def body(request: Request, delivery_id: str) -> Response:
    """Read the very bytes that every attempt sends."""
    found = await deliveries_of(request).body(delivery_id)
    if found is None:
        raise not_found("delivery")
    return Response(found, media_type="application/json")


@router.post("/{delivery_id}/retry", status_code=202, **needs("webhooks:write"))
async def retry(request: Request, delivery_id: str) -> Response:
    """Try a dead or waiting delivery now, with the same id and bytes."""
    deps = deps_of(request)
    deliveries = deliveries_of(request)
    if not await deliveries.retry(delivery_id, deps.clock()):
        if await deliveries.get(delivery_id) is None:
            raise not_found("delivery")
        raise Problem(409, "conflict", "It is done already, or a retraction overtook it. Replay sends it again.")
    deps.wake()
    return JSONResponse({"id": delivery_id, "state": WorkState.WAITING}, 202)


@router.post("/{delivery_id}/replay", status_code=202, **needs("webhooks:write"))
async def replay(request: Request, delivery_id: str) -> Response:
    """Send a delivery once more, same webhook id and bytes; of a retracted article, its retraction."""
    deps = deps_of(request)
    deliveries = deliveries_of(request)
    made = await deliveries.replay(delivery_id, deps.clock(), deps.new_id)
    if made is None:
        if await deliveries.get(delivery_id) is None:
            raise not_found("delivery")
        raise Problem(409, "conflict", "There is nothing to send: the webhook is gone, or a retraction stands before.")
    deps.wake()
    return JSONResponse({"id": made, "replay_of": delivery_id, "state": WorkState.WAITING}, 202)
