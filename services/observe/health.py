"""What `/readyz` answers: the truth about this process, found out when asked.

`/healthz` needs nothing of this: that it answers is the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from services.observe.readiness import Subscription, Vitals, readiness
from services.observe.sampler import Sampler, Streams

ANSWER_S = 2.0
FRESH_S = 1.0


class Health:
    """Looks at the parts of this process.

    `probe_store` raises when nothing can be written; `pool_alive` tells of the process pool; `tasks` are
    background tasks that must not end. None: this process has no such part. `notes` tell what is wrong beside
    all that ("": nothing): it is shown, and does not make the process unready.
    """

    def __init__(
        self,
        *,
        sampler: Sampler,
        bus: Streams | None = None,
        probe_store: Callable[[], Awaitable[object]] | None = None,
        pool_alive: Callable[[], bool] | None = None,
        tasks: Callable[[], Iterable[asyncio.Task[Any]]] = tuple,
        notes: Callable[[], Mapping[str, str]] = dict,
        runs_stages: bool = True,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._sampler, self._bus, self._probe_store = sampler, bus, probe_store
        self._pool_alive, self._tasks, self._runs_stages = pool_alive, tasks, runs_stages
        self._answer_s, self._notes = answer_s, notes

    async def readyz(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether work may be sent here, and under `checks` each one's word: "ok", or what is wrong."""
        checks = readiness(await self._vitals())
        ready = not any(check.fault for check in checks)
        told = {check.name: check.fault or "ok" for check in checks}
        told |= {name: note or "ok" for name, note in self._notes().items()}
        return ready, {"ready": ready, "checks": told}

    async def _vitals(self) -> Vitals:
        store_fault = await self._store_fault()
        server = (await self._sampler.fresh(FRESH_S)).server if self._bus else None
        subscriptions = [
            Subscription(part.stream, part.group, part.running, part.paused, part.restarts, part.error)
            for part in (self._bus.health() if self._bus else ())
        ]
        return Vitals(
            subscriptions=subscriptions,
            dead_tasks=[task.get_name() for task in self._tasks() if task.done()],
            store_fault=store_fault,
            redis_reachable=(server is not None and server.reachable) if self._bus else None,
            pool_alive=self._pool_alive() if self._pool_alive else None,
            runs_stages=self._runs_stages,
        )

    async def _store_fault(self) -> str | None:
        if self._probe_store is None:
            return None
        try:
            await asyncio.wait_for(self._probe_store(), self._answer_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is why we are not ready
            return type(error).__name__  # its words may name hosts and paths; they stand in the log
        return ""
