"""From the outbox to the streams and back to calm: lost Redis, lost marks, embargoes, long backlogs."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from schemas.topics import ACCEPTED, ENRICHED
from services.bus import Bus, BusUnavailable, MemoryServer, Relay, Sweeper
from tests.buses import NOON, InMemory, OnServer, Place, Seen, eventually, soon
from tests.servers_redis import shared


class Row(NamedTuple):
    id: int
    stream: str
    payload: bytes
    entry_id: str | None = None
    added_at: datetime | None = None
    not_before: datetime = NOON


class FakeOutbox:
    """Rows in a dict; `settle` is what a stage's transaction does to them."""

    def __init__(self, count: int = 0, stream: str = ACCEPTED.name) -> None:
        self.rows = {number: Row(number, stream, b'{"n":%d}' % number) for number in range(1, count + 1)}
        self.broken = False
        self.marks = 0

    async def due(self, now: datetime, limit: int) -> Sequence[Row]:
        self._check()
        return [row for row in self.rows.values() if row.entry_id is None and row.not_before <= now][:limit]

    async def overdue(self, before: datetime, limit: int) -> Sequence[Row]:
        self._check()
        found = [row for row in self.rows.values() if row.added_at is not None and row.added_at < before]
        return sorted(found, key=lambda row: row.added_at or NOON)[:limit]

    async def mark_added(self, added: Sequence[tuple[int, str]], now: datetime) -> None:
        self._check()
        self.marks += 1
        for row_id, entry_id in added:
            if row_id in self.rows:
                self.rows[row_id] = self.rows[row_id]._replace(entry_id=entry_id, added_at=now)

    def _check(self) -> None:
        if self.broken:
            raise OSError("the database is away")


class Time:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(params=["memory", "redis", "valkey"])
def place(request: pytest.FixtureRequest) -> Place:
    return InMemory() if request.param == "memory" else OnServer(shared(request.param))


@pytest.fixture
async def bus(place: Place) -> AsyncGenerator[Bus]:
    made = place.bus()
    yield made
    await made.stop()


async def test_rows_are_added_in_order_and_marked(bus: Bus) -> None:
    outbox = FakeOutbox(450)
    seen = Seen()
    bus.subscribe(ACCEPTED, "enrich", seen.handle)
    await bus.start()
    assert await Relay(bus, outbox, clock=Time()).publish(list(outbox.rows.values())) == 450
    await eventually(lambda: len(seen.settled) == 450)
    assert seen.bodies == [row.payload for row in outbox.rows.values()]
    assert [row.entry_id for row in outbox.rows.values()] == [entry.id for entry in seen.settled]


async def test_while_redis_or_the_database_is_away_publishing_raises_nothing_and_rows_stay(
    place: Place, bus: Bus
) -> None:
    outbox = FakeOutbox(2)
    await bus.start()
    relay = Relay(bus, outbox, clock=Time())
    await place.go_away()
    assert await relay.publish(list(outbox.rows.values())) == 0
    assert all(row.entry_id is None for row in outbox.rows.values())
    await place.come_back()
    outbox.broken = True
    assert await relay.publish(list(outbox.rows.values())) == 0
    outbox.broken = False
    sweeper = Sweeper(relay, bus, outbox, clock=Time())
    await sweeper.sweep()
    assert all(row.entry_id for row in outbox.rows.values()), "added a second time: the mark was lost, not the row"


async def test_the_sweeper_adds_what_a_crash_left_between_commit_and_publish(bus: Bus) -> None:
    outbox = FakeOutbox(3)
    await bus.start()
    sweeper = Sweeper(Relay(bus, outbox, clock=Time()), bus, outbox, clock=Time())
    assert await sweeper.sweep() is False
    assert all(row.entry_id for row in outbox.rows.values())


async def test_a_row_is_added_when_its_time_has_come_and_not_before(bus: Bus) -> None:
    outbox, time = FakeOutbox(1), Time()
    outbox.rows[1] = outbox.rows[1]._replace(not_before=NOON + timedelta(seconds=60))
    await bus.start()
    sweeper = Sweeper(Relay(bus, outbox, clock=time), bus, outbox, clock=time)
    await sweeper.sweep()
    assert outbox.rows[1].entry_id is None
    time.pass_by(60)
    await sweeper.sweep()
    assert outbox.rows[1].entry_id is not None


async def test_overdue_rows_that_still_wait_in_redis_are_left_alone(bus: Bus) -> None:
    outbox, time = FakeOutbox(5), Time()
    await bus.start()
    relay = Relay(bus, outbox, clock=time)
    await relay.publish(list(outbox.rows.values()))
    before = {row.id: row.entry_id for row in outbox.rows.values()}
    sweeper = Sweeper(relay, bus, outbox, clock=time, overdue_s=10)
    time.pass_by(60)
    await sweeper.sweep()
    assert {row.id: row.entry_id for row in outbox.rows.values()} == before
    assert await bus.waiting(ACCEPTED.name, [one for one in before.values() if one]) == set(before.values())


