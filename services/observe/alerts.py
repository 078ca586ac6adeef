"""When someone must act: rules over one reading, each with its words. Pure.

Prometheus has the same rules as files; these need no Prometheus.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.observe.core import Reading, outbox_age, stages, sum_closes

OUTBOX_S = 30.0
MEMORY_RATIO = 0.8
DISK_RATIO = 0.1


class Alert(NamedTuple):
    """Something that someone must act on."""

    name: str
    says: str


def alerts(reading: Reading) -> list[Alert]:
    """Ask every rule."""
    return [alert for rule in RULES if (alert := rule(reading)) is not None]


def _no_data(reading: Reading) -> Alert | None:
    return (
        Alert("no_data", "the store does not answer: nothing is known of the work") if reading.stats is None else None
    )


def _sum_open(reading: Reading) -> Alert | None:
    if reading.stats is None or sum_closes(reading.stats):
        return None
    return Alert("sum_open", "accepted is not done + waiting + held + dead: run wireroom db check")


def _redis_away(reading: Reading) -> Alert | None:
    if reading.server is None or reading.server.reachable:
        return None
    return Alert("redis_away", "Redis does not answer: publishing goes on, the pipeline waits")


def _no_consumer(reading: Reading) -> Alert | None:
    down = [name for name, stage in stages(reading).items() if stage.health == "down"]
    return Alert("no_consumer", f"nobody reads for {', '.join(down)}") if down else None


def _stuck(reading: Reading) -> Alert | None:
    stuck = [name for name, stage in stages(reading).items() if stage.health == "stuck"]
    return Alert("stuck", f"nothing moves in {', '.join(stuck)}") if stuck else None


def _outbox_old(reading: Reading) -> Alert | None:
    age = outbox_age(reading)
    return (
        Alert("outbox_old", f"a committed message waits for Redis since {age:.0f} s") if (age or 0) > OUTBOX_S else None
    )


def _redis_writes(reading: Reading) -> Alert | None:
    failed = reading.server is not None and reading.server.writes_ok is False
    return Alert("redis_writes", "Redis cannot write its append-only file: look at its disk") if failed else None


def _redis_memory(reading: Reading) -> Alert | None:
    ratio = (reading.server and reading.server.memory_ratio) or 0.0
    return Alert("redis_memory", f"Redis uses {ratio:.0%} of its memory") if ratio > MEMORY_RATIO else None


def _replica(reading: Reading) -> Alert | None:
    down = reading.server is not None and reading.server.replica_link_up is False
    return Alert("replica_link", "the link between Redis and its replica is down") if down else None


def _disk(reading: Reading) -> Alert | None:
    disk = reading.disk
    if disk is None or disk.free >= disk.total * DISK_RATIO:
        return None
    return Alert("disk", f"{disk.free // 2**20:,} MiB are left on the data disk")


def _feeds_silent(reading: Reading) -> Alert | None:
    feeds = reading.feeds
    if feeds is None or not feeds.silent:
        return None
    return Alert("feeds_silent", f"feeds that should have moved by now: {_named(feeds.silent, feeds.silent_feeds)}")


def _feeds_faulty(reading: Reading) -> Alert | None:
    feeds = reading.feeds
    if feeds is None or not feeds.faulty:
        return None
    return Alert("feeds_faulty", f"feeds that break a rule: {_named(feeds.faulty, feeds.faulty_feeds)}")


def _named(many: int, some: Sequence[str], most: int = 5) -> str:
    return ", ".join(some[:most]) + (f" and {many - most} more" if many > most else "") + ": wireroom feeds show NAME"


RULES: tuple[Callable[[Reading], Alert | None], ...] = (
    _no_data,
    _sum_open,
    _redis_away,
    _no_consumer,
    _stuck,
    _outbox_old,
    _redis_writes,
    _redis_memory,
    _replica,
    _disk,
    _feeds_silent,
    _feeds_faulty,
)
