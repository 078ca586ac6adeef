"""The framework's known limits on Redis streams, each with the proof that ours does not have it.

`L1` … `L27` number them as docs/decisions.md does; what test_bus.py and test_bus_claims.py prove is
not repeated here. On Redis and on Valkey.
"""

import time
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.topics import ACCEPTED, INBOX, TOPICS
from services.bus import BusUnavailable, StreamFull, Timings
from services.bus.redis import RedisBus
from tests.buses import QUICK, OnServer, Seen, clock, eventually
from tests.servers_redis import RedisServer

STREAM, GROUP = ACCEPTED.name, "enrich"


@pytest.fixture
def redis(each_redis: RedisServer) -> Generator[Any]:
    with each_redis.client() as client:
        yield client


@pytest.fixture
async def stopped_later() -> AsyncGenerator[list[RedisBus]]:
    buses: list[RedisBus] = []
    yield buses
    for bus in buses:
        await bus.stop()


@pytest.fixture
async def bus(each_redis: RedisServer, stopped_later: list[RedisBus]) -> RedisBus:
    made = OnServer(each_redis).bus()
    stopped_later.append(made)
    return made


def calls(redis: Any, command: str) -> int:
    return int(redis.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))


def seconds(redis: Any) -> float:
    whole, micros = redis.time()
    return float(whole) + float(micros) / 1e6


async def passed(redis: Any, for_s: float) -> None:
    """Let time pass, by the server's clock."""
    since = seconds(redis)
    await eventually(lambda: seconds(redis) - since >= for_s)


async def test_l1_every_group_of_the_map_exists_at_0_once_a_bus_has_started(bus: RedisBus, redis: Any) -> None:
    redis.xadd(INBOX.name, {"data": "{}"})
    await bus.start()
    for topic in TOPICS.values():
        if topic.groups:
            rows = redis.xinfo_groups(topic.name)
            assert {row["name"].decode() for row in rows} == set(topic.groups)
            assert {row["last-delivered-id"] for row in rows} == {b"0-0"}


async def test_l2_an_idle_reader_with_entries_of_its_own_pending_does_not_spin(bus: RedisBus, redis: Any) -> None:
    redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    redis.xadd(STREAM, {"data": "{}"})
    redis.xreadgroup(GROUP, "here:1:1", {STREAM: ">"})
    bus.subscribe(ACCEPTED, GROUP, Seen().handle)
    await bus.start()
    before = calls(redis, "xreadgroup")
    await passed(redis, 0.4)
    assert calls(redis, "xreadgroup") - before <= 0.4 / QUICK.poll_s + 3


async def test_l5_l6_a_long_pending_list_of_another_costs_one_look_per_tick(
    each_redis: RedisServer, stopped_later: list[RedisBus], redis: Any
) -> None:
    bus = OnServer(each_redis).bus(timings=QUICK._replace(claim_idle_s=600.0))  # the other is busy, not gone
    stopped_later.append(bus)
    redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    for _ in range(500):
        redis.xadd(STREAM, {"data": "{}"})
    redis.xreadgroup(GROUP, "busy:1:1", {STREAM: ">"}, count=500)
    bus.subscribe(ACCEPTED, GROUP, Seen().handle)
    await bus.start()
    before = calls(redis, "xpending")
    await passed(redis, 0.2)
    assert calls(redis, "xpending") - before <= 4 * 0.2 / QUICK.claim_every_s + 10
    assert calls(redis, "xclaim") == calls(redis, "xautoclaim") == 0


@pytest.mark.parametrize("loss", ["flushall", "delete", "destroy"])
async def test_l9_a_lost_group_is_made_anew_and_what_came_meanwhile_is_read(
    bus: RedisBus, redis: Any, loss: str
) -> None:
    seen = Seen()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    await bus.start()
    await eventually(lambda: bus.health()[0].running)
    if loss == "flushall":
        redis.flushall()
    elif loss == "delete":
        redis.delete(STREAM)
    else:
        redis.xgroup_destroy(STREAM, GROUP)
    redis.xadd(STREAM, {"data": '{"n":1}'})
    await eventually(lambda: b'{"n":1}' in seen.bodies)
    assert bus.health()[0].restarts >= 1


async def test_l10_l11_a_reader_that_redis_refuses_is_reported_dead_and_does_not_spin(own_redis: RedisServer) -> None:
    seen = Seen()
    bus = OnServer(own_redis).bus()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    await bus.start()
    await eventually(lambda: bus.health()[0].running)
    try:
        with own_redis.client() as redis:
            plain: Any = redis
            plain.execute_command("ACL", "SETUSER", "default", "-xreadgroup")
            await eventually(lambda: not bus.health()[0].running)
            before = calls(plain, "xreadgroup")
            await passed(plain, 0.5)
            assert calls(plain, "xreadgroup") - before < 60, "not a loop without a pause"
            assert (await bus.server()).reachable, "a ping would have called this healthy"
            plain.execute_command("ACL", "SETUSER", "default", "+xreadgroup")
        await bus.publish(STREAM, [b"{}"])
        await eventually(lambda: seen.settled)
        assert bus.health()[0].error is None
    finally:
        await bus.stop()


