"""What pages read: the directory, a feed's latest stories, one story, one item. On both databases."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import Connection, insert

from schemas.article import RetractionKind
from schemas.definition import Definition
from schemas.jobs import FeedRef
from services.store.tables import feed
from tests.stores import ALL, SECTION, Newsroom, article, published, retracted

TAG = FeedRef("tag/100%", "100 %", "tag")
MUSEUM = FeedRef("section/musee", "Musée d’Été", "section")


async def say(room: Newsroom, article_id: str, feeds: Sequence[FeedRef] = (ALL, SECTION)) -> None:
    event_id = await room.take(published(article(article_id, title=f"Title of {article_id}")))
    await room.enrich(event_id)
    room.later(seconds=1)
    await room.syndicate(event_id, feeds=tuple(feeds))


async def key(room: Newsroom, article_id: str) -> str:
    return uuid5(UUID(await room.store.meta.get("namespace")), article_id).hex


async def saved(room: Newsroom, name: str, title: str, **fields: Any) -> None:
    """Make a saved feed, and let it carry something."""
    said = await room.store.saved_feeds.define(Definition(name, title, "lang:en", **fields), room.now)
    assert said.outcome == "created"


async def test_groups_hold_the_largest_feeds_of_each_kind_and_count_all(room: Newsroom) -> None:
    for at in range(3):
        await say(room, f"a{at}", [ALL, *(FeedRef(f"tag/t{n}", f"T{n}", "tag") for n in range(at + 1))])
    groups = {group.kind: group for group in await room.store.pages.groups(2)}
    assert groups.keys() == {"all", "tag"}
    assert groups["tag"].feeds == 3
    assert [(one.name, one.items) for one in groups["tag"].largest] == [("tag/t0", 3), ("tag/t1", 2)]
    assert groups["all"].largest[0].changed_at == room.now


async def test_no_list_holds_a_private_or_an_ended_feed(room: Newsroom) -> None:
    await room.store.subscribers.create("p1", "P1", room.now)
    await saved(room, "mine", "Private world", owner="p1")
    await saved(room, "over", "World that was")
    await saved(room, "world", "World of today")
    await room.store.saved_feeds.end("over", room.now)
    await say(room, "a1", [ALL, *(FeedRef(name, name, "saved") for name in ("mine", "over", "world"))])
    reads = room.store.pages
    names = [one.name for group in await reads.groups(9) for one in group.largest]
    names += [one.name for one in (await reads.of_kind("saved")).items]
    names += [one.name for one in await reads.named("world", "world")]
    story = await reads.story(await key(room, "a1"))
    assert story is not None
    assert sorted(names) == ["all", "world", "world", "world"]
    assert {one.name for one in story.feeds} <= {"all", "world"}


async def test_a_renamed_and_retitled_feed_is_listed_as_it_is_now(room: Newsroom) -> None:
    await saved(room, "climate", "Climate")
    await room.store.saved_feeds.define(Definition("climate", "Our planet", "lang:en"), room.now)
    await room.store.saved_feeds.rename("climate", "planet", room.now)
    [found] = (await room.store.pages.of_kind("saved")).items
    assert (found.name, found.address, found.title) == ("climate", "planet", "Our planet")
    assert [one.address for one in await room.store.pages.named("", "PLANET")] == ["planet"]


async def test_a_kind_is_listed_by_name_page_by_page(room: Newsroom) -> None:
    names = sorted(f"tag/t{n}" for n in range(7))
    await say(room, "a1", [ALL, SECTION, *(FeedRef(name, name, "tag") for name in names)])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await room.store.pages.of_kind("tag", cursor, 3)
        assert len(page.items) <= 3
        seen += [one.name for one in page.items]
        if (cursor := page.next) is None:
            break
    assert seen == names
    assert (await room.store.pages.of_kind("saved")).items == []
    with pytest.raises(ValueError, match="cursor"):
        await room.store.pages.of_kind("tag", "nonsense")


@pytest.mark.parametrize(
    ("slug", "title", "found"),
    [
        ("musee", "MUSÉE", [MUSEUM.name]),
        ("", "d’É", [MUSEUM.name]),
        ("100", "100 %", [TAG.name]),
        ("", "%", [TAG.name]),
        ("", "_", []),
        ("", "\\", []),
        ("world", "x", [SECTION.name]),
    ],
)
async def test_feeds_are_found_by_a_part_of_name_or_title_taken_literally(
    room: Newsroom, slug: str, title: str, found: list[str]
) -> None:
    await say(room, "a1", [ALL, SECTION, TAG, MUSEUM])
    assert [one.name for one in await room.store.pages.named(slug, title)] == found


async def test_the_latest_stories_are_those_that_moved_last_newest_first(room: Newsroom) -> None:
    for at in range(5):
        await say(room, f"a{at}")
    stories = await room.store.pages.latest("all", 3)
    assert [story.entry.title for story in stories] == ["Title of a4", "Title of a3", "Title of a2"]
    assert stories[0].key == await key(room, "a4")
    assert await room.store.pages.latest("section/none") == []


async def test_a_story_comes_with_the_feeds_and_formats_it_is_in_now(room: Newsroom) -> None:
    await say(room, "a1", [ALL, SECTION])
    story = await room.store.pages.story(await key(room, "a1"))
    assert story is not None
    assert story.entry.title == "Title of a1"
    assert {one.name for one in story.feeds} == {"all", SECTION.name}
    assert story.formats == {"rss", "atom"}
    assert await room.store.pages.story("0" * 32) is None


async def test_under_embargo_there_is_no_story(room: Newsroom) -> None:
    event_id = await room.take(published(article("secret", embargo_until=room.now + timedelta(hours=1))))
    await room.enrich(event_id)
    await room.syndicate(event_id)
    assert await room.store.pages.story(await key(room, "secret")) is None
    assert await room.store.pages.single(await key(room, "secret"), "rss") is None
    assert await room.store.pages.groups(9) == []


async def test_a_single_item_says_that_it_is_gone(room: Newsroom) -> None:
    await say(room, "a1")
    name = await key(room, "a1")
    found = await room.store.pages.single(name, "rss")
    assert found is not None
    assert (found.data, found.gone) == (b"<rss>Title of a1published", False)
    assert await room.store.pages.single(name, "ninjs") is None
    await room.through(retracted("a1", kind=RetractionKind.TAKEDOWN), to=())
    story = await room.store.pages.story(name)
    assert story is not None
    assert story.entry.state == "takedown"


async def test_the_directory_of_ten_thousand_feeds_is_read_within_limits(room: Newsroom) -> None:
    def many(connection: Connection) -> None:
        rows = [
            {
                "name": f"tag/t{n:05}",
                "title": f"T{n}",
                "kind": "tag",
                "version": 1,
                "changed_at": room.now,
                "items": n,
            }
            for n in range(10_000)
        ]
        connection.execute(insert(feed), rows)

    await room.store.database.write(many)
    [group] = await room.store.pages.groups(12)
    assert (group.feeds, len(group.largest), group.largest[0].items) == (10_000, 12, 9_999)
    assert len((await room.store.pages.of_kind("tag", None, 10**9)).items) == 200
    assert len(await room.store.pages.named("t", "t", 10**9)) == 200
