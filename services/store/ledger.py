"""The books: what every event's work stands at, and P4's sums, moved in the transaction of the work itself.

    accepted = done + waiting + held + dead        (events)
    owed     = done + waiting + held + dead        (deliveries)

An event keeps the number of its open pieces of work by state; its own state follows: dead if any is
dead, else waiting, else held, else done. Counters are sharded on PostgreSQL, so that transactions side
by side do not queue for one row; a sum over the shards is the figure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import randrange
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from schemas.delivery import WorkState
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import counter, delivery, event, work

SHARDS = 16
STATES = tuple(WorkState)

_LOCK = Statement(
    select(event.c.id, event.c.waiting, event.c.held, event.c.dead)
    .where(event.c.id.in_(listed("ids")))
    .order_by(event.c.id)
    .with_for_update(key_share=True)
)
_SET_COUNTS = Statement(
    update(event)
    .where(event.c.id == bindparam("event_id"))
    .values(waiting=bindparam("now_waiting"), held=bindparam("now_held"), dead=bindparam("now_dead"))
)
_insert = upsert(counter)
_ADD = Statement(
    _insert.on_conflict_do_update(
        index_elements=["name", "shard"], set_={"value": counter.c.value + _insert.excluded.value}
    )
)


class Counts(NamedTuple):
    """Open pieces of an event's work."""

    waiting: int = 0
    held: int = 0
    dead: int = 0

    @property
    def state(self) -> WorkState:
        """What the event as a whole is."""
        if self.dead:
            return WorkState.DEAD
        if self.waiting:
            return WorkState.WAITING
        return WorkState.HELD if self.held else WorkState.DONE


class Ledger:
    """Collects the moves of one transaction; `settle` writes each event and each counter once.

    `lock` events before moving their work: on PostgreSQL that serialises all who touch them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shard = randrange(SHARDS) if connection.dialect.name == "postgresql" else 0  # noqa: S311 no secret
        self._before: dict[str, Counts] = {}
        self._moves: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()

    def lock(self, event_ids: Iterable[str]) -> set[str]:
        """Lock events in order of their ids; returns those that exist."""
        new = sorted(set(event_ids) - self._before.keys())
        if new:
            for row in _LOCK.find(self._connection, new):
                self._before.setdefault(row[0], Counts(row[1], row[2], row[3]))
        return self._before.keys() & set(event_ids)

    def accepted(self, event_id: str, **work_by_stage: WorkState) -> dict[str, int]:
        """Enter a new event with its first work; returns its counts, for the insert."""
        counts = {"waiting": 0, "held": 0, "dead": 0}
        for stage, state in work_by_stage.items():
            counts[state] += 1
            self._sums[f"work.{stage}.{state}"] += 1
        self._sums["accepted"] += 1
        self._sums[Counts(**counts).state] += 1
        self._before[event_id] = Counts(**counts)
        return counts

    def work(self, event_id: str, stage: str, old: WorkState | None, new: WorkState) -> None:
        """Move one stage's work. `old` None: it is new."""
        if old is not None:
            self._sums[f"work.{stage}.{old}"] -= 1
        self._sums[f"work.{stage}.{new}"] += 1
        self._move(event_id, old, new)

    def delivery(self, event_id: str | None, old: WorkState | None, new: WorkState) -> None:
        """Move one delivery. `old` None: it is new. A test belongs to no event."""
        if old is None:
            self._sums["delivery.owed"] += 1
        else:
            self._sums[f"delivery.{old}"] -= 1
        self._sums[f"delivery.{new}"] += 1
        if event_id is not None:
            self._move(event_id, old, new)

    def settle(self) -> None:
        """Write what moved. Counters come last and in order: they are the rows most fought over."""
        rows: list[dict[str, Any]] = []
        for event_id, (waiting, held, dead) in self._moves.items():
            before = self._before[event_id]
            after = Counts(before.waiting + waiting, before.held + held, before.dead + dead)
            if after != before:
                rows.append(
                    {"event_id": event_id, "now_waiting": after.waiting, "now_held": after.held, "now_dead": after.dead}
                )
                self._sums[before.state] -= 1
                self._sums[after.state] += 1
                self._before[event_id] = after
        self._moves.clear()
        _SET_COUNTS.many(self._connection, rows)
        sums = [
            {"name": name, "shard": self._shard, "value": value} for name, value in sorted(self._sums.items()) if value
        ]
        _ADD.many(self._connection, sums)
        self._sums.clear()

    def _move(self, event_id: str, old: WorkState | None, new: WorkState) -> None:
        moves = self._moves.setdefault(event_id, [0, 0, 0])
        for state, step in ((old, -1), (new, 1)):
            if state is not None and state is not WorkState.DONE:
                moves[_PLACE[state]] += step


_PLACE = {WorkState.WAITING: 0, WorkState.HELD: 1, WorkState.DEAD: 2}


def sums(connection: Connection) -> dict[str, int]:
    """Read every counter, shards added, in one statement."""
    rows = connection.execute(select(counter.c.name, func.sum(counter.c.value)).group_by(counter.c.name))
    return {name: int(value) for name, value in rows}


def recount(connection: Connection) -> dict[str, int]:
    """Count the same figures from the rows of work and deliveries, for `db check`. Zeroes are left out."""
    found: Counter[str] = Counter()
    open_work: dict[str, Counter[str]] = {}
    for stage, state, number in connection.execute(
        select(work.c.stage, work.c.state, func.count()).group_by(work.c.stage, work.c.state)
    ):
        found[f"work.{stage}.{state}"] += number
    for state, number in connection.execute(select(delivery.c.state, func.count()).group_by(delivery.c.state)):
        found[f"delivery.{state}"] += number
        found["delivery.owed"] += number
    for table in (work, delivery):
        pieces = select(table.c.event_id, table.c.state, func.count()).where(
            table.c.state != WorkState.DONE, table.c.event_id.is_not(None)
        )
        for event_id, state, number in connection.execute(pieces.group_by(table.c.event_id, table.c.state)):
            open_work.setdefault(event_id, Counter())[state] += number
    found["accepted"] = connection.execute(select(func.count()).select_from(event)).scalar_one()
    for counts in open_work.values():
        found[Counts(counts["waiting"], counts["held"], counts["dead"]).state] += 1
    worked = connection.execute(select(func.count(work.c.event_id.distinct()))).scalar_one()
    found[WorkState.DONE] += worked - len(open_work)
    return {name: number for name, number in found.items() if number}


def differences(connection: Connection) -> Mapping[str, tuple[int, int]]:
    """Where the counters and the rows disagree: name → (counter, rows). Empty: the books are right."""
    kept, rows = sums(connection), recount(connection)
    names: Sequence[str] = sorted(kept.keys() | rows.keys())
    return {name: (kept.get(name, 0), rows.get(name, 0)) for name in names if kept.get(name, 0) != rows.get(name, 0)}
