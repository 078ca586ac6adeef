"""What every bus promises, asked of all three: in memory, on Redis, on Valkey."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from schemas.topics import ACCEPTED, ENRICHED, FEED_UPDATED, INBOX
from services.bus import Batch, Bus, BusUnavailable, Entry
from tests.buses import NOON, InMemory, OnServer, Place, Seen, eventually, soon
from tests.servers_redis import shared


@pytest.fixture(params=["memory", "redis", "valkey"])
def place(request: pytest.FixtureRequest) -> Place:
    return InMemory() if request.param == "memory" else OnServer(shared(request.param))


class Running:
    """Buses started in a test, all stopped after it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.started: list[Bus] = []

    async def reading(
        self, seen: Seen, consumer: str = "here:1:1", *, waits_for: tuple[type[Exception], ...] = ()
    ) -> Bus:
        bus = self.place.bus(consumer, waits_for=waits_for)
        bus.on_poison = seen.bury
        bus.subscribe(ACCEPTED, "enrich", seen.handle)
        await self.start(bus)
        return bus

    async def start(self, bus: Bus) -> None:
        self.started.append(bus)
        await bus.start()


@pytest.fixture
async def running(place: Place) -> AsyncGenerator[Running]:
    holder = Running(place)
    yield holder
    for bus in holder.started:
        await bus.stop()


def bodies(count: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(count)]


def all_settled(bus: Bus, stream: str, ids: list[str]):  # noqa: ANN201
    async def ask() -> bool:
        return not await bus.waiting(stream, ids)

    return ask


async def test_what_was_published_before_the_first_start_is_read(place: Place, running: Running) -> None:
    early = place.bus("early:1:1")
    await running.start(early)
    await early.stop()
    await place.add(ACCEPTED.name, {b"data": b'{"n":0}'})
    seen = Seen()
    await running.reading(seen)
    await eventually(lambda: seen.bodies == [b'{"n":0}'])


async def test_entries_come_in_order_in_batches_of_at_most_the_topics_size(running: Running) -> None:
    seen = Seen()
    seen.gate.clear()
    bus = await running.reading(seen)
    ids = await bus.publish(ACCEPTED.name, bodies(ACCEPTED.batch * 2 + 5))
    seen.gate.set()
    await soon(all_settled(bus, ACCEPTED.name, ids))
    assert seen.bodies == bodies(ACCEPTED.batch * 2 + 5)
    assert [entry.id for entry in seen.settled] == ids
    assert all(0 < len(batch.entries) <= ACCEPTED.batch for batch in seen.batches)
    assert (seen.batches[0].stream, seen.batches[0].group, seen.batches[0].read_at) == (ACCEPTED.name, "enrich", NOON)


async def test_nothing_is_published_for_no_payloads(place: Place) -> None:
    bus = place.bus()
    assert await bus.publish(ACCEPTED.name, []) == []
    await bus.stop()


async def test_each_group_gets_every_entry(place: Place, running: Running) -> None:
    one, other = Seen(), Seen()
    bus = place.bus()
    bus.subscribe(ENRICHED, "syndicate", one.handle)
    bus.subscribe(ENRICHED, "deliver", other.handle)
    await running.start(bus)
    await bus.publish(ENRICHED.name, bodies(3))
    await eventually(lambda: one.bodies == other.bodies == bodies(3))


async def test_an_entry_waits_until_its_handler_returned(running: Running) -> None:
    seen = Seen()
    seen.gate.clear()
    bus = await running.reading(seen)
    ids = await bus.publish(ACCEPTED.name, bodies(2))
    await eventually(lambda: seen.batches)
    assert await bus.waiting(ACCEPTED.name, [*ids, "99999999999999-0"]) == set(ids)
    seen.gate.set()
    await soon(all_settled(bus, ACCEPTED.name, ids))


async def test_an_unread_entry_waits_until_every_group_has_it(place: Place, running: Running) -> None:
    seen = Seen()
    bus = place.bus()
    bus.subscribe(ENRICHED, "syndicate", seen.handle)
    await running.start(bus)
    ids = await bus.publish(ENRICHED.name, bodies(1))
    await eventually(lambda: seen.settled)
    assert await bus.waiting(ENRICHED.name, ids) == set(ids), "the group deliver has not read it"


async def test_a_bad_entry_is_tried_alone_three_times_and_its_neighbours_go_through(running: Running) -> None:
    seen = Seen(lambda batch: ValueError("bad") if any(one.data == b'{"n":2}' for one in batch.entries) else None)
    seen.gate.clear()
    bus = await running.reading(seen)
    ids = await bus.publish(ACCEPTED.name, bodies(5))
    await eventually(lambda: seen.batches)
    seen.gate.set()
    await soon(all_settled(bus, ACCEPTED.name, ids))
    assert sorted(seen.bodies, key=str) == [b'{"n":0}', b'{"n":1}', b'{"n":3}', b'{"n":4}']
    alone = [batch for batch in seen.batches if [one.id for one in batch.entries] == [ids[2]]]
    assert len(alone) == 3
    [(group, entry, cause)] = seen.buried
    assert (group, entry.id, entry.data, cause) == ("enrich", ids[2], b'{"n":2}', "poison")
    assert entry.problem == "ValueError: bad"


