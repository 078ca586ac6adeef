"""`/v1/keys`: who may do what. A key is shown once; its SHA-256 is kept."""

from typing import Annotated, Literal

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from schemas.article import Instant, Part
from schemas.jobs import Page
from schemas.refusal import Fault, Refusal
from services.http.api.lists import Listing, listed, no_such_cursor
from services.http.api.views import key_view
from services.http.deps import access_of, deps_of
from services.http.keys import SCOPES, mint
from services.http.problems import not_found, refused
from services.http.route import closed_router, needs

Scope = Literal[
    "articles:write",
    "articles:read",
    "feeds:write",
    "webhooks:write",
    "webhooks:read",
    "ops:read",
    "ops:write",
    "admin",
]
_OF_PARTNERS = ("webhooks:", "feeds:")
router = closed_router("/v1/keys", "keys")


class NewKey(Part):
    """A key to be minted. With a subscriber it opens that partner's webhooks, deliveries and private feeds only."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(SCOPES))]
    expires_at: Instant | None = None
    subscriber: Annotated[str, Field(min_length=1, max_length=64)] | None = None


@router.post("", status_code=201, **needs("admin"))
async def create(request: Request, body: NewKey) -> Response:
    """Mint a key. The answer shows it, this once."""
    deps = deps_of(request)
    now = deps.clock()
    faults: list[Fault] = []
    if body.expires_at is not None and body.expires_at <= now:
        faults.append(Fault(where="/expires_at", what="is over already"))
    if body.subscriber is not None:
        if await deps.store.subscribers.get(body.subscriber) is None:
            faults.append(Fault(where="/subscriber", what="is unknown"))
        if wide := [scope for scope in body.scopes if not scope.startswith(_OF_PARTNERS)]:
            faults.append(
                Fault(
                    where="/scopes",
                    what=f"{', '.join(wide)}: a partner's key opens their webhooks and private feeds only",
                )
            )
    if faults:
        raise refused(Refusal(errors=tuple(faults)))
    minted = mint(deps.random)
    made = await deps.store.keys.create(
        minted.id, minted.sha256, body.name, body.scopes, now, expires_at=body.expires_at, subscriber_id=body.subscriber
    )
    return JSONResponse({**key_view(made), "key": minted.key}, 201, headers={"Location": f"/v1/keys/{minted.id}"})


@router.get("", **needs("admin"))
async def list_keys(request: Request, query: Annotated[Listing, Query()]) -> Response:
    """List keys, by id and never themselves."""
    every = await deps_of(request).store.keys.list()
    start = 0 if query.cursor is None else next((n for n, key in enumerate(every, 1) if key.id == query.cursor), None)
    if start is None:
        raise no_such_cursor()
    items = every[start : start + query.limit]
    more = start + query.limit < len(every)
    return JSONResponse(listed(Page(items, items[-1].id if more else None), key_view))


@router.delete("/{key_id}", status_code=204, **needs("admin"))
async def revoke(request: Request, key_id: str) -> Response:
    """End a key: here at once, in every other process within 5 s."""
    deps = deps_of(request)
    if not await deps.store.keys.revoke(key_id, deps.clock()):
        raise not_found("key")
    access_of(request).forget()
    return Response(status_code=204)