async def test_l12_a_bus_starts_while_redis_is_away_and_reads_soon_after_it_comes(own_redis: RedisServer) -> None:
    own_redis.kill()
    seen = Seen()
    bus = OnServer(own_redis).bus()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    try:
        await bus.start()
        health = bus.health()[0]
        assert not health.running
        assert health.error
        own_redis.start()
        with own_redis.client() as redis:
            redis.xadd(STREAM, {"data": "{}"})
        await eventually(lambda: seen.settled, within_s=3.0)
    finally:
        await bus.stop()


async def test_l12_a_lost_connection_is_not_followed_by_five_blind_seconds(own_redis: RedisServer) -> None:
    seen = Seen()
    bus = OnServer(own_redis).bus()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    try:
        await bus.start()
        await eventually(lambda: bus.health()[0].running)
        own_redis.restart()
        with own_redis.client() as redis:
            redis.xadd(STREAM, {"data": "{}"})
        await eventually(lambda: seen.settled, within_s=3.0)
    finally:
        await bus.stop()


async def test_l15_one_read_takes_no_more_than_a_batch_of_a_long_backlog(bus: RedisBus, redis: Any) -> None:
    for _ in range(INBOX.batch * 4):
        redis.xadd(INBOX.name, {"data": "{}"})
    seen = Seen()
    seen.gate.clear()
    bus.subscribe(INBOX, "ingest", seen.handle)
    await bus.start()
    await eventually(lambda: seen.batches)
    await passed(redis, 0.1)
    assert redis.xpending(INBOX.name, "ingest")["pending"] == INBOX.batch
    seen.gate.set()
    await eventually(lambda: len(seen.settled) == INBOX.batch * 4)


def test_l16_a_blocking_read_ends_before_the_socket_times_out() -> None:
    assert Timings().poll_s < Timings().answer_s <= 5.0


async def test_l17_an_address_that_asks_for_resp3_is_read_all_the_same(
    each_redis: RedisServer, stopped_later: list[RedisBus]
) -> None:
    seen = Seen()
    bus = RedisBus(f"{each_redis.url}?protocol=3", clock=clock, consumer="here:1:1", timings=QUICK)
    stopped_later.append(bus)
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    await bus.start()
    ids = await bus.publish(STREAM, [b'{"n":1}'])
    await eventually(lambda: seen.settled)
    assert [entry.id for entry in seen.settled] == ids


async def test_l18_l24_l26_what_the_frameworks_own_clients_write_is_read_exactly(
    bus: RedisBus, each_redis: RedisServer
) -> None:
    from faststream.redis import RedisBroker

    seen = Seen()
    bus.subscribe(INBOX, "ingest", seen.handle)
    await bus.start()
    async with RedisBroker(f"{each_redis.url}?protocol=2") as foreign:
        await foreign.publish({"id": "a", "title": "Brücke"}, stream=INBOX.name, headers={"desk": "Köln – Süd"})
        await foreign.publish({"id": "b", "data": "a plain string"}, stream=INBOX.name)
    await eventually(lambda: len(seen.settled) == 2)
    first, second = seen.bodies
    assert first == b'{"id":"a","title":"Br\xc3\xbccke"}'
    assert second == b'{"id":"b","data":"a plain string"}', "no envelope is guessed from JSON"


async def test_l19_a_batch_is_acknowledged_with_one_call(bus: RedisBus, redis: Any) -> None:
    seen = Seen()
    seen.gate.clear()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    await bus.start()
    await bus.publish(STREAM, [b"{}"])
    await eventually(lambda: seen.batches)
    await bus.publish(STREAM, [b"{}"] * 40)
    seen.gate.set()
    await eventually(lambda: not redis.xpending(STREAM, GROUP)["pending"] and len(seen.settled) == 41)
    assert calls(redis, "xack") == len(seen.batches) == 2


async def test_l20_a_failing_handler_is_logged_and_a_working_one_is_not(bus: RedisBus) -> None:
    failing = True
    seen = Seen(lambda _: KeyError("no such thing") if failing else None)
    bus.on_poison = seen.bury
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    await bus.start()
    with capture_logs() as lines:
        await bus.publish(STREAM, [b"{}"])
        await eventually(lambda: seen.buried)
    assert "no such thing" in str(lines)
    failing = False
    with capture_logs() as lines:
        await bus.publish(STREAM, [b"{}"])
        await eventually(lambda: seen.settled)
    assert lines == []


async def test_l25_connections_stay_few(bus: RedisBus, redis: Any) -> None:
    for topic in TOPICS.values():
        for group in topic.groups:
            bus.subscribe(topic, group, Seen().handle)
    before = len(redis.client_list())
    await bus.start()
    for _ in range(20):
        await bus.publish(STREAM, [b"{}"])
    assert len(redis.client_list()) - before <= 4 + 4 * 3


