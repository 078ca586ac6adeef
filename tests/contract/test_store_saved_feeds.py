"""Saved feeds on both databases: their addresses, who decides by which filters, and how they are filled."""

import asyncio
import json
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.definition import Defined, Definition
from schemas.feed import Moved
from schemas.jobs import FILTER_CHANGED, OutboxRow
from schemas.records import FeedRow
from services.filters import parse
from services.filters.indexed import evaluate
from services.store.errors import DefinitionsMoved
from services.store.feed_fills import Judged, Part
from services.store.tables import archive, archive_item
from services.syndicate.core import plan, with_saved
from services.syndicate.fill import Filler
from services.syndicate.prepare import prepare
from services.syndicate.saved import SavedFilters
from tests.stores import Newsroom, OpenAgain, article, published, retracted


class Syndicate:
    """The stage's own parts on a store, in this process; `rows` are what it published."""

    def __init__(self, room: Newsroom) -> None:
        self.room = room
        self.store = room.store
        self.saved = SavedFilters(room.store.saved_feeds)
        self.rows: list[OutboxRow] = []
        self.offloaded: Callable[[], Any] | None = None  # called while a fill is judging
        self.filler = Filler(
            self.store.feed_fills, self.store.search, self, self._offload, clock=lambda: self.room.now, join_part=2
        )

    async def publish(self, rows: Any) -> None:
        self.rows.extend(rows)

    async def _offload(self, task: Callable[..., Any], /, *args: Any) -> Any:
        made = task(*args)
        if self.offloaded is not None:
            call, self.offloaded = self.offloaded, None
            await call()
        return made

    async def say(self, *submissions: Any, minutes: float = 1) -> None:
        self.room.later(minutes=minutes)
        ids = [await self.room.take(one) for one in submissions]
        await self.room.enrich(*ids)
        jobs = await self.store.feeds.load(ids)
        while True:
            try:
                await self.store.feeds.record(
                    [self._plan(job) for job in jobs.values()], self.room.now, self.saved.version
                )
            except DefinitionsMoved:
                await self.saved.refresh()
            else:
                return

    def _plan(self, job: Any) -> Any:
        made = plan(job, base_url="https://n.example", publisher="N")
        if made.entry is None:
            return made
        [ready] = prepare([made.entry])
        made = made._replace(fragments=ready.rendered.fragments, indexed=ready.indexed)
        return made if ready.indexed is None else with_saved(made, self.saved.match(ready.indexed))

    async def define(self, address: str, wanted: str, owner: str | None = None, **more: Any) -> Defined:
        definition = Definition(address, address.title(), wanted, owner=owner, **more)
        return await self.store.saved_feeds.define(definition, self.room.now)

    async def fill(self) -> None:
        while await self.filler.fill_next():
            pass

    async def carried(self, key: str) -> list[str]:
        """What the feed carries and shows, in the order of its commits."""
        places = await self.store.changes.after(
            key, (await self.store.changes.last(key))._replace(version=0, article_id="")
        )
        return [one.article_id for one in places]


@pytest.fixture
def desk(room: Newsroom) -> Syndicate:
    return Syndicate(room)


def story(name: str, title: str, *tags: str, **more: Any) -> Any:
    return published(article(name, title, tags=tags, **more))


async def test_an_article_joins_every_saved_feed_that_it_matches(desk: Syndicate) -> None:
    await desk.define("boats", "tag:boats")
    await desk.define("long", "ferry -tag:boats")
    await desk.say(story("a", "Ferry stops", "boats"), story("b", "Ferry goes"), story("c", "Snow"))
    assert [await desk.carried(name) for name in ("boats", "long")] == [["a"], ["b"]]


async def test_what_was_decided_by_filters_that_have_changed_since_is_not_recorded(desk: Syndicate) -> None:
    await desk.saved.refresh()
    event_id = await desk.room.take(story("a", "Ferry stops"))
    await desk.room.enrich(event_id)
    [job] = (await desk.store.feeds.load([event_id])).values()
    version = desk.saved.version
    await desk.define("ferries", "ferry")
    with pytest.raises(DefinitionsMoved):
        await desk.store.feeds.record([plan(job, base_url="", publisher="")], desk.room.now, version)
    assert await desk.store.feeds.head("all") is None


