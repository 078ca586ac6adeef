"""What feeds carry: memberships, entries, fragments, versions."""

from datetime import timedelta
from uuid import UUID

import pytest

from schemas.article import RetractionKind
from schemas.jobs import FeedRef, SyndicatePlan
from tests.stores import ALL, SECTION, Newsroom, article, plan_of, published, retracted

SPORT = FeedRef("section/sport", "Sport", "section")


async def carried(room: Newsroom, name: str) -> list[str]:
    return [item.article_id for item in await room.store.feeds.window(name)]


async def test_a_feed_is_made_by_its_first_article_and_grows_by_one_version_with_each_change(room: Newsroom) -> None:
    first = await room.take(published(article()))
    await room.enrich(first)
    moved = await room.syndicate(first)
    assert moved == ['{"feed":"all","version":1}', '{"feed":"section/world","version":1}']
    second = await room.take(published(article("b1")))
    third = await room.take(published(article("c1")))
    await room.enrich(second, third)
    room.later(seconds=1)
    assert await room.syndicate(second, third, feeds=(ALL,)) == ['{"feed":"all","version":2}']
    head = await room.store.feeds.head("all")
    assert head is not None
    assert (head.version, head.items, head.changed_at, head.title) == (2, 3, room.now, "All stories")
    assert await room.store.feeds.head("section/none") is None
    assert await room.sums() == {"accepted": 3, "waiting": 3}  # their webhooks


async def test_an_equal_or_older_version_settles_its_event_and_changes_nothing(room: Newsroom) -> None:
    first = await room.take(published(article()))
    await room.enrich(first)
    jobs = await room.store.feeds.load([first])
    older = [plan_of(job, (SPORT,)) for job in jobs.values()]
    second = await room.take(published(article(title="New")))
    await room.enrich(second)
    await room.syndicate(second)
    assert await room.store.feeds.record(older, room.now) == []
    assert await carried(room, "section/sport") == []
    assert await room.store.feeds.load([first, second]) == {}
    assert await room.store.feeds.fragments("rss", [("a1", 0)]) == {"a1": (4, b"<rss>Newpublished")}


