"""`/v1/articles`: publish, revise, retract, read. A 2xx to a writer means: on disk."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from schemas.article import MAX_BATCH, MAX_REQUEST, Instant, RetractionKind
from schemas.feed import slug
from schemas.records import StoredArticle, Trace
from schemas.refusal import Fault, Refusal
from services.http.api.batch import publish_batch
from services.http.api.documented import ARTICLE_BODY, PUBLISH_BODY, RECEIPTS, RETRACTION_BODY
from services.http.api.lists import Listing, listed, page_of
from services.http.api.receipts import commit_one
from services.http.api.searches import find_articles
from services.http.api.views import delivery_view
from services.http.body import media_type
from services.http.deps import deps_of
from services.http.problems import not_found, refused
from services.http.route import ClosedRoute, closed_router, needs, principal_of, unsupported
from services.ingest.core import MEDIA_TYPES, bounded_key, read_article, read_event, read_retraction, split_batch
from services.ingest.formats.ndjson import BATCH_TYPES
from services.observe.trace import timeline


class PublishRoute(ClosedRoute):
    """An article's body is judged by ingest, which names every fault; batches may be larger."""

    def cap(self, request: Request) -> int:
        """Say how many bytes the body may have: 1 MiB, or 10 MiB for a batch."""
        return MAX_BATCH if media_type(request) in BATCH_TYPES else MAX_REQUEST

    def judge(self, request: Request, raw: bytes, cap: int) -> None:
        """Leave the content to ingest; only its media type is judged here."""
        del raw, cap
        accepts = MEDIA_TYPES if request.method == "POST" else ("application/json",)
        if media_type(request) not in accepts:
            raise unsupported(accepts)


class ArticleListing(Listing):
    """Filters: every one that is given must hold. Sections, tags, sources and authors are compared by slug."""

    section: str | None = None
    lang: str | None = None
    tag: str | None = None
    source: str | None = None
    author: str | None = None
    status: Literal["received", "embargoed", "published", "expired", "withdrawn", "takedown"] | None = None
    since: Instant | None = None
    until: Instant | None = None
    q: Annotated[
        str | None,
        Field(max_length=4_000, description="A filter, by itself: of what readers may see, the newest first."),
    ] = None


class RetractionQuery(BaseModel):
    """A retraction in the query, where a client cannot send a body with DELETE."""

    model_config = ConfigDict(extra="forbid")
    kind: RetractionKind | None = None
    reason: Annotated[str | None, Field(max_length=2_000)] = None
    revision: Annotated[int | None, Field(ge=1)] = None


_SLUGS = ("section", "tag", "source", "author")
router = closed_router("/v1/articles", "articles", PublishRoute)


@router.post("", status_code=201, responses=RECEIPTS, **needs("articles:write", requestBody=PUBLISH_BODY))
async def publish(request: Request) -> Response:
    """Publish one event, or a batch of them.

    Article JSON, our event, CloudEvents 1.0 (structured or binary), or a batch as NDJSON or CloudEvents
    batch. 201 accepted, 200 repeat, 409 the revision is known with other content, 422 with every fault.
    A batch is answered 200 with `items` in input order. `Idempotency-Key` tells a repeat by itself.
    """
    raw = await request.body()
    items = split_batch(raw, media_type(request))
    if items is not None:
        return await publish_batch(request, items)
    headers = dict(request.headers)
    verdict = read_event(raw, media_type(request), headers=headers, event_key=_idempotency(request))
    return await commit_one(request, verdict)


@router.get("", **needs("articles:read"))
async def list_articles(request: Request, query: Annotated[ArticleListing, Query()]) -> Response:
    """List articles, the last changed first. Embargoed ones are here too, and only here.

    With `q` those that readers may see and that match the filter, the newest first, each with why.
    """
    if query.q is not None:
        return await _search(request, query)
    filters = {name: slug(value) for name in _SLUGS if (value := getattr(query, name)) is not None}
    if query.lang is not None:
        filters["lang"] = query.lang.replace("_", "-").partition("-")[0].lower()
    found = deps_of(request).store.articles.list(
        limit=query.limit,
        cursor=query.cursor,
        filters=filters,
        status=query.status,
        since=query.since,
        until=query.until,
    )
    page = await page_of(found)
    return JSONResponse(listed(page, article_view))


async def _search(request: Request, query: ArticleListing) -> Response:
    if others := sorted(query.model_fields_set - {"q", "limit", "cursor"}):
        fault = Fault(where=f"query {others[0]}", what="cannot stand beside q; say it in the filter")
        raise refused(Refusal(errors=(fault,)))
    page, why = await find_articles(deps_of(request), query.q or "", query.limit, query.cursor)
    return JSONResponse(listed(page, lambda each: {**article_view(each), "why": why[each.id]}))


@router.get("/{article_id:path}/trace", **needs("articles:read"))
async def trace(request: Request, article_id: str) -> Response:
    """Tell what happened to an article: every event, stage, feed and delivery attempt, with times."""
    if not request.scope.get("raw_path", b"/trace").endswith(b"/trace"):
        return await read(request, f"{article_id}/trace")  # an id that ends so: its slash came as %2F
    found = await deps_of(request).store.trace(article_id)
    if found is None:
        raise not_found("article")
    return JSONResponse(trace_view(found))


@router.get("/{article_id:path}", **needs("articles:read"))
async def read(request: Request, article_id: str) -> Response:
    """Read one article as it stands: what was published, what enrichment found, and its state."""
    found = await deps_of(request).store.articles.get(article_id)
    if found is None:
        raise not_found("article")
    return JSONResponse(article_view(found))


@router.put(
    "/{article_id:path}", status_code=201, responses=RECEIPTS, **needs("articles:write", requestBody=ARTICLE_BODY)
)
async def revise(request: Request, article_id: str) -> Response:
    """Publish an article under this id, or its next revision. Answers as POST does."""
    raw = await request.body()
    verdict = read_article(raw, article_id, headers=dict(request.headers), event_key=_idempotency(request))
    return await commit_one(request, verdict)


@router.delete("/{article_id:path}", responses=RECEIPTS, **needs("articles:write", requestBody=RETRACTION_BODY))
async def retract(request: Request, article_id: str, query: Annotated[RetractionQuery, Query()]) -> Response:
    """Retract an article, known or not: `{"kind": "withdraw" | "takedown", "reason", "revision"?}`.

    In the body or in the query; without a revision it beats every revision known.
    """
    stated = query.model_dump(mode="json", exclude_none=True)
    verdict = read_retraction(
        await request.body(), stated, article_id, headers=dict(request.headers), event_key=_idempotency(request)
    )
    return await commit_one(request, verdict, {"accepted": 200, "stale": 200, "repeat": 200})


def article_view(found: StoredArticle) -> dict[str, Any]:
    """Show an article to its newsroom."""
    shown = found.model_dump(mode="json", exclude={"state"})
    return {
        **shown,
        "revision": found.state.newest,
        "state": found.state.model_dump(mode="json", exclude={"newest_hash"}),
    }


def trace_view(found: Trace) -> dict[str, Any]:
    """Show a trace; bodies of answers are text of at most 4 kB."""
    shown = found.model_dump(mode="json", exclude={"deliveries"})
    return {**shown, "deliveries": [delivery_view(one) for one in found.deliveries], "steps": timeline(found)}


def _idempotency(request: Request) -> str | None:
    stated = request.headers.get("idempotency-key")
    return bounded_key("http", "key", principal_of(request).key_id, stated) if stated else None