async def test_another_process_decides_by_a_filter_as_soon_as_it_is_committed(
    desk: Syndicate, open_again: OpenAgain
) -> None:
    if desk.store.database.dialect == "sqlite":
        return  # there is one writing process
    await desk.say(story("before", "Ferry stops"))
    other = Newsroom(open_again())
    await Syndicate(other).define("ferries", "ferry")
    await desk.say(story("after", "Ferry goes"))
    assert await desk.carried("ferries") == ["after"]


async def test_publishing_and_defining_side_by_side_miss_no_article(desk: Syndicate, open_again: OpenAgain) -> None:
    """An article is decided by a new filter, or found when its feed is filled, whatever comes first."""
    second = desk if desk.store.database.dialect == "sqlite" else Syndicate(Newsroom(open_again()))
    second.room._ids = desk.room._ids

    async def publish() -> None:
        for number in range(25):
            await desk.say(story(f"a{number}", "Ferry stops"), minutes=0)

    async def define() -> None:
        for number in range(12):
            await second.define(f"f{number}", f"ferry -tag:x{number}")
            await second.fill()

    await asyncio.gather(publish(), define())
    await second.fill()
    for number in range(12):
        assert len(await desk.carried(f"f{number}")) == 25, number


async def test_a_new_feed_is_filled_with_what_was_there_at_its_own_time_oldest_first(desk: Syndicate) -> None:
    times: list[Any] = []
    for name in ("c", "a", "b"):
        await desk.say(story(name, "Ferry stops"))
        times.append(desk.room.now)
    await desk.say(story("d", "Snow"))
    desk.room.later(hours=3)
    made = await desk.define("ferries", "ferry")
    assert made.outcome == "created"
    assert made.row is not None
    assert made.row.filling
    await desk.fill()
    assert await desk.carried("ferries") == ["c", "a", "b"]
    window = await desk.store.feeds.window("ferries")
    assert [item.moved_at for item in reversed(window)] == times
    head = await desk.store.feeds.head("ferries")
    assert head is not None
    assert (head.items, head.version, head.filling) == (3, 4, False)
    assert json.loads(desk.rows[-1].payload) == {"feed": "ferries", "version": 4}


async def test_filling_again_changes_nothing(desk: Syndicate) -> None:
    await desk.say(story("a", "Ferry stops"))
    await desk.define("ferries", "ferry")
    await desk.fill()
    before = await desk.store.feeds.head("ferries")
    assert (await desk.define("ferries", "ferry")).outcome == "same"
    await desk.fill()
    assert await desk.store.feeds.head("ferries") == before


async def test_a_filling_that_was_broken_off_is_done_again_by_whoever_comes_after_the_claim(desk: Syndicate) -> None:
    await desk.say(story("a", "Ferry stops"), story("b", "Ferry goes"))
    await desk.define("ferries", "ferry")
    now = desk.room.now
    fill = await desk.store.feed_fills.claim(now, now + timedelta(seconds=60))
    assert fill is not None
    [first, *_] = await desk.store.search.rows(parse("ferry"))
    await desk.store.feed_fills.apply(
        fill, Part(joins=[Judged(first.article_id, first.version)], evaluated=1), now, now + timedelta(seconds=60)
    )
    await desk.fill()
    assert len(await desk.carried("ferries")) == 1  # somebody has it
    desk.room.later(seconds=61)
    await desk.fill()
    assert sorted(await desk.carried("ferries")) == ["a", "b"]
    head = await desk.store.feeds.head("ferries")
    assert head is not None
    assert (head.items, head.filling) == (2, False)


async def test_a_filter_that_changes_takes_in_what_matches_now_and_lets_go_of_the_rest(desk: Syndicate) -> None:
    await desk.say(story("a", "Ferry stops", "boats"), story("b", "Ferry goes"), story("c", "Snow", "boats"))
    await desk.define("mine", "ferry")
    await desk.fill()
    assert (await desk.define("mine", "tag:boats")).outcome == "changed"
    await desk.fill()
    assert await desk.carried("mine") == ["a", "c"]
    [left] = [one for one in await desk.store.feeds.for_article("b") if one.feed == "mine"]
    assert (left.why, left.left_at) == (FILTER_CHANGED, desk.room.now)
    head = await desk.store.feeds.head("mine")
    assert head is not None
    assert head.items == 2


async def test_a_filter_that_changes_while_its_feed_is_filled_wins(desk: Syndicate) -> None:
    await desk.say(story("a", "Ferry stops"), story("b", "Snow"))
    await desk.define("mine", "ferry")
    desk.offloaded = lambda: desk.define("mine", "snow")
    await desk.fill()
    assert await desk.carried("mine") == ["b"]