async def test_the_relay_is_refused_when_a_stream_is_full_and_admitted_when_it_drained(
    each_redis: RedisServer, redis: Any, stopped_later: list[RedisBus]
) -> None:
    redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    for _ in range(11):
        redis.xadd(STREAM, {"data": "{}"})
    bus = RedisBus(each_redis.url, clock=clock, consumer="here:1:1", timings=QUICK, stream_limit=10)
    stopped_later.append(bus)
    await bus.start()
    with pytest.raises(StreamFull, match=STREAM):
        await bus.publish(STREAM, [b"{}"])
    assert await bus.publish(INBOX.name, [b"{}"]), "another stream is not held up by it"
    redis.xtrim(STREAM, maxlen=0)
    await eventually(lambda: (bus._seen.lengths or {}).get(STREAM) == 0)
    assert await bus.publish(STREAM, [b"{}"])


async def test_the_relay_is_refused_before_the_memory_is_full(own_redis: RedisServer) -> None:
    bus = OnServer(own_redis).bus()
    try:
        with own_redis.client() as redis:
            redis.config_set("maxmemory", "100mb")
            await bus.start()
            assert await bus.publish(STREAM, [b"{}"])
            used = redis.info("memory")["used_memory"]  # pyright: ignore[reportIndexIssue, reportUnknownVariableType]
            redis.config_set("maxmemory", str(int(used / 0.8)))  # pyright: ignore[reportUnknownArgumentType]
            await eventually(lambda: (bus._seen.memory_ratio or 0) > 0.7)
            with pytest.raises(StreamFull, match="memory"):
                await bus.publish(STREAM, [b"{}"])
    finally:
        await bus.stop()


async def test_health_tells_how_long_ago_a_reader_last_asked(bus: RedisBus, redis: Any) -> None:
    seen = Seen()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    assert bus.health()[0].last_poll_age_s is None
    await bus.start()
    await passed(redis, 3 * QUICK.poll_s)
    assert 0 <= (bus.health()[0].last_poll_age_s or 0) < 3 * QUICK.poll_s, "an idle reader asks again and again"
    seen.gate.clear()
    await bus.publish(STREAM, [b"{}"])
    await eventually(lambda: (bus.health()[0].last_poll_age_s or 0) > 3 * QUICK.poll_s)
    assert bus.health()[0].busy_s > 0
    seen.gate.set()


async def test_ages_follow_the_servers_clock_and_are_never_negative(bus: RedisBus, redis: Any) -> None:
    await bus.start()
    now_ms = int(seconds(redis) * 1000)
    redis.xadd(STREAM, {"data": "{}"}, id=f"{now_ms - 90_000}-0")
    redis.xadd(INBOX.name, {"data": "{}"}, id=f"{now_ms + 600_000}-0")
    rows = {row.group: row for row in await bus.stats()}
    assert 90 <= (rows[GROUP].oldest_undelivered_s or 0) < 100
    assert rows["ingest"].oldest_undelivered_s == 0.0
    redis.xreadgroup(GROUP, "slow", {STREAM: ">"})
    row = next(row for row in await bus.stats() if row.group == GROUP)
    assert 90 <= (row.oldest_pending_s or 0) < 100
    assert (row.undelivered, row.pending, row.oldest_undelivered_s) == (0, 1, 0.0)


async def test_a_lag_that_redis_does_not_know_is_unknown_and_not_0(bus: RedisBus, redis: Any) -> None:
    await bus.start()
    ids = [redis.xadd(STREAM, {"data": "{}"}) for _ in range(4)]
    redis.xreadgroup(GROUP, "one", {STREAM: ">"}, count=1)
    redis.xdel(STREAM, ids[2])
    row = next(row for row in await bus.stats() if row.group == GROUP)
    assert row.undelivered is None
    assert (row.oldest_undelivered_s or 0) >= 0
    assert row.pending == 1


async def test_a_server_that_hangs_holds_no_publisher_for_long(own_redis: RedisServer) -> None:
    bus = OnServer(own_redis).bus()
    await bus.start()
    try:
        assert await bus.publish(STREAM, [b"{}"])
        own_redis.freeze()
        await eventually(lambda: bus._away, within_s=15.0)
        began = time.monotonic()
        with pytest.raises(BusUnavailable):
            await bus.publish(STREAM, [b"{}"])
        assert time.monotonic() - began < 2
        own_redis.thaw()
        assert await bus.publish(STREAM, [b"{}"])
    finally:
        own_redis.thaw()
        await bus.stop()


async def test_a_restart_of_redis_cancels_no_running_handler(own_redis: RedisServer) -> None:
    seen = Seen()
    seen.gate.clear()
    bus = OnServer(own_redis).bus()
    bus.subscribe(ACCEPTED, GROUP, seen.handle)
    await bus.start()
    try:
        await bus.publish(STREAM, [b"{}"])
        await eventually(lambda: seen.batches)
        run_id = bus._run_id
        own_redis.restart()
        await eventually(lambda: bus._run_id != run_id)
        with own_redis.client() as redis:
            await passed(redis, 2 * QUICK.grace_s)
        seen.gate.set()
        await eventually(lambda: len(seen.settled) == 1)
        await bus.publish(STREAM, [b"{}"])
        await eventually(lambda: len(seen.settled) == 2)
    finally:
        await bus.stop()
