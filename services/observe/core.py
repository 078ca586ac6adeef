"""What the samples mean: sums, ages, rates, and every stage's health in a word. Pure.

An unknown value is None here and absent outside, never 0.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from schemas.feed_health import FeedSums
from schemas.records import Stats
from schemas.topics import READS

CLAIM_S = 60.0  # after this long a pending entry is claimed by another consumer
BEHIND_S = {"ingest": 5.0, "enrich": 5.0, "syndicate": 5.0, "deliver": 10.0}  # the freshness that is promised
STUCK_S = 60.0  # waiting so long while nothing moves


class Group(NamedTuple):
    """One consumer group as Redis told it. None: unknown."""

    stream: str
    group: str
    undelivered: int | None = None
    pending: int | None = None
    oldest_undelivered_s: float | None = None
    oldest_pending_s: float | None = None
    consumers: int | None = None


class Server(NamedTuple):
    """Redis itself. None: unknown."""

    reachable: bool
    memory_ratio: float | None = None
    writes_ok: bool | None = None
    replica_link_up: bool | None = None


class Disk(NamedTuple):
    """Room where the data lives, in bytes."""

    free: int
    total: int


class Reading(NamedTuple):
    """All that one sample found. `stats` None: SQL did not answer; `server` None: Redis was not asked.

    `feeds` None: this process does not watch them.
    `rates` are events per second and stage over the last half minute; a stage that is missing is unknown.
    """

    at: datetime
    stats: Stats | None
    groups: tuple[Group, ...] = ()
    server: Server | None = None
    disk: Disk | None = None
    rates: Mapping[str, float] = {}
    paused: frozenset[str] = frozenset()
    feeds: FeedSums | None = None


class Stage(NamedTuple):
    """One stage at a glance. Ages are seconds; 0: nothing waits."""

    health: str  # ok, behind, stuck, down, paused, unknown
    depth: int | None
    oldest_waiting_s: float | None
    oldest_pending_s: float | None
    rate_per_s: float | None
    undelivered: int | None = None
    pending: int | None = None
    consumers: int | None = None


def stages(reading: Reading) -> dict[str, Stage]:
    """Judge every stage."""
    groups = {group.group: group for group in reading.groups}
    return {name: _stage(name, reading, groups.get(name)) for name in READS}


def outbox_age(reading: Reading) -> float | None:
    """How long the oldest committed message has waited for its stream; 0: none waits."""
    return None if reading.stats is None else _age(reading.at, reading.stats.outbox.oldest_at)


def sum_closes(stats: Stats) -> bool:
    """P4, for events and for deliveries."""
    owed = stats.deliveries
    return (
        stats.accepted == stats.done + stats.waiting + stats.held + stats.dead
        and owed.owed == owed.done + owed.waiting + owed.held + owed.dead
    )


def rates(earlier: tuple[float, Mapping[str, int]], later: tuple[float, Mapping[str, int]]) -> dict[str, float]:
    """Events per second between two (monotonic seconds, finished so far); a count that fell tells nothing."""
    took = later[0] - earlier[0]
    if took <= 0:
        return {}
    return {
        name: (count - earlier[1][name]) / took
        for name, count in later[1].items()
        if name in earlier[1] and count >= earlier[1][name]
    }


def finished(stats: Stats) -> dict[str, int]:
    """How much each stage has finished so far: what `rates` is made from."""
    counts = {name: stage.done + stage.dead for name, stage in stats.stages.items() if name in READS}
    return {**counts, "ingest": stats.accepted, "deliver": stats.deliveries.done + stats.deliveries.dead}


def _stage(name: str, reading: Reading, group: Group | None) -> Stage:
    depth, waiting_s = _depth(name, reading, group)
    stage = Stage(
        "ok",
        depth,
        waiting_s,
        group.oldest_pending_s if group else None,
        reading.rates.get(name),
        *((group.undelivered, group.pending, group.consumers) if group else ()),
    )
    return stage._replace(health=_health(name, stage, paused=name in reading.paused))


def _depth(name: str, reading: Reading, group: Group | None) -> tuple[int | None, float | None]:
    """Tell what waits and since when: from SQL, but for the inbox, whose entries only Redis holds."""
    if name == "ingest":
        if group is None or group.undelivered is None or group.pending is None:
            return None, None
        return group.undelivered + group.pending, group.oldest_undelivered_s
    if reading.stats is None:
        return None, None
    work = reading.stats.stages.get(name)
    depth, ages = (work.waiting, [_age(reading.at, work.oldest_at)]) if work else (0, [0.0])
    if name == "deliver":
        depth += reading.stats.deliveries.waiting
        ages.append(_age(reading.at, reading.stats.deliveries.oldest_due))
    return depth, max(ages)


def _health(name: str, stage: Stage, *, paused: bool) -> str:
    if paused:
        return "paused"
    if stage.consumers == 0:
        return "down"
    if stage.oldest_pending_s is not None and stage.oldest_pending_s > 3 * CLAIM_S:
        return "stuck"
    if stage.oldest_waiting_s is None:
        return "unknown"
    if stage.oldest_waiting_s > STUCK_S and stage.rate_per_s == 0:
        return "stuck"
    return "behind" if stage.oldest_waiting_s > BEHIND_S[name] else "ok"


def _age(now: datetime, since: datetime | None) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)
