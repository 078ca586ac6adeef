"""Sending a webhook's past deliveries again: chosen first, then replayed in their order."""

import asyncio
from datetime import datetime
from typing import Any

from schemas.delivery import WorkState
from schemas.records import DeliveryRecord
from schemas.subscription import Endpoint, Filter
from services.deliver.matching import query_of
from services.filters import Query, subject_of
from services.http.deps import Deps
from services.http.problems import Problem

MAX_REPLAYED = 10_000
_PAGE = 200
_TOGETHER = 50  # replays that share group commits


async def replay_all(
    deps: Deps, endpoint: Endpoint, since: datetime | None, until: datetime | None, wanted: Filter
) -> dict[str, Any]:
    """Replay what ended (done or dead) and was created in [since, until), oldest first.

    Returns the job as it ended. What still waits is left alone: it goes out anyway. Raises Problem for
    more than MAX_REPLAYED, before anything is replayed.
    """
    chosen = await _chosen(deps, endpoint, since, until, query_of(wanted))
    replayed = 0
    for start in range(0, len(chosen), _TOGETHER):
        now = deps.clock()
        part = chosen[start : start + _TOGETHER]
        made = await asyncio.gather(*(deps.store.deliveries.replay(one.id, now, deps.new_id) for one in part))
        replayed += sum(one is not None for one in made)
    deps.wake()
    return {"id": deps.new_id(), "state": "done", "replayed": replayed, "skipped": len(chosen) - replayed}


async def _chosen(
    deps: Deps, endpoint: Endpoint, since: datetime | None, until: datetime | None, wants: Query
) -> list[DeliveryRecord]:
    chosen: list[DeliveryRecord] = []
    wanted: dict[str, bool] = {}
    cursor: str | None = None
    while True:
        page = await deps.store.deliveries.list(webhook=endpoint.id, limit=_PAGE, cursor=cursor)
        for one in page.items:
            if since is not None and one.created_at < since:
                return chosen[::-1]
            late = until is not None and one.created_at >= until
            ended = one.state in {WorkState.DONE, WorkState.DEAD}
            if late or not ended or one.replay_of is not None or one.event_id is None or one.article_id is None:
                continue
            if one.article_id not in wanted:
                wanted[one.article_id] = await _is_wanted(deps, one.article_id, wants)
            if wanted[one.article_id]:
                chosen.append(one)
        if len(chosen) > MAX_REPLAYED:
            raise Problem(
                422, "too_many", f"More than {MAX_REPLAYED:,} deliveries: choose a shorter span with since and until."
            )
        if page.next is None:
            return chosen[::-1]
        cursor = page.next


async def _is_wanted(deps: Deps, article_id: str, wants: Query) -> bool:
    found = await deps.store.articles.get(article_id)
    return (
        found is not None
        and found.article is not None
        and wants.test(subject_of(found.article, found.enrichment, found.first_accepted_at)) is not None
    )
