"""Asking a filter of what is there: `POST /v1/feeds/preview`, and `GET /v1/articles?q=`.

Both look from the newest article back, part by part, for at most LOOK_S; then `next` says where to go on. So
no question holds a request, or much memory, however many articles there are.
"""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from schemas.article import Instant, Part
from schemas.jobs import Page
from schemas.records import StoredArticle
from services.filters import Query
from services.filters.indexed import narrowed, recall
from services.http.api.lists import no_such_cursor
from services.http.deps import Deps, deps_of
from services.http.filters import FilterBody, query_of
from services.http.problems import not_found
from services.http.route import closed_router, needs, principal_of
from services.store.search import END, Hit
from services.store.sql import cursor_of, read_cursor

LOOK_S = 2.0
WEEK = timedelta(days=7)
router = closed_router("/v1/feeds", "feeds")


class Preview(Part):
    """What to ask. `since`: a week ago otherwise. `subscriber`: as one of their private feeds, within their bound."""

    filter: FilterBody
    since: Instant | None = None
    subscriber: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    limit: Annotated[int, Field(ge=0, le=200)] = 50
    cursor: Annotated[str, Field(max_length=1_000)] | None = None


@router.post("/preview", **needs("ops:read"))
async def preview(request: Request, body: Preview) -> Response:
    """Show what a filter would have matched since a time, newest first, each with why; and how many a day.

    Counts are of the part that was looked at; where `next` is given, ask again with it as `cursor` and add.
    """
    deps = deps_of(request)
    query = await _query(request, body)
    since = body.since or deps.clock() - WEEK
    before = _before(body.cursor)
    days, evaluated, items, after = Counter[str](), 0, list[dict[str, Any]](), None
    until = deps.monotonic() + LOOK_S
    async for part in deps.store.search.scan(query, deps.offload, before=before):
        hits = [hit for hit in part.hits if hit.row.shown_at >= since]
        evaluated += part.asked
        days.update(hit.row.shown_at.date().isoformat() for hit in hits)
        items += [_shown(hit) for hit in hits[: body.limit - len(items)]]
        if part.last.shown_at < since:
            break
        if part.more and deps.monotonic() >= until:
            after = cursor_of(part.last.id)
            break
    return JSONResponse(
        {
            "filter": str(query),
            "json": query.to_json(),
            "since": since.isoformat(),
            "evaluated": evaluated,
            "matched": days.total(),
            "days": [{"day": day, "matched": count} for day, count in sorted(days.items(), reverse=True)],
            "items": items,
            "next": after,
        }
    )


async def find_articles(
    deps: Deps, line: str, limit: int, cursor: str | None
) -> tuple[Page[StoredArticle], dict[str, list[str]]]:
    """Find what shows and matches, newest first: a page of it, and why each matches, by id.

    A page may hold fewer than `limit` and still have a next one. Raises Problem for a filter or cursor that is none.
    """
    query, before = query_of(line, "query q"), _before(cursor)
    found, last, more = list[Hit](), END, False
    until = deps.monotonic() + LOOK_S
    async for part in deps.store.search.scan(query, deps.offload, before=before):
        found += part.hits
        last, more = part.last.id, part.more
        if len(found) >= limit or deps.monotonic() >= until:
            break
    if len(found) > limit:
        found, last, more = found[:limit], found[limit - 1].row.id, True
    why = {hit.row.article_id: list(hit.why) for hit in found}
    items = await deps.store.articles.some(list(why))
    return Page(items, cursor_of(last) if more else None), why


async def _query(request: Request, body: Preview) -> Query:
    """Read the filter, within the bound of a subscriber."""
    query, own = query_of(body.filter), principal_of(request).subscriber_id
    name = own or body.subscriber
    if name is None:
        return query
    owner = await deps_of(request).store.subscribers.get(name)
    if owner is None or (own is not None and body.subscriber not in (None, own)):
        raise not_found("subscriber")
    return narrowed(str(query), owner.filter)


def _before(cursor: str | None) -> int:
    try:
        return END if cursor is None else read_cursor(cursor, [int])[0]
    except ValueError:
        raise no_such_cursor() from None


def _shown(hit: Hit) -> dict[str, Any]:
    subject = recall(hit.row.facets, "")
    return {
        "id": hit.row.article_id,
        "title": subject.title,
        "language": subject.language,
        "published": None if subject.published is None else subject.published.isoformat(),
        "shown_at": hit.row.shown_at.isoformat(),
        "why": list(hit.why),
    }
