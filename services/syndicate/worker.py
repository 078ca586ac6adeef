"""Read enriched events, record what feeds carry of each article. All I/O of this stage is here.

article.enriched ─▶ load ─▶ plan ─▶ render (process pool) ─▶ record ─▶ feed.updated
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime

import structlog

from schemas.dead_letter import DeadLetter
from schemas.event import ThinEvent
from schemas.jobs import SyndicateJob, SyndicatePlan
from services.bus.entry import Batch
from services.syndicate.core import plan
from services.syndicate.ports import Publishes, Store
from services.syndicate.render import Rendered, render

_log = structlog.get_logger(__name__)


async def syndicate_articles(
    batch: Batch,
    *,
    store: Store,
    relay: Publishes,
    pool: Executor,
    clock: Callable[[], datetime],
    base_url: str,
    publisher: str,
) -> None:
    """Bring each enriched article into its feeds at least once; record it exactly once.

    The bus acknowledges the batch when this returns. By then ONE transaction holds its entries,
    fragments, memberships and outbox rows; a crash before that repeats the batch, and an equal or older
    version changes nothing. An entry that cannot be rendered becomes a dead letter and holds back no
    neighbour; feeds keep what they have of it. Raises if a later try may help (SQL or the pool gone) or
    for an unreadable message: the bus then goes one by one.
    """
    events = [ThinEvent.model_validate_json(entry.data or b"") for entry in batch.entries]
    jobs = await store.feeds.load([event.event_id for event in events])
    if not jobs:
        return
    plans: list[SyndicatePlan] = []
    for job in jobs.values():
        plans.append(plan(job, base_url=base_url, publisher=publisher))
        await asyncio.sleep(0)  # a batch of long articles takes milliseconds: let others run
    fragments = await _rendered(plans, pool)
    good: list[SyndicatePlan] = []
    dead: list[DeadLetter] = []
    for each in plans:
        made = fragments.get((each.article_id, each.version), Rendered({}))
        if made.fault is None:
            good.append(each._replace(fragments=made.fragments))
        else:
            dead.append(_unrenderable(jobs[each.event_id], made.fault, clock()))
    if dead:
        await store.work.give_up(dead, clock())
        _log.error("syndicate.quarantined", articles=[letter.article_id for letter in dead])
    await relay.publish(await store.feeds.record(good, clock()))  # lost in a crash? the sweeper finds the rows


async def _rendered(plans: Sequence[SyndicatePlan], pool: Executor) -> dict[tuple[str, int], Rendered]:
    """Render each snapshot once, however many events of the batch led to it."""
    entries = {(each.article_id, each.version): each.entry for each in plans if each.entry is not None}
    if not entries:
        return {}
    made = await asyncio.get_running_loop().run_in_executor(pool, render, list(entries.values()))
    return dict(zip(entries, made, strict=True))


def _unrenderable(job: SyndicateJob, fault: str, at: datetime) -> DeadLetter:
    return DeadLetter(
        stage="syndicate",
        cause="unrenderable",
        detail=fault,
        at=at,
        event_id=job.event.event_id,
        article_id=job.event.article_id,
    )
