"""P4's sum and what stands behind it."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from schemas.records import DeadCount, DeliverySums, StageStats, Stats
from schemas.topics import READS
from services.store.ledger import STATES, sums
from services.store.outbox import outbox_stats
from services.store.sql import WAITING
from services.store.tables import dead_letter, mailbox, work

_OLDEST = select(work.c.stage, func.min(work.c.since)).where(work.c.state == WAITING).group_by(work.c.stage)
_DUE = select(func.min(mailbox.c.due_at))
_DEAD = (
    select(dead_letter.c.stage, dead_letter.c.cause, func.count(), func.max(dead_letter.c.at))
    .where(dead_letter.c.closed.is_(None))
    .group_by(dead_letter.c.stage, dead_letter.c.cause)
    .order_by(dead_letter.c.stage, dead_letter.c.cause)
)


def stats(connection: Connection, now: datetime) -> Stats:
    """Read everything in one snapshot; counters make it cheap however much there is."""
    kept = sums(connection)
    oldest = {row[0]: row[1] for row in connection.execute(_OLDEST)}
    stages = {
        stage: StageStats(
            oldest_at=oldest.get(stage), **{state.value: kept.get(f"work.{stage}.{state}", 0) for state in STATES}
        )
        for stage in READS
        if stage != "ingest"
    }
    deliveries = DeliverySums(
        owed=kept.get("delivery.owed", 0),
        oldest_due=connection.execute(_DUE).scalar_one(),
        **{state.value: kept.get(f"delivery.{state}", 0) for state in STATES},
    )
    dead = tuple(
        DeadCount(stage=row[0], cause=row[1], count=row[2], newest_at=row[3]) for row in connection.execute(_DEAD)
    )
    return Stats(
        at=now,
        accepted=kept.get("accepted", 0),
        deliveries=deliveries,
        stages=stages,
        outbox=outbox_stats(connection, now),
        dead_letters=dead,
        **{state.value: kept.get(state.value, 0) for state in STATES},
    )
