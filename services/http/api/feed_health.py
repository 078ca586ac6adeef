"""`/v1/feed-health`: how feeds are read and how they fare. A path of its own: `health` is many a section's name."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from schemas.feed_health import FeedHealth
from schemas.jobs import Page
from schemas.records import FeedRow
from services.http.api.lists import Listing, listed, page_of
from services.http.deps import deps_of
from services.http.problems import not_found
from services.http.route import closed_router, needs
from services.observe.feed_report import report

router = closed_router("/v1/feed-health", "feeds")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Days = Annotated[int, Query(ge=1, le=30, description="Count the requests of so many days.")]


class HealthListing(Listing):
    """Over how many days requests are counted."""

    days: Annotated[int, Field(ge=1, le=30)] = 7


@router.get("", **needs("ops:read"))
async def list_health(request: Request, query: Annotated[HealthListing, Query()]) -> Response:
    """List feeds by name with their sums."""
    page = await page_of(deps_of(request).store.feeds.list(cursor=query.cursor, limit=query.limit))
    reports = await _reports(request, page.items, query.days)
    return JSONResponse(listed(Page(reports, page.next), _row))


@router.get("/{name:path}", **needs("ops:read"))
async def read_health(request: Request, name: str, days: Days = 7) -> Response:
    """Read one feed's health: formats, programs, rule faults, dropped characters, expected silence."""
    store = deps_of(request).store
    found = await store.feeds.find(name)
    if not isinstance(found, FeedRow):
        raise not_found("feed")
    [whole] = await _reports(request, [found], days)
    faults = tuple(await store.feed_health.faults(found.name))
    dropped = await store.feed_health.dropped_characters(found.name)
    made = whole.model_copy(update={"faults": faults, "dropped_characters": dropped})
    return JSONResponse(made.model_dump(mode="json"))


async def _reports(request: Request, feeds: list[FeedRow], days: int) -> list[FeedHealth]:
    deps = deps_of(request)
    health, now = deps.store.feed_health, deps.clock()
    names, since = [one.name for one in feeds], (now - _EPOCH).days - days + 1
    pulses = {pulse.feed: pulse for pulse in await health.pulses(names)}
    checks = await health.checks(names)
    clients = await health.clients(names, since)
    readers = await health.readers(names, since)
    return [
        report(
            one,
            days=days,
            now=now,
            pulse=pulses.get(one.name),
            clients={shape: each for (name, shape), each in clients.items() if name == one.name},
            checks=[each for each in checks if each.feed == one.name],
            readers=readers.get(one.name, 0),
        )
        for one in feeds
    ]


def _row(one: FeedHealth) -> dict[str, Any]:
    """Show a feed in a list: its sums alone."""
    row = one.model_dump(mode="json", exclude={"clients", "bad_clients", "faults", "dropped_characters", "formats"})
    return {
        **row,
        "checked": sum(each.checked_at is not None for each in one.formats),
        "faults": sum(each.faults or 0 for each in one.formats),
    }
