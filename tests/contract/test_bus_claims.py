"""What another reader left behind: claimed, counted, renewed, handed back. On Redis and on Valkey.

Covers the framework's limits L5-L8, L13, L14 and L22 of its Redis streams.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from schemas.topics import ACCEPTED
from services.bus import Batch, Timings
from services.bus.redis import RedisBus
from tests.buses import QUICK, OnServer, Seen, clock, eventually, soon
from tests.servers_redis import RedisServer

STREAM, GROUP = ACCEPTED.name, "enrich"


@pytest.fixture
def redis(each_redis: RedisServer) -> Any:
    client = each_redis.client()
    client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    yield client
    client.close()


class Group:
    """A bus on the group, and another reader that died with entries in hand."""

    def __init__(self, server: RedisServer, redis: Any) -> None:
        self.server, self.redis = server, redis
        self.buses: list[RedisBus] = []

    def left_behind(self, count: int, *, deliveries: int = 1, reader: str = "dead:1:1") -> list[str]:
        """Entries that a reader got `deliveries` times and never finished; long idle."""
        ids = [self.redis.xadd(STREAM, {"data": f'{{"n":{number}}}'}).decode() for number in range(count)]
        self.redis.xreadgroup(GROUP, reader, {STREAM: ">"}, count=count)
        self.redis.xclaim(STREAM, GROUP, reader, 0, ids, idle=3_600_000, retrycount=deliveries, justid=True)
        return ids

    async def bus(self, seen: Seen, consumer: str = "here:2:2", timings: Timings = QUICK, **options: Any) -> RedisBus:
        bus = RedisBus(self.server.url, clock=clock, consumer=consumer, timings=timings, on_poison=seen.bury, **options)
        bus.subscribe(ACCEPTED, GROUP, seen.handle)
        self.buses.append(bus)
        await bus.start()
        return bus

    def pending(self) -> list[tuple[str, str, int]]:
        rows = self.redis.xpending_range(STREAM, GROUP, "-", "+", 1000)
        return [(row["message_id"].decode(), row["consumer"].decode(), row["times_delivered"]) for row in rows]


@pytest.fixture
async def group(each_redis: RedisServer, redis: Any) -> AsyncGenerator[Group]:
    holder = Group(each_redis, redis)
    yield holder
    for bus in holder.buses:
        await bus.stop()


async def test_what_a_killed_reader_left_is_claimed_together(group: Group) -> None:
    ids = group.left_behind(20)
    seen = Seen()
    bus = await group.bus(seen)
    await eventually(lambda: not group.pending())
    assert [entry.id for entry in seen.settled] == ids
    assert len(seen.batches) == 1, "one claim, one batch: not one entry per call"
    assert {entry.deliveries for entry in seen.settled} == {2}
    assert next(row.reclaimed for row in await bus.stats() if row.group == GROUP) == 20


async def test_what_was_delivered_twice_is_handled_one_at_a_time(group: Group) -> None:
    ids = group.left_behind(4, deliveries=2)
    seen = Seen()
    await group.bus(seen)
    await eventually(lambda: not group.pending())
    assert [[entry.id for entry in batch.entries] for batch in seen.batches] == [[one] for one in ids]
    assert {entry.deliveries for entry in seen.settled} == {3}


async def test_the_third_delivery_was_the_last_it_is_poison_now(group: Group) -> None:
    [killer] = group.left_behind(1, deliveries=3)
    seen = Seen()
    await group.bus(seen)
    await eventually(lambda: not group.pending())
    assert seen.batches == [], "it must not reach a handler again"
    [(name, entry, cause)] = seen.buried
    assert (name, entry.id, entry.data, cause) == (GROUP, killer, b'{"n":0}', "poison")
    assert entry.problem == "delivered 3 times and never finished"


async def test_neighbours_of_an_entry_that_kills_the_process_survive_it(group: Group) -> None:
    """Each `kill` is a reader that dies with whatever it had claimed still pending."""
    ids = group.left_behind(5)
    killer = ids[2]
    survived: set[str] = set()
    poison: list[str] = []

    for run in range(3):
        fatal = asyncio.Event()

        async def handle(batch: Batch, fatal: asyncio.Event = fatal) -> None:
            if any(entry.id == killer for entry in batch.entries):
                fatal.set()
                await asyncio.Event().wait()  # the process is gone: it neither returns nor raises
            survived.update(entry.id for entry in batch.entries)

        seen = Seen()
        bus = RedisBus(group.server.url, clock=clock, consumer=f"run:{run}:1", timings=QUICK, on_poison=seen.bury)
        bus.subscribe(ACCEPTED, GROUP, handle)
        await bus.start()
        await eventually(lambda fatal=fatal, seen=seen: fatal.is_set() or seen.buried)
        before = {one: count for one, _, count in group.pending()}
        await bus.stop()
        poison += [entry.id for _, entry, _ in seen.buried]
        # A stop hands back; a kill would not have: restore what the counts were, and make them old.
        for one, _, _ in group.pending():
            group.redis.xclaim(STREAM, GROUP, "dead", 0, [one], idle=3_600_000, retrycount=before[one], justid=True)
    assert group.pending() == []
    assert poison == [killer]
    assert survived == set(ids) - {killer}


async def test_an_entry_is_left_alone_until_it_is_idle_long_enough(group: Group) -> None:
    [fresh] = group.left_behind(1, reader="busy:1:1")
    group.redis.xclaim(STREAM, GROUP, "busy:1:1", 0, [fresh], idle=0, justid=True)
    seen = Seen()
    await group.bus(seen, timings=QUICK._replace(claim_idle_s=30.0))
    [marker] = [group.redis.xadd(STREAM, {"data": "{}"}).decode()]
    await eventually(lambda: seen.settled)
    await group.bus(Seen(), "third:3:3", timings=QUICK._replace(claim_idle_s=30.0))
    assert [entry.id for entry in seen.settled] == [marker]
    assert group.pending() == [(fresh, "busy:1:1", 1)]


async def test_a_running_handler_keeps_its_entries_by_renewing_them(group: Group) -> None:
    slow, eager = Seen(), Seen()
    slow.gate.clear()
    await group.bus(slow, "slow:1:1", timings=QUICK._replace(grace_s=5.0))
    group.redis.xadd(STREAM, {"data": "{}"})
    await eventually(lambda: slow.batches)

    def idle_ms() -> int:
        [row] = group.redis.xpending_range(STREAM, GROUP, "-", "+", 1)
        return int(row["time_since_delivered"])

    await group.bus(eager, "eager:2:2")
    # Twice past the claim time, seen by Redis' own clock, and renewed in between.
    started = group.redis.time()[0] + group.redis.time()[1] / 1e6
    high = 0

    def long_enough() -> bool:
        nonlocal high
        high = max(high, idle_ms())
        return group.redis.time()[0] + group.redis.time()[1] / 1e6 - started > 2 * QUICK.claim_idle_s

    await eventually(long_enough)
    assert 0 < high < 1000 * QUICK.claim_idle_s
    assert eager.batches == []
    assert group.pending()[0][1:] == ("slow:1:1", 1), "renewal must not count as a delivery"
    slow.gate.set()
    await eventually(lambda: not group.pending())


async def test_a_claim_time_grows_with_slow_batches() -> None:
    seen = Seen()
    bus = RedisBus("unix:///nowhere", clock=clock, consumer="a:1:1", timings=QUICK)
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    claimer = bus._subscriptions[0].claimer
    assert claimer.idle_ms == 300
    claimer._settler._took.append(1.5)
    assert claimer.idle_ms == 15_000
    await bus.stop()


async def test_stop_hands_back_everything_pending_with_its_count(group: Group) -> None:
    stuck = Seen()
    stuck.gate.clear()
    bus = await group.bus(stuck, "leaving:1:1", timings=QUICK._replace(claim_every_s=60.0, grace_s=0.05))
    for _ in range(60):
        group.redis.xadd(STREAM, {"data": "{}"})
    await eventually(lambda: stuck.batches)
    inside = {entry.id for entry in stuck.batches[0].entries}
    # Entries that a read brought though nobody here holds them, as after a cancelled XREADGROUP.
    group.redis.xreadgroup(GROUP, "leaving:1:1", {STREAM: ">"}, count=10)
    await bus.stop()
    rows = group.redis.xpending_range(STREAM, GROUP, "-", "+", 1000)
    assert rows
    assert min(row["time_since_delivered"] for row in rows) >= 3_599_000, "old: the next tick of anyone takes them"
    assert {row["times_delivered"] for row in rows if row["message_id"].decode() in inside} == {1}
    assert {row["times_delivered"] for row in rows if row["message_id"].decode() not in inside} == {0}
    seen = Seen()
    await group.bus(seen)
    await eventually(lambda: len(seen.settled) == 60)


async def test_a_bus_with_nothing_pending_leaves_no_consumer_behind(group: Group) -> None:
    seen = Seen()
    bus = await group.bus(seen)
    group.redis.xadd(STREAM, {"data": "{}"})
    await eventually(lambda: seen.settled and not group.pending())
    assert len(group.redis.xinfo_consumers(STREAM, GROUP)) == 1
    await bus.stop()
    assert group.redis.xinfo_consumers(STREAM, GROUP) == []


async def test_consumers_long_gone_are_forgotten_unless_something_is_pending(group: Group) -> None:
    group.redis.xgroup_createconsumer(STREAM, GROUP, "gone:1:1")
    [kept] = group.left_behind(1, reader="holding:1:1")
    group.redis.xclaim(STREAM, GROUP, "holding:1:1", 0, [kept], idle=0, justid=True)
    await group.bus(Seen(), timings=QUICK._replace(reap_idle_s=0.06, claim_idle_s=60.0))

    def names() -> set[str]:
        return {row["name"].decode() for row in group.redis.xinfo_consumers(STREAM, GROUP)}

    await eventually(lambda: "gone:1:1" not in names())
    assert "holding:1:1" in names()


async def test_a_bus_that_is_alone_takes_over_at_once_what_an_earlier_run_left(group: Group) -> None:
    ids = group.left_behind(3)
    group.redis.xclaim(STREAM, GROUP, "dead:1:1", 0, ids, idle=0, retrycount=1, justid=True)
    seen = Seen()
    await group.bus(seen, timings=QUICK._replace(claim_idle_s=600.0), alone=True)
    await eventually(lambda: not group.pending())
    assert [entry.id for entry in seen.settled] == ids
    assert {entry.deliveries for entry in seen.settled} == {2}, "a run that died may have died of it: counted"


async def test_what_is_ours_by_name_though_nobody_holds_it_comes_back(group: Group) -> None:
    ids = group.left_behind(2, reader="here:2:2")
    group.redis.xclaim(STREAM, GROUP, "here:2:2", 0, ids, idle=0, retrycount=1, justid=True)
    seen = Seen()
    await group.bus(seen, timings=QUICK._replace(claim_idle_s=600.0, orphan_idle_s=0.05))
    await eventually(lambda: not group.pending())
    assert sorted(entry.id for entry in seen.settled) == ids


async def test_an_entry_that_was_trimmed_while_pending_is_missed_loudly(
    group: Group, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = group.left_behind(3)
    group.redis.xdel(STREAM, ids[1])
    seen = Seen()
    await group.bus(seen)
    await eventually(lambda: not group.pending())
    assert [entry.id for entry in seen.settled] == [ids[0], ids[2]]
    said = capsys.readouterr().out
    assert "bus.entry_vanished" in said
    assert ids[1] in said


async def test_two_claimers_never_both_get_an_entry(group: Group) -> None:
    ids = group.left_behind(200)
    one, other = Seen(), Seen()
    await asyncio.gather(group.bus(one, "one:1:1"), group.bus(other, "two:2:2"))
    await eventually(lambda: not group.pending())
    got = [entry.id for seen in (one, other) for entry in seen.settled]
    assert sorted(got) == sorted(ids)


async def test_an_acknowledgement_that_failed_is_made_up_for_and_nothing_repeats(own_redis: RedisServer) -> None:
    seen = Seen()
    bus = OnServer(own_redis).bus()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    await bus.start()
    redis: Any = own_redis.client()
    try:
        redis.execute_command("ACL", "SETUSER", "default", "-xack")
        ids = await bus.publish(STREAM, [b"{}"])
        await eventually(lambda: seen.settled)
        assert await bus.waiting(STREAM, ids) == set(ids)
        redis.execute_command("ACL", "SETUSER", "default", "+xack")

        async def acknowledged() -> bool:
            return not await bus.waiting(STREAM, ids)

        await soon(acknowledged)
        assert len(seen.settled) == 1
    finally:
        redis.close()
        await bus.stop()


async def test_a_bus_does_not_claim_from_itself_what_it_is_working_on(group: Group) -> None:
    seen = Seen()
    seen.gate.clear()
    # Renewed only every 10 s here, while its own orphans are looked for all the time.
    await group.bus(seen, timings=QUICK._replace(orphan_idle_s=0.01, claim_every_s=0.01, claim_idle_s=30.0))
    [entry] = [group.redis.xadd(STREAM, {"data": "{}"}).decode()]
    await eventually(lambda: seen.batches)
    looks = int(group.redis.info("commandstats")["cmdstat_xpending"]["calls"])
    await eventually(lambda: int(group.redis.info("commandstats")["cmdstat_xpending"]["calls"]) > looks + 20)
    assert group.pending() == [(entry, "here:2:2", 1)]
    seen.gate.set()
    await eventually(lambda: not group.pending())
    assert len(seen.batches) == 1