async def test_a_part_that_was_judged_by_an_older_filter_is_not_applied(desk: Syndicate) -> None:
    await desk.say(story("a", "Ferry stops"))
    await desk.define("mine", "ferry")
    now, until = desk.room.now, desk.room.now + timedelta(seconds=60)
    fill = await desk.store.feed_fills.claim(now, until)
    assert fill is not None
    [row] = await desk.store.search.rows(parse("ferry"))
    await desk.define("mine", "snow")
    part = Part(joins=[Judged(row.article_id, row.version)], done=True)
    assert await desk.store.feed_fills.apply(fill, part, now, until) is None
    assert await desk.carried("mine") == []
    head = await desk.store.feeds.head("mine")
    assert head is not None
    assert head.filling


async def test_an_article_that_changes_while_a_feed_is_filled_is_judged_as_it_is_now(desk: Syndicate) -> None:
    await desk.say(story("a", "Ferry stops"))
    await desk.define("mine", "ferry")
    desk.offloaded = lambda: desk.say(story("a", "Snow falls"))
    await desk.fill()
    assert await desk.carried("mine") == []


async def test_a_correction_reaches_a_feed_that_carried_it_though_it_matches_no_more(desk: Syndicate) -> None:
    await desk.define("mine", "ferry")
    await desk.say(story("a", "Ferry stops"))
    await desk.say(story("a", "Snow falls"))
    assert await desk.carried("mine") == ["a"]


async def test_what_a_filter_took_out_is_told_only_that_it_is_gone(desk: Syndicate) -> None:
    await desk.define("mine", "ferry")
    await desk.say(story("a", "Ferry stops"))
    await desk.define("mine", "snow")
    await desk.fill()
    await desk.say(story("a", "Ferry stops again"))
    assert await desk.carried("mine") == []
    await desk.say(retracted("a"))
    [stub] = await desk.store.changes.after("mine", (await desk.store.changes.last("mine"))._replace(version=0))
    assert b'"withdrawn"' in stub.entry
    await desk.say(published(article("a", "Ferry is back", revision=9), reinstate=True))
    assert await desk.carried("all") == ["a"]
    assert await desk.carried("mine") == []
    await desk.say(published(article("a", "Snow on the ferry", revision=10)))
    assert await desk.carried("mine") == ["a"]


async def test_a_private_feed_carries_no_more_than_its_owners_filter_lets_through(desk: Syndicate) -> None:
    await desk.store.subscribers.create("nord", "Nord", desk.room.now)
    await desk.store.saved_feeds.bound("nord", "-tag:secret")
    await desk.define("nord/all", "ferry", owner="nord")
    await desk.say(story("a", "Ferry stops"), story("b", "Ferry goes", "secret"))
    assert await desk.carried("nord/all") == ["a"]
    assert await desk.store.saved_feeds.bound("nord", "tag:secret")
    await desk.fill()
    assert await desk.carried("nord/all") == ["b"]
    await desk.store.saved_feeds.bound("nord", None)
    await desk.fill()
    assert sorted(await desk.carried("nord/all")) == ["a", "b"]
    assert not await desk.store.saved_feeds.bound("nobody", None)


async def test_sealed_pages_of_a_private_feed_lose_what_their_reader_may_see_no_more(desk: Syndicate) -> None:
    await desk.store.subscribers.create("nord", "Nord", desk.room.now)
    for name, owner in (("nord/all", "nord"), ("open", None)):
        await desk.define(name, "ferry", owner=owner)
    many = [story(f"a{number:02}", "Ferry stops", "secret" if number == 3 else "open") for number in range(60)]
    await desk.say(*many)
    await desk.say(story("later", "Ferry stops", "open"), minutes=60 * 30)
    for name in ("nord/all", "open"):
        assert (await desk.store.archives.seal([name], desk.room.now)).pages
    await desk.define("open", "ferry -tag:secret")
    await desk.store.saved_feeds.bound("nord", "-tag:secret")
    await desk.fill()

    def sealed(connection: Any) -> dict[str, tuple[int, bool]]:
        pages = connection.execute(archive.select()).all()
        held = {row.feed for row in connection.execute(archive_item.select().where(archive_item.c.article_id == "a03"))}
        return {row.feed: (row.generation, row.feed in held) for row in pages}

    found = await desk.store.database.read(sealed)
    assert found == {"nord/all": (2, False), "open": (1, True)}