async def test_recording_a_plan_again_changes_nothing(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    plans = [plan_of(job, (ALL,)) for job in (await room.store.feeds.load([event_id])).values()]
    assert len(await room.store.feeds.record(plans, room.now)) == 1
    before = await room.store.feeds.head("all")
    assert await room.store.feeds.record(plans, room.later(seconds=9)) == []
    assert await room.store.feeds.head("all") == before


async def test_a_newer_version_that_changes_no_byte_moves_no_feed(room: Newsroom) -> None:
    event_id = await room.through(published(article()))
    window = await room.store.feeds.window("all")
    job_again = await room.take(published(article(title="Bonjour", revision=2, tags=("new",))))
    await room.enrich(job_again)
    [job] = (await room.store.feeds.load([job_again])).values()
    assert job.previous is not None
    entry = job.previous
    same = SyndicatePlan(
        job_again,
        "a1",
        job.version,
        entry,
        {"rss": b"<rss>Bonjourpublished", "atom": b"<atom>Bonjourpublished"},
        (ALL, SECTION),
    )
    assert await room.store.feeds.record([same], room.later(seconds=5)) == []
    assert await room.store.feeds.window("all") == window
    assert event_id


async def test_every_feed_that_ever_carried_an_article_is_remembered(room: Newsroom) -> None:
    first = await room.take(published(article()))
    await room.enrich(first)
    await room.syndicate(first)
    second = await room.take(published(article(title="Moved")))
    await room.enrich(second)
    room.later(seconds=1)
    moved = await room.syndicate(second, feeds=(ALL, SPORT))
    assert len(moved) == 3  # it left one, joined one, changed in one
    third = await room.take(retracted())
    await room.enrich(third)
    [job] = (await room.store.feeds.load([third])).values()
    assert job.feeds_ever == ("all", "section/sport", "section/world")
    left = {each.feed: each.left_at is not None for each in await room.store.feeds.for_article("a1")}
    assert left == {"all": False, "section/sport": False, "section/world": True}
    world = await room.store.feeds.head("section/world")
    assert world is not None
    assert (world.items, world.version) == (0, 2)


async def test_a_retraction_can_return_to_a_feed_that_the_article_had_left(room: Newsroom) -> None:
    for submission, feeds in (
        (published(article()), (ALL, SECTION)),
        (published(article(title="Moved")), (ALL,)),
        (retracted(kind=RetractionKind.TAKEDOWN), (ALL, SECTION)),
    ):
        event_id = await room.take(submission)
        await room.enrich(event_id)
        await room.syndicate(event_id, feeds=feeds)
    assert await carried(room, "section/world") == ["a1"]
    [(_, body)] = (await room.store.feeds.fragments("atom", [("a1", 0)])).values()
    assert body.endswith(b"takedown")


async def test_what_leaves_without_a_stub_is_in_no_window_and_has_no_bytes(room: Newsroom) -> None:
    event_id = await room.through(published(article(expires_at=room.now + timedelta(hours=1))))
    room.later(hours=2)
    await room.store.outbox.due(room.now, 10)
    assert len(await room.syndicate(f"{event_id}x", left=True)) == 2
    assert await carried(room, "all") == []
    assert await room.store.feeds.fragments("rss", [("a1", 0)]) == {}
    [job] = (await room.store.feeds.load([await _touch(room)])).values()
    assert job.feeds_ever == ("all", "section/world")
    assert job.previous is None


async def _touch(room: Newsroom) -> str:
    event_id = await room.take(published(article(title="Again")))
    await room.enrich(event_id)
    return event_id


async def test_nothing_older_returns_after_a_plan_that_showed_nothing(room: Newsroom) -> None:
    first = await room.take(published(article()))
    await room.enrich(first)
    older = [plan_of(job, (ALL,)) for job in (await room.store.feeds.load([first])).values()]
    gone = await room.take(retracted())
    await room.enrich(gone)
    assert await room.syndicate(gone, feeds=()) == []  # never carried: no stub
    assert await room.store.feeds.record(older, room.now) == []
    assert await carried(room, "all") == []


async def test_what_was_taken_back_before_any_feed_carried_it_can_return_with_its_id(room: Newsroom) -> None:
    gone = await room.take(retracted(revision=1))
    await room.enrich(gone)
    await room.syndicate(gone, feeds=())
    back = await room.take(published(article(revision=2), reinstate=True))
    await room.enrich(back)
    [job] = (await room.store.feeds.load([back])).values()
    await room.syndicate(back)
    assert [item.entry_id for item in await room.store.feeds.window("all")] == [job.entry_id]


async def test_a_window_is_ordered_by_when_articles_moved_in_it(room: Newsroom) -> None:
    for name in ("a1", "b1", "c1"):
        await room.through(published(article(name)))
        room.later(seconds=1)
    await room.through(published(article("a1", "Corrected")))
    window = await room.store.feeds.window("all")
    assert [item.article_id for item in window] == ["a1", "c1", "b1"]
    assert window[0].version > window[1].version
    assert [item.article_id for item in await room.store.feeds.window("all", limit=1)] == ["a1"]


async def test_an_entry_keeps_its_id_through_every_revision(room: Newsroom) -> None:
    ids: set[str] = set()
    for title in ("One", "Two", "Three"):
        event_id = await room.take(published(article(title=title)))
        await room.enrich(event_id)
        ids.update(job.entry_id for job in (await room.store.feeds.load([event_id])).values())
        await room.syndicate(event_id)
    [only] = ids
    assert UUID(only.removeprefix("urn:uuid:")).version == 5
    own = await room.take(published(article("tag:paper.example,2026:7")))
    await room.enrich(own)
    [job] = (await room.store.feeds.load([own])).values()
    assert job.entry_id == "tag:paper.example,2026:7"


async def test_pollers_learn_which_feeds_moved(room: Newsroom) -> None:
    token, moved = await room.store.feeds.moved_since(None)
    assert (token, moved) == (None, [])
    await room.through(published(article()))
    token, moved = await room.store.feeds.moved_since(token)
    assert sorted(moved) == [("all", 1), ("section/world", 1)]
    room.later(minutes=1)
    event_id = await room.take(published(article("b1")))
    await room.enrich(event_id)
    await room.syndicate(event_id, feeds=(ALL,))
    token, moved = await room.store.feeds.moved_since(token)
    assert ("all", 2) in moved
    room.later(minutes=1)
    assert await room.store.feeds.moved_since(token) == (token, [("all", 2)])  # shortly before comes again


async def test_feeds_are_listed_by_name(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    await room.syndicate(event_id, feeds=tuple(FeedRef(f"tag/{n}", str(n), "tag") for n in range(5)))
    page = await room.store.feeds.list(limit=3)
    rest = await room.store.feeds.list(page.next, limit=3)
    assert [each.name for each in page.items + rest.items] == [f"tag/{n}" for n in range(5)]
    assert rest.next is None
    assert await room.store.feeds.count() == 5
    with pytest.raises(ValueError, match="cursor"):
        await room.store.feeds.list("?")
