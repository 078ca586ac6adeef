"""What the store knows of static copies, and what it announces: the same on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, update

from schemas.publishing import Copied, Counts
from services.store.static_copies import LeaseLost
from services.store.tables import entry as stored_entry
from services.store.tables import feed_definition
from tests.stores import Newsroom, article, published

PLACE = "s3://bucket"


async def lease(room: Newsroom, owner: str = "one") -> int:
    fence = await room.store.static.lease(PLACE, owner, room.now + timedelta(seconds=60), room.now)
    assert fence is not None
    return fence


async def define(room: Newsroom, name: str, **fields: object) -> None:
    times = {"created_at": room.now, "changed_at": room.now}
    filling = {"searches": 0, "version": 0, "filled": 0, "evaluated": 0}
    values = {"feed": name, "address": name, "body": "full", **times, **filling, **fields}

    def unit(connection: Connection) -> None:
        connection.execute(insert(feed_definition), values)

    await room.store.database.write(unit)


async def outdated(room: Newsroom, layout: str = "L") -> list[str]:
    return [one.name for one in await room.store.static.outdated(PLACE, layout)]


async def test_one_process_writes_at_a_time_and_another_takes_over(room: Newsroom) -> None:
    first = await lease(room)
    assert await room.store.static.lease(PLACE, "two", room.now + timedelta(60), room.now) is None
    assert await room.store.static.renew(PLACE, first, room.now + timedelta(seconds=90))
    assert await lease(room) == first + 1, "the same owner, started again, does not wait"
    room.later(seconds=61)
    second = await lease(room, "two")
    with pytest.raises(LeaseLost):
        await room.store.static.note(PLACE, first, "all", "", {"a": "1"})
    assert not await room.store.static.renew(PLACE, first, room.now)
    await room.store.static.release(PLACE, first)
    assert await room.store.static.lease(PLACE, "three", room.now, room.now) is None, "an old lease releases nothing"
    await room.store.static.release(PLACE, second)
    assert await lease(room, "three") == second + 1


async def test_a_feed_is_outdated_until_its_very_version_is_there(room: Newsroom) -> None:
    fence = await lease(room)
    await room.through(published(article()), to=())
    assert await outdated(room) == ["all", "section/world"]
    [first, _] = await room.store.static.outdated(PLACE, "L")
    assert first.feed is not None
    assert (first.copied, first.changed_at) == (Copied(), room.now)
    await room.store.static.copied(PLACE, fence, "all", Copied(1, None, "L", "all", 1, 0))
    assert await outdated(room) == ["section/world"]
    assert await outdated(room, "other layout") == ["all", "section/world"]
    room.later(minutes=5)
    await room.through(published(article("b1")), to=())
    assert await outdated(room) == ["all", "section/world"]
    lately = await room.store.static.outdated(PLACE, "L", room.now)
    assert [(one.name, one.copied.version) for one in lately] == [("all", 1), ("section/world", -1)]
    assert await room.store.static.outdated(PLACE, "L", room.later(minutes=5)) == []


async def test_a_feed_that_ends_or_becomes_private_is_outdated_once_and_then_never(room: Newsroom) -> None:
    fence = await lease(room)
    await room.through(published(article()), to=())
    for name in ("all", "section/world"):
        await room.store.static.copied(PLACE, fence, name, Copied(1, None, "L", name, 1, 0))
    assert await outdated(room) == []
    await define(room, "section/world", ended_at=room.now)
    [ended] = await room.store.static.outdated(PLACE, "L")
    assert (ended.name, ended.feed) == ("section/world", None)
    await room.store.static.copied(PLACE, fence, "section/world", None)
    assert await outdated(room) == []


async def test_a_private_feed_never_is_outdated_nor_announced(room: Newsroom) -> None:
    await room.through(published(article()), to=())
    await room.store.subscribers.create("p1", "P", room.now)
    await define(room, "section/world", owner="p1")
    assert await outdated(room) == ["all"]
    assert [row.name for row in await room.store.directory.public()] == ["all"]
    assert [row.name for row in await room.store.directory.of_subscriber("p1")] == ["section/world"]
    assert await room.store.directory.of_subscriber("p2") == []


async def test_objects_are_known_by_part_and_forgotten(room: Newsroom) -> None:
    static, fence = room.store.static, await lease(room)
    await static.note(PLACE, fence, "all", "", {"feeds/all.rss": None, "feeds/all.atom": None})
    await static.note(PLACE, fence, "all", "", {"feeds/all.rss": "t1"})
    await static.note(PLACE, fence, "all", "all/archive/1", {"feeds/all/archive/1/1-25.rss": "t2"})
    assert await static.known(PLACE, "all") == {"feeds/all.rss": "t1", "feeds/all.atom": None}
    assert await static.known("file:///other", "all") == {}
    assert await static.others(PLACE, "all", ["", "all/archive/2"]) == ["feeds/all/archive/1/1-25.rss"]
    assert len(await static.others(PLACE, "all", [])) == 3
    await static.forget(PLACE, fence, "all", ["feeds/all.rss"])
    await static.forget(PLACE, fence, "other", ["feeds/all.atom"])
    assert await static.known(PLACE, "all") == {"feeds/all.atom": None}


async def test_asking_makes_everything_outdated_and_counts_from_zero(room: Newsroom) -> None:
    static, fence = room.store.static, await lease(room)
    await room.through(published(article()), to=())
    for name in ("all", "section/world"):
        await static.copied(PLACE, fence, name, Copied(1, None, "L", name, 1, 0))
    await static.note(PLACE, fence, "all", "", {"feeds/all.rss": "t1"})
    await static.report(PLACE, fence, Counts(3, 2, 1), done_at=room.now, behind_since=None, fault=None)
    [state] = await static.places()
    assert (state.written, state.unchanged, state.removed, state.done_at) == (3, 2, 1, room.now)
    assert await static.ask(room.later(hours=9)) == [PLACE]
    assert len(await static.outdated(PLACE, "L", room.now)) == 2, "also to who only looks at what moved lately"
    assert await static.known(PLACE, "all") == {"feeds/all.rss": None}
    [state] = await static.places()
    assert (state.written, state.asked_at) == (0, room.now)


async def test_the_directory_moves_when_a_feed_begins_and_not_with_every_story(room: Newsroom) -> None:
    assert (await room.store.directory.state()) == (0, None, 0)
    await room.through(published(article()), to=())
    begun = await room.store.directory.state()
    assert begun == (2, room.now, 1)
    room.later(hours=1)
    await room.through(published(article("b1")), to=())
    assert await room.store.directory.state() == begun._replace(version=2)
    await define(room, "section/world", title="Monde")
    assert await room.store.directory.state() == (2, room.now, 2)
    assert [row.title for row in await room.store.directory.public()] == ["All stories", "Monde"]


async def test_what_came_out_is_listed_until_it_is_taken_back(room: Newsroom) -> None:
    await room.through(published(article()), to=())
    later = room.later(hours=3)
    await room.through(published(article("b1")), to=())
    since = room.now - timedelta(hours=48)
    assert [one.article_id for one in await room.store.directory.published_since(since)] == ["a1", "b1"]
    assert [one.article_id for one in await room.store.directory.published_since(later)] == ["b1"]
    out = await room.store.directory.published_since(later)
    [(version, entry)] = await room.store.directory.entries(["b1", "none"])
    assert (version, entry.title) == (out[0].made, "Bonjour")

    def taken_back(connection: Connection) -> None:
        connection.execute(update(stored_entry).where(stored_entry.c.article_id == "b1").values(gone_at=room.now))

    await room.store.database.write(taken_back)
    assert await room.store.directory.published_since(later) == []
