"""Read enriched events, write what is owed to whom. All I/O of fan-out is here; `drain` sends."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime

from schemas.event import ThinEvent
from services.bus.entry import Batch
from services.deliver.core import plan_fan_out, target_of
from services.deliver.ports import Directory, FanOuts


async def fan_out_articles(
    batch: Batch,
    *,
    store: FanOuts,
    directory: Directory,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    wake: Callable[[Collection[str]], None],
) -> None:
    """Owe each enriched event to every endpoint that shall have it, exactly once.

    The bus acknowledges the batch when this returns. By then ONE transaction holds its deliveries and
    their bodies; a crash before that repeats the batch, and what is already owed changes nothing. Raises
    if a later try may help (SQL gone) or for an unreadable entry: the bus then goes one by one. `wake`
    gets the endpoints concerned; a wake-up that is lost costs at most one timer tick of the drain.
    """
    events = [ThinEvent.model_validate_json(entry.data or b"") for entry in batch.entries]
    jobs = await store.load([event.event_id for event in events])
    if not jobs:
        return
    targets = [target_of(endpoint) for endpoint in await directory.all()]
    plans = []
    for job in jobs.values():
        plans.append(plan_fan_out(job, targets))
        await asyncio.sleep(0)  # with thousands of endpoints a plan takes milliseconds: let others run
    await store.fan_out(plans, clock(), new_id)
    wake({owed.endpoint_id for plan in plans for owed in plan.owed})
