"""`/v1/webhooks`: where partners want events sent. A key of a partner sees and changes its own only."""

import re
from base64 import b64decode, b64encode
from typing import Annotated, Any, cast

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from schemas.article import Instant, Part
from schemas.refusal import Fault, Refusal
from schemas.subscription import BodyFormat, Endpoint, EndpointState, Filter, NewWebhook, StatedFilter
from services.http.api.lists import Listing, listed, page_of
from services.http.api.replays import replay_all
from services.http.api.subscribers import house
from services.http.api.views import as_text, endpoint_view
from services.http.deps import Deps, deps_of
from services.http.filters import query_of
from services.http.problems import not_found, refused
from services.http.route import closed_router, needs, principal_of
from services.store.endpoints import Endpoints

MAX_HEADERS = 20
_LISTS = frozenset({"section", "tag", "language", "source", "author"})
_SECRET_BYTES = 32
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_OURS = re.compile(
    r"(webhook-.*|content-.*|host|connection|transfer-encoding|expect|upgrade|te|trailer|keep-alive)", re.IGNORECASE
)
router = closed_router("/v1/webhooks", "webhooks")


class WebhookChange(Part):
    """What may change of a webhook; what is absent stays."""

    url: Annotated[str, Field(min_length=1, max_length=2_048)] | None = None
    filter: StatedFilter | None = None
    format: BodyFormat | None = None
    headers: dict[str, str] | None = None
    description: Annotated[str, Field(max_length=500)] | None = None


class NewSecret(Part):
    """A secret of one's own; without it one is made."""

    secret: Annotated[str, Field(min_length=24, max_length=200)] | None = None


class Pause(Part):
    """Why it is paused, for whoever looks at it later."""

    reason: Annotated[str, Field(max_length=500)] | None = None


class Replay(Part):
    """Which deliveries to send again: those created in the span, of articles that the filter matches."""

    since: Instant | None = None
    until: Instant | None = None
    filter: StatedFilter = ""


class WebhookListing(Listing):
    """One partner's, or everybody's. A partner's key sees its own in any case."""

    subscriber: str | None = None


def endpoints_of(request: Request) -> Endpoints:
    """See what the key may see: one partner's endpoints, or everybody's."""
    every = deps_of(request).store.endpoints
    owner = principal_of(request).subscriber_id
    return every if owner is None else every.of(owner)


async def endpoint_of(request: Request, webhook_id: str) -> Endpoint:
    """Find it, or end with 404, which says the same of another partner's."""
    found = await endpoints_of(request).get(webhook_id)
    if found is None:
        raise not_found("webhook")
    return found


@router.post("", status_code=201, **needs("webhooks:write"))
async def create(request: Request, body: NewWebhook) -> Response:
    """Create a webhook. The answer shows its secret, this once; without `subscriber` it is the newsroom's own."""
    deps = deps_of(request)
    _judge(deps, body.url, body.headers)
    secret = _secret(deps, body.secret)
    owner = await _owner(request, body.subscriber)
    endpoint = Endpoint(
        id=f"wh_{deps.new_id()}",
        subscriber_id=owner,
        url=body.url,
        filter=_wanted(body.filter),
        format=body.format,
        secret=secret,
        headers=body.headers,
        state=EndpointState.ACTIVE,
        description=body.description,
        created_at=deps.clock(),
    )
    created = await endpoints_of(request).create(endpoint)
    location = {"Location": f"/v1/webhooks/{created.id}"}
    return JSONResponse({**endpoint_view(created), "secret": secret}, 201, headers=location)


@router.get("", **needs("webhooks:read"))
async def list_webhooks(request: Request, query: Annotated[WebhookListing, Query()]) -> Response:
    """List webhooks by age."""
    endpoints = endpoints_of(request)
    if query.subscriber is not None and principal_of(request).subscriber_id is None:
        endpoints = endpoints.of(query.subscriber)
    page = await page_of(endpoints.list(cursor=query.cursor, limit=query.limit))
    return JSONResponse(listed(page, endpoint_view))


@router.get("/{webhook_id}", **needs("webhooks:read"))
async def read(request: Request, webhook_id: str) -> Response:
    """Read one webhook, without its secret."""
    return JSONResponse(endpoint_view(await endpoint_of(request, webhook_id)))


@router.patch("/{webhook_id}", **needs("webhooks:write"))
async def change(request: Request, webhook_id: str, body: WebhookChange) -> Response:
    """Change what is given. Deliveries that exist keep their bytes and go to the new address."""
    _judge(deps_of(request), body.url, body.headers or {})
    changed = await endpoints_of(request).update(
        webhook_id,
        url=body.url,
        filter=None if body.filter is None else _wanted(body.filter),
        format=body.format,
        headers=body.headers,
        description=body.description,
    )
    return JSONResponse(endpoint_view(_found(changed)))


