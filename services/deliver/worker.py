"""Read enriched events, write what is owed to whom. All I/O of fan-out is here; `drain` sends."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from schemas.event import ThinEvent
from schemas.jobs import FanOut
from schemas.subscription import Endpoint
from services.bus.entry import Batch
from services.deliver.core import plan_fan_out
from services.deliver.ports import Directory, FanOuts
from services.deliver.targets import TargetIndex, target_of

_TOGETHER = 200  # filters that are filed before others run: some 10 ms


class Targets:
    """All endpoints, filed by what their filters need; read again only when one of them changed."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._version = -1
        self._index = TargetIndex()
        self._lock = asyncio.Lock()

    async def now(self) -> TargetIndex:
        """Give them as they stand: an endpoint made before an event came gets that event.

        It is the same index every time, and later calls bring it up to date.
        """
        async with self._lock:
            version, endpoints = await self._directory.snapshot(self._version)
            if endpoints is not None:
                await self._renew(endpoints)
                self._version = version
        return self._index

    async def _renew(self, endpoints: Sequence[Endpoint]) -> None:
        for gone in self._index.all.keys() - {endpoint.id for endpoint in endpoints}:
            self._index.remove(gone)
        for n, endpoint in enumerate(endpoints):
            self._index.put(target_of(endpoint))
            if n % _TOGETHER == _TOGETHER - 1:
                await asyncio.sleep(0)


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
        await asyncio.sleep(0)  # with thousands of takers a plan takes milliseconds: let others run
    wake(await store.fan_out(plans, clock(), new_id))
