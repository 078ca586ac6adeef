"""`/v1/feeds`: which feeds there are, and what people say of them. Their documents stand under `/feeds`."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from schemas.article import Part
from schemas.definition import MAX_NAME, Defined, Definition, fault_of, is_automatic
from schemas.feed import Moved
from schemas.jobs import FeedBody
from schemas.records import FeedRow
from schemas.refusal import Fault, Refusal
from services.http.api.lists import Listing, listed, page_of
from services.http.deps import background_of, deps_of
from services.http.filters import FilterBody, query_of
from services.http.problems import Problem, not_found, refused
from services.http.route import closed_router, needs, principal_of
from services.syndicate.formats import FORMATS

router = closed_router("/v1/feeds", "feeds")

_ENDED = "This feed ended. Readers were told so for good: its address is not given again."


class NewFeed(Part):
    """A feed as it shall be. What is left out is as usual again.

    A saved feed has a `filter`; with a `subscriber` it is private, theirs alone. Without a filter the feed is an
    automatic one (`section/world`), shown in another way.
    """

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")] | None = None
    filter: FilterBody | None = None
    description: Annotated[str, Field(max_length=2_000)] | None = None
    body: FeedBody = "full"
    max_age_s: Annotated[int, Field(ge=60, le=900, description="How long readers may keep it.")] | None = None
    silent_after_s: (
        Annotated[int, Field(ge=60, le=366 * 86_400, description="Longer without news is a cause for alarm.")] | None
    ) = None
    subscriber: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class FeedChange(NewFeed):
    """The fields to change; others stay."""

    body: FeedBody | None = None  # pyright: ignore[reportIncompatibleVariableOverride]  # None: it stays


class NewAddress(Part):
    """Where the feed is read from now on."""

    to: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


@router.get("", **needs("ops:read"))
async def list_feeds(request: Request, query: Annotated[Listing, Query()]) -> Response:
    """List feeds by name."""
    page = await page_of(deps_of(request).store.feeds.list(cursor=query.cursor, limit=query.limit))
    own = principal_of(request).subscriber_id
    seen = page._replace(items=[each for each in page.items if own is None or each.owner in (None, own)])
    return JSONResponse(listed(seen, feed_view))


@router.post("/{name:path}/rename", **needs("feeds:write"))
async def rename(request: Request, name: str, body: NewAddress) -> Response:
    """Give a saved feed another address. It keeps its id and its articles; the old address answers 308 for good."""
    if fault := fault_of(body.to):
        raise _invalid("/to", fault)
    deps = deps_of(request)
    await _mine(request, name)
    return _answer(request, await deps.store.saved_feeds.rename(name, body.to, deps.clock()))


@router.get("/{name:path}", **needs("ops:read"))
async def read(request: Request, name: str) -> Response:
    """Read one feed: its version, when it changed, how many articles it carries, and whether it is being filled."""
    found = await deps_of(request).store.feeds.find(name)
    own = principal_of(request).subscriber_id
    if isinstance(found, Moved):
        raise not_found("feed") if found.private and own is not None else _moved(found)
    if found is None or (own is not None and found.owner not in (None, own)):
        raise not_found("feed")
    more = {"evaluated": await deps_of(request).store.feed_fills.evaluated(found.name)} if found.filling else {}
    return JSONResponse({**feed_view(found), **more})


@router.put("/{name:path}", responses={201: {"description": "Made"}}, **needs("feeds:write"))
async def put(request: Request, name: str, body: NewFeed) -> Response:
    """Make a saved feed, or change it to be so. What is there already joins it within moments."""
    return await _define(request, name, body)


@router.patch("/{name:path}", **needs("feeds:write"))
async def change(request: Request, name: str, body: FeedChange) -> Response:
    """Change some of what is said of a feed."""
    row = await _mine(request, name)
    if row is None:
        raise not_found("feed")
    stands: dict[str, Any] = {
        "title": row.title if row.filter is not None else None,
        **row.model_dump(include={"filter", "description", "body", "max_age_s", "silent_after_s"}),
        "subscriber": row.owner,
    }
    given = body.model_dump(exclude_unset=True)
    if given.get("body", "") is None:
        del given["body"]
    return await _define(request, name, NewFeed.model_validate({**stands, **given}))


@router.delete("/{name:path}", **needs("feeds:write"))
async def end(request: Request, name: str) -> Response:
    """End a saved feed. Its address answers 410 for good."""
    deps = deps_of(request)
    await _mine(request, name)
    return _answer(request, await deps.store.saved_feeds.end(name, deps.clock()))


async def _define(request: Request, name: str, body: NewFeed) -> Response:
    deps, own = deps_of(request), principal_of(request).subscriber_id
    wanted = _definition(name, body)
    if own is not None and (wanted.filter is None or wanted.owner not in (None, own)):
        raise Problem(403, "forbidden", "This key makes private feeds of its own subscriber only.")
    if own is not None:
        wanted = wanted._replace(owner=own)
    return _answer(request, await deps.store.saved_feeds.define(wanted, deps.clock()))


def _definition(name: str, body: NewFeed) -> Definition:
    """Judge what is wanted. Raises Problem 422."""
    query = None if body.filter is None else query_of(body.filter)
    if is_automatic(name):
        if query is not None or body.subscriber is not None:
            raise _invalid(
                "/filter" if query is not None else "/subscriber",
                f"is not possible: {name} follows from the articles themselves; choose another name",
            )
    elif fault := fault_of(name):
        raise _invalid("path name", fault)
    elif query is None:
        raise _invalid("/filter", "is required: it says what the feed carries")
    title = body.title if query is None else body.title or name
    return Definition(
        address=name,
        title=title,
        filter=None if query is None else str(query),
        searches=query is not None and query.uses_words,
        description=body.description or None,
        body=body.body,
        max_age_s=body.max_age_s,
        silent_after_s=body.silent_after_s,
        owner=body.subscriber,
    )


async def _mine(request: Request, name: str) -> FeedRow | None:
    """Find the feed, if this key may change it. Raises Problem 404 where it may not."""
    own = principal_of(request).subscriber_id
    found = await deps_of(request).store.feeds.find(name)
    row = found if isinstance(found, FeedRow) else None
    if own is not None and (row is None or row.owner != own):
        raise not_found("feed")
    return row


def _answer(request: Request, made: Defined) -> Response:
    """Publish what follows, and answer. Raises Problem where it was not done."""
    row = made.row
    if row is not None and made.outcome in ("created", "changed", "same"):
        deps = deps_of(request)
        if made.rows:
            background_of(request).run(deps.relay.publish(made.rows))
        location = {"Location": f"/v1/feeds/{quote(row.address)}"}
        return JSONResponse(feed_view(row), 201 if made.outcome == "created" else 200, headers=location)
    if made.outcome == "ended":
        raise Problem(409, "ended", _ENDED)
    if made.outcome == "moved":
        own = principal_of(request).subscriber_id
        told = row is not None and (own is None or row.owner in (None, own))
        where = f" It is read at {row.address} now." if row is not None and told else ""
        raise Problem(409, "moved", f"This address was a feed's; it leads there for good.{where}")
    if made.outcome == "taken":
        raise Problem(409, "taken", "This address is another feed's, or was; or the feed is another subscriber's.")
    if made.outcome == "automatic":
        raise Problem(
            409, "automatic", "This feed follows from the articles themselves; it cannot be renamed or ended."
        )
    if made.outcome == "no owner":
        raise _invalid("/subscriber", "is unknown")
    raise not_found("feed")


def _moved(to: Moved) -> Problem:
    address = f"/v1/feeds/{quote(to.to)}"
    return Problem(308, "moved", f"This feed is called {to.to} now.", headers={"Location": address})


def _invalid(where: str, what: str) -> Problem:
    return refused(Refusal(errors=(Fault(where=where, what=what),)))


def feed_view(found: FeedRow) -> dict[str, Any]:
    """Show a feed with the paths of its documents."""
    paths = {known: f"/feeds/{quote(found.address)}.{known}" for known in FORMATS}
    return {**found.model_dump(mode="json", exclude={"owner"}), "subscriber": found.owner, "documents": paths}