async def test_a_dead_letter_that_cannot_be_written_is_not_forgotten(running: Running) -> None:
    seen = Seen(lambda _: ValueError("bad"))
    bus = await running.reading(seen)
    full, refusals = True, 0

    async def bury(group: str, entries: Sequence[Entry], cause: str) -> None:
        nonlocal refusals
        if full:
            refusals += 1
            raise OSError("disk full")
        await seen.bury(group, entries, cause)

    bus.on_poison = bury
    ids = await bus.publish(ACCEPTED.name, bodies(1))
    await eventually(lambda: refusals > 1)
    assert await bus.waiting(ACCEPTED.name, ids) == set(ids)
    full = False
    await soon(all_settled(bus, ACCEPTED.name, ids))
    assert len(seen.buried) == 1


class Outage(Exception):  # noqa: N818 - as the store names its own
    """The store is away."""


async def test_an_outage_is_waited_for_without_counting_and_without_reading_on(running: Running) -> None:
    down = True
    seen = Seen(lambda _: Outage() if down else None)
    bus = await running.reading(seen, waits_for=(Outage,))
    first = await bus.publish(ACCEPTED.name, bodies(1))
    await eventually(lambda: seen.batches)
    later = await bus.publish(ACCEPTED.name, bodies(2))
    await eventually(lambda: len(seen.batches) > 10)
    assert {entry.id for batch in seen.batches for entry in batch.entries} == set(first)
    assert bus.health()[0].error == "Outage: "
    down = False
    await soon(all_settled(bus, ACCEPTED.name, [*first, *later]))
    assert seen.buried == []
    assert bus.health()[0].error is None


async def test_what_a_stopping_bus_holds_goes_to_another_at_once_and_uncounted(running: Running) -> None:
    stuck = Seen()
    stuck.gate.clear()
    slow = Seen(lambda _: Outage())
    leaving = await running.reading(slow, "leaving:1:1", waits_for=(Outage,))
    ids = await leaving.publish(ACCEPTED.name, bodies(3))
    await eventually(lambda: slow.batches)
    await leaving.stop()
    seen = Seen()
    bus = await running.reading(seen, "next:2:2")
    await soon(all_settled(bus, ACCEPTED.name, ids))
    assert seen.bodies == bodies(3)
    assert {entry.deliveries for entry in seen.settled} == {1}, "a restart is not the entry's fault"


async def test_stop_lets_a_running_handler_finish(running: Running) -> None:
    seen = Seen()
    seen.gate.clear()
    bus = await running.reading(seen)
    ids = await bus.publish(ACCEPTED.name, bodies(1))
    await eventually(lambda: seen.batches)
    stopping = asyncio.create_task(bus.stop())
    await asyncio.sleep(0)
    seen.gate.set()
    await stopping
    assert [entry.id for entry in seen.settled] == ids
    fresh = await running.reading(Seen(), "next:2:2")
    assert await fresh.waiting(ACCEPTED.name, ids) == set()


async def test_a_handler_that_outlives_the_grace_is_cancelled_and_counted(running: Running) -> None:
    stuck = Seen()
    stuck.gate.clear()
    bus = await running.reading(stuck, "stuck:1:1")
    await bus.publish(ACCEPTED.name, bodies(1))
    await eventually(lambda: stuck.batches)
    await bus.stop()
    seen = Seen()
    await running.reading(seen, "next:2:2")
    await eventually(lambda: seen.settled)
    assert seen.settled[0].deliveries == 2


async def test_a_paused_group_reads_nothing_until_it_is_resumed(place: Place, running: Running) -> None:
    one, other = Seen(), Seen()
    bus = place.bus()
    bus.subscribe(ENRICHED, "syndicate", one.handle)
    bus.subscribe(ENRICHED, "deliver", other.handle)
    await running.start(bus)
    await bus.pause("syndicate")
    await bus.publish(ENRICHED.name, bodies(2))
    await eventually(lambda: other.bodies == bodies(2))
    assert one.batches == []
    assert [health.paused for health in bus.health()] == [True, False]
    await bus.resume("syndicate")
    await eventually(lambda: one.bodies == bodies(2))
    assert [(health.paused, health.restarts) for health in bus.health()] == [(False, 0), (False, 0)]
    with pytest.raises(LookupError):
        await bus.pause("nobody")


async def test_an_emptied_server_changes_the_epoch_and_reading_goes_on(place: Place, running: Running) -> None:
    seen = Seen()
    bus = await running.reading(seen)
    before = await bus.epoch()
    assert await bus.epoch() == before
    await place.flush()
    assert await bus.epoch() != before
    await bus.publish(ACCEPTED.name, bodies(2))
    await eventually(lambda: seen.bodies == bodies(2))