async def test_rule_50_a_renamed_feed_is_led_to_from_every_address_that_it_had(desk: Syndicate) -> None:
    await desk.define("one", "ferry")
    feeds, find = desk.store.saved_feeds, desk.store.feeds.find
    await desk.say(story("a", "Ferry stops"))
    assert (await feeds.rename("one", "two", desk.room.now)).outcome == "changed"
    assert (await feeds.rename("one", "two", desk.room.now)).outcome == "same"
    assert (await feeds.rename("two", "three", desk.room.now)).outcome == "changed"
    assert [await find(name) for name in ("one", "two")] == [Moved("three"), Moved("three")]
    await desk.define("other", "snow")
    assert (await feeds.rename("other", "two", desk.room.now)).outcome == "taken"
    row = await find("three")
    assert isinstance(row, FeedRow)
    assert (row.name, row.items) == ("one", 1)
    await desk.say(story("b", "Ferry goes"))
    assert await desk.carried("one") == ["a", "b"]


async def test_rule_50_an_address_that_a_feed_had_is_never_another_feeds(desk: Syndicate) -> None:
    feeds = desk.store.saved_feeds
    await desk.define("one", "ferry")
    await desk.define("other", "snow")
    await feeds.rename("one", "two", desk.room.now)
    assert (await desk.define("one", "snow")).outcome == "moved"
    assert (await feeds.rename("other", "one", desk.room.now)).outcome == "taken"
    assert (await feeds.rename("other", "two", desk.room.now)).outcome == "taken"
    assert (await feeds.rename("two", "one", desk.room.now)).outcome == "taken"  # readers hold the way there for good
    assert (await feeds.end("two", desk.room.now)).outcome == "changed"
    assert (await feeds.end("two", desk.room.now)).outcome == "same"
    for name in ("one", "two"):
        assert (await desk.define(name, "snow")).outcome in {"moved", "ended"}
        assert (await feeds.rename("other", name, desk.room.now)).outcome == "taken"
    assert (await feeds.rename("two", "free", desk.room.now)).outcome == "ended"
    row = await desk.store.feeds.find("two")
    assert isinstance(row, FeedRow)
    assert row.ended_at == desk.room.now


async def test_a_feed_that_ended_takes_nothing_in(desk: Syndicate) -> None:
    await desk.define("mine", "ferry")
    await desk.say(story("a", "Ferry stops"))
    await desk.store.saved_feeds.end("mine", desk.room.now)
    await desk.say(story("b", "Ferry goes"))
    assert await desk.carried("mine") == ["a"]
    assert len(desk.saved) == 0


async def test_an_automatic_feed_may_be_shown_in_another_way_and_nothing_more(desk: Syndicate) -> None:
    feeds = desk.store.saved_feeds
    await desk.say(published(article("a", "Ferry stops", sections=("World",))))
    made = await feeds.define(Definition("section/world", "The world", body="summary", max_age_s=300), desk.room.now)
    assert made.outcome == "changed"
    assert made.row is not None
    assert (made.row.title, made.row.body, made.row.kind, made.row.filling) == (
        "The world",
        "summary",
        "section",
        False,
    )
    await desk.fill()
    assert await desk.carried("section/world") == ["a"]
    for outcome in (await feeds.end("section/world", desk.room.now), await feeds.rename("tag/x", "y", desk.room.now)):
        assert outcome.outcome == "automatic"
    back = await feeds.define(Definition("section/world", None), desk.room.now)
    assert back.row is not None
    assert (back.row.title, back.row.body) == ("World", "full")


async def test_a_feed_does_not_change_its_owner(desk: Syndicate) -> None:
    await desk.store.subscribers.create("nord", "Nord", desk.room.now)
    assert (await desk.define("x", "ferry", owner="nobody")).outcome == "no owner"
    await desk.define("x", "ferry", owner="nord")
    assert (await desk.define("x", "ferry")).outcome == "taken"
    await desk.define("y", "ferry")
    assert (await desk.define("y", "ferry", owner="nord")).outcome == "taken"


def test_the_pool_of_processes_takes_what_filling_hands_to_it() -> None:
    query = pickle.loads(pickle.dumps(parse('section:world (ferry OR "two words") -tag:x published:>2026')))
    assert query == parse(str(query))
    assert evaluate(query, []) == []
