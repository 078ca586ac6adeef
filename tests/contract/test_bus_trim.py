"""Safe trim (L21): whatever two groups do, no entry that one of them still needs is ever lost."""

import random
from collections.abc import Generator
from typing import Any

import pytest

from schemas.topics import ENRICHED, FEED_UPDATED, INBOX
from services.bus.link import Link
from services.bus.trim import Trimmer
from tests.buses import QUICK, OnServer, Seen, eventually
from tests.servers_redis import RedisServer

STREAM, GROUPS = ENRICHED.name, ENRICHED.groups


@pytest.fixture
def redis(each_redis: RedisServer) -> Generator[Any]:
    with each_redis.client() as client:
        yield client


@pytest.mark.parametrize("seed", range(3))
async def test_random_rounds_lose_nothing_and_leave_little(  # noqa: C901 - one random walk
    each_redis: RedisServer, redis: Any, seed: int
) -> None:
    chance = random.Random(seed)
    link = Link(each_redis.url)
    trimmer = Trimmer(link, QUICK)
    for group in GROUPS:
        redis.xgroup_create(STREAM, group, id="0", mkstream=True)
    redis.config_set("stream-node-max-entries", "5")  # `~` trims whole nodes; small ones put it to the test
    unread: dict[str, list[bytes]] = {group: [] for group in GROUPS}
    pending: dict[str, list[bytes]] = {group: [] for group in GROUPS}
    for _ in range(400):
        group = chance.choice(GROUPS)
        match chance.randrange(4):
            case 0:
                for _ in range(chance.randrange(1, 8)):
                    entry_id = redis.xadd(STREAM, {"data": "{}"})
                    for ids in unread.values():
                        ids.append(entry_id)
            case 1:
                found = redis.xreadgroup(group, "me", {STREAM: ">"}, count=chance.randrange(1, 10))
                got = [entry_id for entry_id, _ in found[0][1]] if found else []
                assert got == unread[group][: len(got)], "unread entries were lost"
                assert bool(got) == bool(unread[group])
                del unread[group][: len(got)]
                pending[group] += got
            case 2:
                done = [one for one in pending[group] if chance.random() < 0.5]
                if done:
                    redis.xack(STREAM, group, *done)
                pending[group] = [one for one in pending[group] if one not in done]
            case _:
                await trimmer.trim(STREAM, GROUPS)
                kept = {entry_id for entry_id, _ in redis.xrange(STREAM)}
                for name in GROUPS:
                    assert kept >= set(unread[name]) | set(pending[name])
    for group in GROUPS:
        redis.xreadgroup(group, "me", {STREAM: ">"})
        redis.xack(STREAM, group, *(entry_id for entry_id, _ in redis.xrange(STREAM)))
    await trimmer.trim(STREAM, GROUPS)
    assert redis.xlen(STREAM) < 10
    redis.config_set("stream-node-max-entries", "100")
    await link.close()


async def test_a_stream_is_not_trimmed_while_a_group_of_the_map_is_missing(each_redis: RedisServer, redis: Any) -> None:
    link = Link(each_redis.url)
    redis.xgroup_create(STREAM, GROUPS[0], id="0", mkstream=True)
    redis.config_set("stream-node-max-entries", "1")
    ids = [redis.xadd(STREAM, {"data": "{}"}) for _ in range(5)]
    redis.xreadgroup(GROUPS[0], "me", {STREAM: ">"})
    redis.xack(STREAM, GROUPS[0], *ids)
    assert await Trimmer(link, QUICK).trim(STREAM, GROUPS) == 0
    redis.xgroup_create(STREAM, GROUPS[1], id="0")
    assert await Trimmer(link, QUICK).trim(STREAM, GROUPS) == 0
    redis.xgroup_setid(STREAM, GROUPS[1], "$")
    assert await Trimmer(link, QUICK).trim(STREAM, GROUPS) == 5
    redis.config_set("stream-node-max-entries", "100")
    await link.close()


async def test_a_stream_without_groups_keeps_its_last_minutes(each_redis: RedisServer, redis: Any) -> None:
    link = Link(each_redis.url)
    redis.config_set("stream-node-max-entries", "1")
    now_ms = redis.time()[0] * 1000
    for age_s in (3600, 700, 30):
        redis.xadd(FEED_UPDATED.name, {"data": "{}"}, id=f"{now_ms - age_s * 1000}-0")
    assert await Trimmer(link, QUICK).trim(FEED_UPDATED.name, ()) == 2
    assert await Trimmer(link, QUICK).trim("no.such.stream", ()) == 0
    redis.config_set("stream-node-max-entries", "100")
    await link.close()


async def test_a_running_bus_trims_what_everyone_has_read(each_redis: RedisServer, redis: Any) -> None:
    redis.config_set("stream-node-max-entries", "1")
    seen = Seen()
    bus = OnServer(each_redis).bus()
    bus.subscribe(INBOX, "ingest", seen.handle)
    await bus.start()
    await bus.publish(INBOX.name, [b"{}"] * 30)
    await eventually(lambda: len(seen.settled) == 30 and redis.xlen(INBOX.name) == 0)
    await bus.stop()
    redis.config_set("stream-node-max-entries", "100")


async def test_at_maxmemory_reading_acknowledging_and_trimming_go_on(own_redis: RedisServer) -> None:
    seen = Seen()
    seen.gate.clear()
    bus = OnServer(own_redis).bus()
    with own_redis.client() as client:
        redis: Any = client
        redis.config_set("stream-node-max-entries", "1")
        redis.xgroup_create(INBOX.name, "ingest", id="0", mkstream=True)
        for _ in range(100):
            redis.xadd(INBOX.name, {"data": "{}"})
        bus.subscribe(INBOX, "ingest", seen.handle)
        await bus.start()
        redis.config_set("maxmemory", "1mb")
        with pytest.raises(Exception, match=r"OOM|maxmemory"):
            redis.xadd(INBOX.name, {"data": "{}"})
        seen.gate.set()
        await eventually(lambda: len(seen.settled) == 100 and redis.xlen(INBOX.name) == 0)
    await bus.stop()
