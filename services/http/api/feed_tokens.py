"""`/v1/subscribers/{id}/feed-tokens`: a partner's right to read private feeds. A token is shown once."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from schemas.article import Instant, Part
from schemas.records import FeedRow, FeedToken
from schemas.refusal import Fault, Refusal
from services.http.deps import Deps, deps_of
from services.http.keys import Minted, mint_feed_token
from services.http.problems import not_found, refused
from services.http.route import closed_router, needs, principal_of
from services.syndicate.formats import FORMATS

router = closed_router("/v1/subscribers/{subscriber_id}/feed-tokens", "feed tokens")


class NewFeedToken(Part):
    """A token for one private feed of the subscriber, named by its address."""

    feed: Annotated[str, Field(min_length=1, max_length=400)]
    name: Annotated[str, Field(max_length=200)] = ""
    expires_at: Instant | None = None


class Rotation(Part):
    """A new token beside the old one, which goes on for `overlap_s` seconds."""

    overlap_s: Annotated[int, Field(ge=0, le=90 * 86_400)] = 86_400


@router.post("", status_code=201, **needs("webhooks:write"))
async def create(request: Request, subscriber_id: str, body: NewFeedToken) -> Response:
    """Make a token. The answer shows it, this once, with the addresses to give to a reader."""
    deps = deps_of(request)
    _own(request, subscriber_id)
    now = deps.clock()
    found = await deps.store.feeds.find(body.feed)
    if body.expires_at is not None and body.expires_at <= now:
        raise refused(Refusal(errors=(Fault(where="/expires_at", what="is over already"),)))
    if not isinstance(found, FeedRow) or found.owner != subscriber_id or found.ended_at is not None:
        fault = Fault(where="/feed", what="is no private feed of this subscriber: PUT /v1/feeds/{name} with subscriber")
        raise refused(Refusal(errors=(fault,)))
    minted = mint_feed_token(deps.random)
    token = _new(minted, subscriber_id, found.name, body.name, request, expires_at=body.expires_at)
    made = await deps.store.feed_tokens.create(token, minted.sha256)
    if made is None:
        raise not_found("feed of this subscriber")
    return _shown(request, made, minted)


@router.get("", **needs("webhooks:read"))
async def list_tokens(request: Request, subscriber_id: str) -> Response:
    """List a partner's tokens, never themselves."""
    _own(request, subscriber_id)
    found = await deps_of(request).store.feed_tokens.list(subscriber_id)
    return JSONResponse({"items": [_view(token) for token in found], "next": None})


@router.post("/{token_id}/rotate", status_code=201, **needs("webhooks:write"))
async def rotate(request: Request, subscriber_id: str, token_id: str, body: Rotation | None = None) -> Response:
    """Make a new token for the same feed; the old one goes on until the overlap is over."""
    deps = deps_of(request)
    _own(request, subscriber_id)
    found = await deps.store.feed_tokens.find(token_id)
    if found is None or found[0].subscriber_id != subscriber_id or found[0].revoked_at is not None:
        raise not_found("token")
    old = found[0]
    minted = mint_feed_token(deps.random)
    token = _new(minted, subscriber_id, old.feed, old.name, request)
    ends_at = deps.clock() + timedelta(seconds=(body or Rotation()).overlap_s)
    made = await deps.store.feed_tokens.create(token, minted.sha256, ends=[old.id], ends_at=ends_at)
    if made is None:
        raise not_found("feed of this subscriber")
    _forget(deps)
    return _shown(request, made, minted)


@router.delete("/{token_id}", status_code=204, **needs("webhooks:write"))
async def revoke(request: Request, subscriber_id: str, token_id: str) -> Response:
    """End a token: here at once, in every other process within seconds."""
    deps = deps_of(request)
    _own(request, subscriber_id)
    if not await deps.store.feed_tokens.revoke(subscriber_id, token_id, deps.clock()):
        raise not_found("token")
    _forget(deps)
    return Response(status_code=204)


def _own(request: Request, subscriber_id: str) -> None:
    """Let a partner's key see its own subscriber only; another's is told apart from none by nothing."""
    if principal_of(request).subscriber_id not in (None, subscriber_id):
        raise not_found("subscriber")


def _forget(deps: Deps) -> None:
    if deps.gate is not None:
        deps.gate.forget()


def _new(minted: Minted, subscriber_id: str, feed: str, name: str, request: Request, **more: Any) -> FeedToken:
    return FeedToken(
        id=minted.id,
        subscriber_id=subscriber_id,
        feed=feed,
        hint=minted.key[-4:],
        name=name,
        created_at=deps_of(request).clock(),
        **more,
    )


def _shown(request: Request, token: FeedToken, minted: Minted) -> Response:
    base, address = deps_of(request).base_url, quote(token.address or token.feed)
    urls = {name: f"{base}/private/{minted.key}/{address}.{name}" for name in FORMATS}
    body = {**_view(token), "token": minted.key, "urls": urls}
    where = f"/v1/subscribers/{token.subscriber_id}/feed-tokens/{token.id}"
    return JSONResponse(body, 201, headers={"Location": where, "Cache-Control": "no-store"})


def _view(token: FeedToken) -> dict[str, Any]:
    return {**token.model_dump(mode="json", exclude={"address"}), "feed": token.address or token.feed}
