"""Read enriched events, record what feeds carry of each article. All I/O of this stage is here.

article.enriched ─▶ load ─▶ plan ─▶ prepare (process pool) ─▶ match saved feeds ─▶ record ─▶ feed.updated
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor
from datetime import datetime

import structlog
from pydantic import ValidationError

from schemas.dead_letter import DeadLetter
from schemas.event import ThinEvent
from schemas.feed import Entry as FeedEntry
from schemas.jobs import OutboxRow, SyndicateJob, SyndicatePlan
from services.bus.entry import Batch, Entry
from services.store.errors import DefinitionsMoved
from services.syndicate.core import plan, with_saved
from services.syndicate.ports import Publishes, Store
from services.syndicate.prepare import Prepared, prepare
from services.syndicate.render import Rendered
from services.syndicate.saved import SavedFilters

_log = structlog.get_logger(__name__)

DEADLY = 2  # processes that an entry may end, all by itself, before it is given up


async def syndicate_articles(
    batch: Batch,
    *,
    store: Store,
    relay: Publishes,
    pool: Executor,
    clock: Callable[[], datetime],
    base_url: str,
    publisher: str,
    has_pages: bool = True,
    saved: SavedFilters | None = None,
    shown: Callable[[Sequence[str]], None] = lambda _event_ids: None,
    moved: Callable[[Sequence[OutboxRow]], None] = lambda _rows: None,
) -> None:
    """Bring each enriched article into its feeds at least once; record it exactly once.

    The bus acknowledges the batch when this returns. By then ONE transaction holds its entries,
    fragments, memberships and outbox rows; a crash before that repeats the batch, and an equal or older
    version changes nothing. What cannot be rendered, ends two processes by itself (`poison`) or cannot be
    read becomes a dead letter and holds back no neighbour; feeds keep what they have of such an article.
    Raises only if a later try may help (SQL gone).
    """
    events, dead = _read(batch.entries, clock())
    jobs = await store.feeds.load([event.event_id for event in events]) if events else {}
    plans: list[SyndicatePlan] = []
    for job in jobs.values():
        plans.append(plan(job, base_url=base_url, publisher=publisher, has_pages=has_pages))
        await asyncio.sleep(0)  # a batch of long articles takes milliseconds: let others run
    prepared = await _prepared(plans, pool)
    good: list[SyndicatePlan] = []
    for each in plans:
        made, indexed = prepared.get((each.article_id, each.version), Prepared(Rendered({})))
        if made.fault is None:
            good.append(each._replace(fragments=made.fragments, indexed=indexed))
        else:
            dead.append(_given_up(jobs[each.event_id], made.fault, clock()))
    if dead:
        await store.work.give_up(dead, clock())
        _log.error("syndicate.quarantined", articles=[letter.article_id for letter in dead])
    rows = await _record(good, store, saved, clock()) if good else []
    shown([each.event_id for each in good])
    moved(rows)
    await relay.publish(rows)  # lost in a crash? the sweeper finds the rows


async def _record(
    plans: list[SyndicatePlan], store: Store, saved: SavedFilters | None, now: datetime
) -> Sequence[OutboxRow]:
    """Find the saved feeds that take each article in, and record it; again if they changed meanwhile."""
    if saved is None:
        return await store.feeds.record(plans, now)
    while True:
        version, matched = saved.version, list[SyndicatePlan]()
        for each in plans:
            matched.append(each if each.indexed is None else with_saved(each, saved.match(each.indexed)))
            await asyncio.sleep(0)
        try:
            return await store.feeds.record(matched, now, version)
        except DefinitionsMoved:
            await saved.refresh()


async def _prepared(plans: Sequence[SyndicatePlan], pool: Executor) -> dict[tuple[str, int], Prepared]:
    """Prepare each snapshot once, however many events of the batch led to it."""
    entries = {(each.article_id, each.version): each.entry for each in plans if each.entry is not None}
    if not entries:
        return {}
    try:
        made = await _run(list(entries.values()), pool)
    except BrokenExecutor:
        made = [await _alone(entry, pool) for entry in entries.values()]
    return dict(zip(entries, made, strict=True))


async def _alone(entry: FeedEntry, pool: Executor) -> Prepared:
    why = ""
    for _ in range(DEADLY):
        try:
            return (await _run([entry], pool))[0]
        except BrokenExecutor as error:
            why = str(error)
    return Prepared(Rendered({}, f"poison: ended {DEADLY} processes, alone in each: {why}"))


async def _run(entries: list[FeedEntry], pool: Executor) -> list[Prepared]:
    return await asyncio.wrap_future(pool.submit(prepare, entries))


def _read(entries: Sequence[Entry], now: datetime) -> tuple[list[ThinEvent], list[DeadLetter]]:
    events: list[ThinEvent] = []
    dead: list[DeadLetter] = []
    for entry in entries:
        try:
            events.append(ThinEvent.model_validate_json(entry.data or b""))
        except ValidationError as error:
            detail = f"{entry.id}: {error.error_count()} faults, the first: {error.errors()[0]['msg']}"
            dead.append(DeadLetter(stage="syndicate", cause="unreadable", detail=detail, at=now, raw=entry.raw()))
    return events, dead


def _given_up(job: SyndicateJob, fault: str, at: datetime) -> DeadLetter:
    return DeadLetter(
        stage="syndicate",
        cause="poison" if fault.startswith("poison") else "unrenderable",
        detail=fault,
        at=at,
        event_id=job.event.event_id,
        article_id=job.event.article_id,
    )
