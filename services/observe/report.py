"""The answer of `GET /v1/stats`. Pure."""

from typing import Any

from services.observe.alerts import alerts
from services.observe.core import Reading, outbox_age, stages


def stats_body(reading: Reading, queue: str | None = None) -> dict[str, Any]:
    """Make the answer of `GET /v1/stats` (DESIGN.md §4): P4's sum, every stage, and what stands beside them.

    `reading.stats` must be known; `queue` is the URL of the Redis whose stream
    `article.inbox` takes events, its password masked.
    """
    stats = reading.stats
    assert stats is not None, "without the store there is no sum to tell"
    owed = stats.deliveries
    return {
        "at": reading.at.isoformat(),
        **{name: getattr(stats, name) for name in ("accepted", "done", "waiting", "held", "dead")},
        "stages": {name: stage._asdict() for name, stage in stages(reading).items()},
        "deliveries": {name: getattr(owed, name) for name in ("owed", "done", "waiting", "held", "dead")},
        "outbox": {"rows": stats.outbox.rows, "unadded": stats.outbox.unadded, "oldest_age_s": outbox_age(reading)},
        "dead_letters": [
            {"stage": dead.stage, "cause": dead.cause, "count": dead.count, "newest_at": dead.newest_at.isoformat()}
            for dead in stats.dead_letters
        ],
        "queue": queue,
        "alerts": [alert._asdict() for alert in alerts(reading)],
    }
