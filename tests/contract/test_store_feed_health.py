"""How feeds are read and how they fare: counts that add up over processes, rhythms, verdicts."""

import asyncio
from datetime import timedelta
from hashlib import blake2b

from schemas.feed_health import ClientCount, Judged, Readers
from services.store.sketch import SIZE, add, estimate, merged
from tests.stores import Newsroom, OpenAgain, article, published

DAY = 20_000


def seen(*hashes: int) -> bytes:
    sketch = bytearray(SIZE)
    for each in hashes:
        add(sketch, each)
    return bytes(sketch)


def spread(count: int, start: int = 0) -> list[int]:
    return [int.from_bytes(blake2b(b"%d" % n, digest_size=8).digest()) for n in range(start, start + count)]


def test_a_sketch_counts_different_ones_and_adds_up() -> None:
    for count in (0, 1, 7, 100, 1_000, 50_000):
        assert abs(estimate(seen(*spread(count), *spread(count))) - count) <= max(1, count * 0.15)
    both = merged(seen(*spread(600)), seen(*spread(600, 300)))
    assert both == seen(*spread(900))


async def test_counts_add_up_whoever_adds(room: Newsroom, open_again: OpenAgain) -> None:
    stores = [room.store.feed_health]
    if room.store.database.dialect == "postgresql":
        stores += [open_again().feed_health for _ in range(3)]
    told = [
        ClientCount("all", DAY, "rss", "Feedly", 3, 2, 1, 0, 500, 1_234),
        ClientCount("all", DAY, "atom", "Feedly", 1, 0, 0, 1, 100, 7),
    ]
    await asyncio.gather(*(store.add(told, [Readers("all", DAY, seen(*spread(5)))]) for store in stores))
    await stores[0].add([ClientCount("all", DAY + 1, "rss", "Feedly", 1, 1, 0, 0, 0, 1_300)], [])
    found = await room.store.feed_health.clients(["all"], DAY)
    [rss] = found["all", "rss"]
    many = len(stores)
    assert (rss.requests, rss.not_modified, rss.unconditional, rss.bytes_sent) == (
        3 * many + 1,
        2 * many + 1,
        many,
        500 * many,
    )
    assert rss.subscribers == 1_300  # the last that it told, not a sum
    [atom] = found["all", "atom"]
    assert (atom.limited, atom.subscribers) == (many, 7)
    assert await room.store.feed_health.readers(["all", "none"], DAY) == {"all": 5}


async def test_readers_of_several_processes_are_counted_once(room: Newsroom) -> None:
    health = room.store.feed_health
    await health.add([], [Readers("all", DAY, seen(*spread(40)))])
    await health.add([], [Readers("all", DAY, seen(*spread(40, 20))), Readers("b", DAY, seen(*spread(1)))])
    found = await health.readers(["all", "b"], DAY)
    assert abs(found["all"] - 60) <= 6
    assert found["b"] == 1


async def test_days_that_are_over_keep_no_sketch_and_old_ones_go(room: Newsroom) -> None:
    health = room.store.feed_health
    await health.add([ClientCount("all", DAY, "rss", "curl", 1)], [Readers("all", DAY, seen(1))])
    await health.prune(DAY - 30, DAY + 1)
    assert await health.readers(["all"], DAY) == {"all": 1}
    await health.add([], [Readers("all", DAY, seen(2))])  # told late: counts anew rather than twice
    await health.prune(DAY + 1, DAY + 31)
    assert await health.readers(["all"], DAY) == {}
    assert await health.clients(["all"], DAY) == {}


async def test_a_pulse_keeps_the_longest_pause_and_forgets_it_slowly(room: Newsroom) -> None:
    health = room.store.feed_health
    await room.through(published(article()))
    at = room.now
    for hours in (0, 10, 11, 11, 5):
        await health.beat([("all", at + timedelta(hours=hours))])
    [pulse] = await health.pulses(["all"])
    assert (pulse.moves, pulse.longest_s, pulse.since) == (3, round(36_000 * 0.5 ** (1 / 336)), at)
    await health.beat([("all", at + timedelta(days=20))])
    [pulse] = await health.pulses(["all"])
    assert pulse.longest_s == (timedelta(days=20) - timedelta(hours=11)).total_seconds()


async def test_every_standing_feed_has_a_pulse(room: Newsroom) -> None:
    await room.through(published(article()))
    assert {pulse.feed: pulse.moves for pulse in await room.store.feed_health.pulses()} == {
        "all": 0,
        "section/world": 0,
    }
    assert await room.store.feed_health.moved_since(None) == [("all", room.now), ("section/world", room.now)]
    assert await room.store.feed_health.moved_since(room.later(seconds=1)) == []


async def test_a_verdict_replaces_the_one_before(room: Newsroom) -> None:
    health = room.store.feed_health
    bad = Judged("all", "rss", 1, room.now, 500, ((7, "content", "is <bad>"), (9, "link", "x")))
    await health.judged(bad)
    await health.judged(bad)
    await health.judged(Judged("all", "atom", 1, room.now, 400))
    assert await health.faulty() == (2, 1, ["all"])
    assert [(fault.format, fault.rule, fault.where, fault.what) for fault in await health.faults("all")] == [
        ("rss", 7, "content", "is <bad>"),
        ("rss", 9, "link", "x"),
    ]
    await health.judged(bad._replace(version=2, faults=()))
    assert await health.faulty() == (2, 0, [])
    assert await health.faults("all") == []
    assert [(one.format, one.version, one.bytes, one.faults) for one in await health.checks(["all"])] == [
        ("atom", 1, 400, 0),
        ("rss", 2, 500, 0),
    ]


async def test_dropped_characters_of_what_a_feed_carries(room: Newsroom) -> None:
    await room.through(published(article()))
    assert await room.store.feed_health.dropped_characters("all") == 0