@router.delete("/{webhook_id}", status_code=204, **needs("webhooks:write"))
async def delete(request: Request, webhook_id: str) -> Response:
    """Delete a webhook. Its open deliveries end as done, with that cause."""
    if not await endpoints_of(request).delete(webhook_id, deps_of(request).clock()):
        raise not_found("webhook")
    return Response(status_code=204)


@router.post("/{webhook_id}/secret", **needs("webhooks:write"))
async def rotate(request: Request, webhook_id: str, body: NewSecret | None = None) -> Response:
    """Sign with another secret from now on; it is shown this once."""
    secret = _secret(deps_of(request), body.secret if body else None)
    changed = await endpoints_of(request).rotate(webhook_id, secret)
    return JSONResponse({**endpoint_view(_found(changed)), "secret": secret})


@router.post("/{webhook_id}/pause", **needs("webhooks:write"))
async def pause(request: Request, webhook_id: str, body: Pause | None = None) -> Response:
    """Send nothing until `resume`; deliveries are held, none is dropped."""
    reason = body.reason if body else None
    return JSONResponse(
        endpoint_view(_found(await endpoints_of(request).pause(webhook_id, deps_of(request).clock(), reason)))
    )


@router.post("/{webhook_id}/resume", **needs("webhooks:write"))
async def resume(request: Request, webhook_id: str) -> Response:
    """Send again, what was held first. It also revives a webhook that was disabled by a 410."""
    deps = deps_of(request)
    changed = _found(await endpoints_of(request).resume(webhook_id, deps.clock()))
    deps.wake()
    return JSONResponse(endpoint_view(changed))


@router.post("/{webhook_id}/test", **needs("webhooks:write"))
async def test(request: Request, webhook_id: str) -> Response:
    """Send one signed test event now, and show what came back."""
    answer = await deps_of(request).send_test(await endpoint_of(request, webhook_id))
    shown = answer.model_dump(mode="json", exclude={"body"})
    return JSONResponse({"outcome": "ok" if answer.cause is None else "failed", **shown, "body": as_text(answer.body)})


@router.post("/{webhook_id}/replay", status_code=202, **needs("webhooks:write"))
async def replay(request: Request, webhook_id: str, body: Replay | None = None) -> Response:
    """Send deliveries again, with the same bytes and ids. Of a retracted article the retraction goes out instead."""
    endpoint = await endpoint_of(request, webhook_id)
    wanted = body or Replay()
    job = await replay_all(deps_of(request), endpoint, wanted.since, wanted.until, _wanted(wanted.filter))
    return JSONResponse({"job": job}, 202)


async def _owner(request: Request, stated: str | None) -> str:
    own = principal_of(request).subscriber_id
    if own is not None and stated not in (None, own):
        raise not_found("subscriber")
    store = deps_of(request).store
    if own is None and stated is None:
        return await house(deps_of(request))
    owner = own or stated or ""
    if await store.subscribers.get(owner) is None:
        raise refused(Refusal(errors=(Fault(where="/subscriber", what="is unknown"),)))
    return owner


def _wanted(stated: str | dict[str, Any]) -> Filter:
    """Read a filter. Lists of names are kept as they are; the rest as the language's canonical line."""
    lists = isinstance(stated, dict) and _LISTS.issuperset(stated) and all(map(_is_list, stated.values()))
    return Filter.model_validate(stated if lists else str(query_of(stated)))


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in cast("list[object]", value))


def _found(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        raise not_found("webhook")
    return endpoint


def _judge(deps: Deps, url: str | None, headers: dict[str, str]) -> None:
    faults: list[Fault] = []
    if url is not None and (wrong := deps.check_url(url)) is not None:
        faults.append(Fault(where="/url", what=wrong))
    if len(headers) > MAX_HEADERS:
        faults.append(Fault(where="/headers", what=f"has {len(headers)} items; at most {MAX_HEADERS}"))
    for name, value in list(headers.items())[:MAX_HEADERS]:
        if not _TOKEN.fullmatch(name):
            faults.append(Fault(where=f"/headers/{name[:50]}", what="is no header name"))
        elif _OURS.fullmatch(name):
            faults.append(Fault(where=f"/headers/{name}", what="is set by us"))
        elif len(value) > 1_000 or not value.isascii() or not value.isprintable():
            faults.append(Fault(where=f"/headers/{name}", what="must be at most 1,000 printable ASCII characters"))
    if faults:
        raise refused(Refusal(errors=tuple(faults)))


def _secret(deps: Deps, stated: str | None) -> str:
    """Take the stated secret if it is one (Standard Webhooks: base64 of 24 to 64 bytes), else make one."""
    if stated is None:
        return "whsec_" + b64encode(deps.random(_SECRET_BYTES)).decode()
    text = stated.removeprefix("whsec_")
    try:
        size = len(b64decode(text, validate=True))
    except ValueError:
        size = 0
    if not 24 <= size <= 64:
        what = 'must be "whsec_" and the base64 of 24 to 64 bytes'
        raise refused(Refusal(errors=(Fault(where="/secret", what=what),)))
    return f"whsec_{text}"