async def test_an_overdue_row_that_its_group_acknowledged_without_settling_is_added_again(bus: Bus) -> None:
    outbox, time = FakeOutbox(1), Time()
    seen = Seen()
    bus.subscribe(ACCEPTED, "enrich", seen.handle)
    await bus.start()
    relay = Relay(bus, outbox, clock=time)
    sweeper = Sweeper(relay, bus, outbox, clock=time, overdue_s=10)
    await relay.publish(list(outbox.rows.values()))
    first = outbox.rows[1].entry_id
    await eventually(lambda: len(seen.settled) == 1)
    await sweeper.sweep()
    assert outbox.rows[1].entry_id == first
    time.pass_by(11)

    async def added_again() -> bool:
        await sweeper.sweep()
        return outbox.rows[1].entry_id != first

    await soon(added_again)  # its acknowledgement may be a moment behind
    await eventually(lambda: len(seen.settled) == 2)


async def test_an_emptied_redis_is_refilled_without_waiting_for_rows_to_be_overdue(place: Place, bus: Bus) -> None:
    outbox, time = FakeOutbox(25), Time()
    await bus.start()
    relay = Relay(bus, outbox, clock=time)
    sweeper = Sweeper(relay, bus, outbox, clock=time, overdue_s=3600, limit=10)
    await sweeper.sweep()
    await sweeper.sweep()
    await sweeper.sweep()
    old = {row.entry_id for row in outbox.rows.values()}
    assert None not in old
    time.pass_by(1)
    await place.flush()
    time.pass_by(1)
    await sweeper.sweep()
    new = {row.entry_id for row in outbox.rows.values()}
    assert len(new) == 25
    assert not new & old
    assert await bus.waiting(ACCEPTED.name, [one for one in new if one]) == new


async def test_a_sweeper_that_starts_finds_what_was_lost_while_nobody_looked(bus: Bus) -> None:
    outbox, time = FakeOutbox(3), Time()
    for row in list(outbox.rows.values()):
        outbox.rows[row.id] = row._replace(entry_id=f"17-{row.id}", added_at=NOON - timedelta(seconds=1))
    await bus.start()
    sweeper = Sweeper(Relay(bus, outbox, clock=time), bus, outbox, clock=time, overdue_s=3600)
    await sweeper.sweep()
    ids = [row.entry_id for row in outbox.rows.values() if row.entry_id]
    assert await bus.waiting(ACCEPTED.name, ids) == set(ids)


async def test_lost_rows_behind_a_long_backlog_are_found() -> None:
    outbox, time = FakeOutbox(30), Time()
    server = MemoryServer()
    bus = InMemory().bus()
    bus.backend = server  # type: ignore[attr-defined]
    relay = Relay(bus, outbox, clock=time)
    sweeper = Sweeper(relay, bus, outbox, clock=time, overdue_s=10, limit=10)
    await relay.publish(list(outbox.rows.values()))
    await sweeper.sweep()
    outbox.rows[30] = outbox.rows[30]._replace(entry_id="12345-0")
    time.pass_by(60)
    while await sweeper.sweep():
        pass
    assert outbox.rows[30].entry_id != "12345-0"
    assert await bus.waiting(ACCEPTED.name, [outbox.rows[30].entry_id or ""])


async def test_one_stream_that_cannot_take_rows_does_not_keep_others_from_theirs() -> None:
    outbox = FakeOutbox(2)
    outbox.rows[2] = outbox.rows[2]._replace(stream=ENRICHED.name)
    bus = InMemory().bus()

    class OneIsFull:
        async def publish(self, stream: str, payloads: Sequence[bytes]) -> list[str]:
            if stream == ACCEPTED.name:
                raise BusUnavailable("full")
            return await bus.publish(stream, payloads)

        waiting = staticmethod(bus.waiting)
        epoch = staticmethod(bus.epoch)

    sweeper = Sweeper(Relay(OneIsFull(), outbox, clock=Time()), OneIsFull(), outbox, clock=Time())
    assert await sweeper.sweep() is False
    assert (outbox.rows[1].entry_id, outbox.rows[2].entry_id is None) == (None, False)


async def test_the_sweeper_outlives_outages_and_looks_at_once_when_woken() -> None:
    outbox, time = FakeOutbox(1), Time()
    place = InMemory()
    bus = place.bus()
    sweeper = Sweeper(Relay(bus, outbox, clock=time), bus, outbox, clock=time, every_s=0.01)
    await place.go_away()
    running = asyncio.create_task(sweeper.run())
    await eventually(lambda: sweeper.error is not None)
    await place.come_back()
    outbox.broken = True
    await eventually(lambda: "database" in (sweeper.error or ""))
    outbox.broken = False
    await eventually(lambda: outbox.rows[1].entry_id is not None and sweeper.error is None)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    patient = Sweeper(Relay(bus, outbox, clock=time), bus, outbox, clock=time, every_s=3600)
    running = asyncio.create_task(patient.run())
    await eventually(lambda: patient._epoch is not None)
    outbox.rows[2] = Row(2, ACCEPTED.name, b"{}")
    patient.wake()
    await eventually(lambda: outbox.rows[2].entry_id is not None)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
