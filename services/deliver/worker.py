"""Read enriched events, write what is owed to whom. All I/O of fan-out is here; `drain` sends."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime

from schemas.event import ThinEvent
from schemas.jobs import FanOut
from services.bus.entry import Batch
from services.deliver.core import Target, plan_fan_out, target_of
from services.deliver.ports import Directory, FanOuts


class Targets:
    """All endpoints with their filters made ready; read again only when one of them changed."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._version = -1
        self._targets: tuple[Target, ...] = ()

    async def now(self) -> tuple[Target, ...]:
        """Give them as they stand: an endpoint made before an event came gets that event."""
        version, endpoints = await self._directory.snapshot(self._version)
        if endpoints is not None:
            self._version = version
            self._targets = tuple(map(target_of, endpoints))
        return self._targets


async def fan_out_articles(
    batch: Batch,
    *,
    store: FanOuts,
    targets: Targets,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    wake: Callable[[Collection[str]], None],
) -> None:
    """Owe each enriched event to every endpoint that shall have it, exactly once.

    The bus acknowledges the batch when this returns. By then SQL holds its deliveries and their bodies, an
    event's work being settled with the last of them; a crash before that repeats the batch, and what is
    already owed changes nothing. Raises
    if a later try may help (SQL gone) or for an unreadable entry: the bus then goes one by one. `wake`
    gets the endpoints concerned; a wake-up that is lost costs at most one timer tick of the drain.
    """
    events = [ThinEvent.model_validate_json(entry.data or b"") for entry in batch.entries]
    jobs = await store.load([event.event_id for event in events])
    if not jobs:
        return
    known = await targets.now()
    plans: list[FanOut] = []
    for job in jobs.values():
        plans.append(plan_fan_out(job, known))
        await asyncio.sleep(0)  # with thousands of endpoints a plan takes milliseconds: let others run
    wake(await store.fan_out(plans, clock(), new_id))
