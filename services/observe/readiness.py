"""Whether work may be sent to this process, and if not, why. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class Check(NamedTuple):
    """One thing that must hold, and what is wrong with it (empty: it holds)."""

    name: str
    fault: str = ""


class Subscription(NamedTuple):
    """One subscriber task of this process."""

    stream: str
    group: str
    running: bool
    paused: bool
    restarts: int
    error: str | None


class Vitals(NamedTuple):
    """What readiness is judged from. None: this process has no such part."""

    subscriptions: Sequence[Subscription] = ()
    dead_tasks: Sequence[str] = ()  # background tasks that ended although they should not
    store_fault: str | None = ""
    redis_reachable: bool | None = None
    pool_alive: bool | None = None
    runs_stages: bool = True


def readiness(vitals: Vitals) -> list[Check]:
    """Check what must hold before work is sent here. Ready: no check has a fault.

    A process that runs stages is not ready without Redis, for news does not flow through it; one that
    only serves HTTP is: feeds stand in memory and publishing waits in the outbox.
    """
    checks = [Check(f"{part.stream}/{part.group}", _subscription_fault(part)) for part in vitals.subscriptions]
    checks += [Check(f"task {name}", "has ended") for name in vitals.dead_tasks]
    if vitals.store_fault is not None:
        checks.append(Check("store", vitals.store_fault))
    if vitals.redis_reachable is not None and vitals.runs_stages:
        checks.append(Check("redis", "" if vitals.redis_reachable else "does not answer"))
    if vitals.pool_alive is not None:
        checks.append(Check("pool", "" if vitals.pool_alive else "its processes are gone"))
    return checks


def _subscription_fault(part: Subscription) -> str:
    if part.paused:
        return ""
    if not part.running:
        return f"does not run ({part.error or 'no reason given'}; {part.restarts} restarts)"
    return part.error or ""