async def test_a_server_that_went_away_and_came_back_empty_is_read_again(place: Place, running: Running) -> None:
    seen = Seen()
    bus = await running.reading(seen)
    await eventually(lambda: bus.health()[0].running)
    await place.go_away()
    with pytest.raises(BusUnavailable):
        await bus.publish(ACCEPTED.name, bodies(1))
    with pytest.raises(BusUnavailable):
        await bus.epoch()
    with pytest.raises(BusUnavailable):
        await bus.waiting(ACCEPTED.name, ["1-0"])
    assert {(row.undelivered, row.pending, row.oldest_undelivered_s) for row in await bus.stats()} == {(None,) * 3}
    assert not (await bus.server()).reachable
    await place.come_back()
    await bus.publish(ACCEPTED.name, bodies(3))
    await eventually(lambda: seen.bodies == bodies(3))


async def test_a_tail_gets_what_comes_after_it_began_and_is_told_of_gaps(place: Place, running: Running) -> None:
    bus = place.bus()
    await bus.publish(FEED_UPDATED.name, [b'{"feed":"old","version":1}'])
    got: list[Batch] = []

    async def follow(batch: Batch) -> None:
        got.append(batch)

    bus.tail(FEED_UPDATED, follow)
    await running.start(bus)
    await eventually(lambda: got)
    assert (got[0].gap, list(got[0].entries)) == (True, [])
    await bus.publish(FEED_UPDATED.name, [b'{"feed":"all","version":2}'])
    await eventually(lambda: len(got) == 2)
    assert [entry.data for entry in got[1].entries] == [b'{"feed":"all","version":2}']
    assert not got[1].gap
    await place.flush()
    await eventually(lambda: len(got) > 2 and got[2].gap)
    await bus.publish(FEED_UPDATED.name, [b'{"feed":"all","version":3}'])
    await eventually(lambda: got[-1].entries and got[-1].entries[0].data == b'{"feed":"all","version":3}')


async def test_a_tail_whose_handler_fails_is_told_of_a_gap_and_goes_on(place: Place, running: Running) -> None:
    bus = place.bus()
    got: list[Batch] = []

    async def follow(batch: Batch) -> None:
        got.append(batch)
        if any(entry.data == b'{"bad":1}' for entry in batch.entries):
            raise ValueError("bad")

    bus.tail(FEED_UPDATED, follow)
    await running.start(bus)
    await eventually(lambda: len(got) == 1)
    await bus.publish(FEED_UPDATED.name, [b'{"bad":1}'])
    await eventually(lambda: len(got) == 3)
    assert [batch.gap for batch in got] == [True, False, True]
    await bus.publish(FEED_UPDATED.name, [b'{"good":1}'])
    await eventually(lambda: [entry.data for entry in got[-1].entries] == [b'{"good":1}'])


async def test_a_foreign_entry_is_read_and_an_unreadable_one_harms_no_neighbour(place: Place, running: Running) -> None:
    seen = Seen()
    bus = place.bus()
    bus.subscribe(INBOX, "ingest", seen.handle)
    await running.start(bus)
    await place.add(INBOX.name, {b"data": b'{"id":"a"}'})
    await place.add(INBOX.name, {b"data": b"\xff\xfe garbage"})
    await place.add(INBOX.name, {b"id": b"b", b"title": "Brücke".encode()})
    await eventually(lambda: len(seen.settled) == 3)
    assert seen.bodies == [b'{"id":"a"}', None, '{"id": "b", "title": "Brücke"}'.encode()]
    assert [entry.problem for entry in seen.settled] == [None, "unreadable", None]
    assert seen.settled[1].raw() == b"\xff\xfe garbage"


async def test_a_reader_counts_as_a_consumer_before_its_first_entry(place: Place, running: Running) -> None:
    bus = await running.reading(Seen())
    async with asyncio.timeout(10):
        while [row.consumers for row in await bus.stats() if row.group == "enrich"] != [1]:  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.002)


async def test_stats_count_what_is_unread_and_what_is_under_way(place: Place, running: Running) -> None:
    seen = Seen()
    seen.gate.clear()
    bus = await running.reading(seen)
    await bus.publish(ACCEPTED.name, bodies(1))
    await eventually(lambda: seen.batches)
    await bus.publish(ACCEPTED.name, bodies(4))
    rows = {(row.stream, row.group): row for row in await bus.stats()}
    busy = rows[ACCEPTED.name, "enrich"]
    assert (busy.undelivered, busy.pending, busy.consumers, busy.max_deliveries) == (4, 1, 1, 1)
    idle = rows[INBOX.name, "ingest"]
    assert (idle.undelivered, idle.pending, idle.oldest_undelivered_s, idle.oldest_pending_s) == (0, 0, 0.0, 0.0)
    assert bus.health()[0].busy_s > 0
    server = await bus.server()
    assert server.reachable
    assert (server.lengths or {})[ACCEPTED.name] == 5
