"""Sealed pages in SQL: what is sealed, what they show of articles that change, what is left of those taken back."""

import asyncio
import threading
from datetime import timedelta

from sqlalchemy import Connection, func, select, text, update

from schemas.article import RetractionKind
from schemas.definition import Definition
from schemas.history import PAGE, Moves, Place, SealedPage
from schemas.jobs import FeedBody, FeedRef
from schemas.records import FeedRow
from services.store import Store
from services.store.tables import entry, feed, membership, past_fragment
from tests.stores import ALL, SECTION, Newsroom, article, published, retracted

RSS: dict[FeedBody, str] = {"full": "rss", "summary": "rss"}
ATOM: dict[FeedBody, str] = {"full": "atom", "summary": "atom"}
DAYS = timedelta(days=3)


async def publish(room: Newsroom, *names: str, feeds: tuple[FeedRef, ...] = (ALL, SECTION), title: str = "") -> None:
    for name in names:
        event = await room.take(published(article(name, title or f"Title of {name}")))
        await room.enrich(event)
        await room.syndicate(event, feeds=feeds)


async def retract(room: Newsroom, name: str, feeds: tuple[FeedRef, ...] = (ALL, SECTION)) -> None:
    event = await room.take(retracted(name, kind=RetractionKind.WITHDRAW))
    await room.enrich(event)
    await room.syndicate(event, feeds=feeds)


async def filled(room: Newsroom, pages: int = 2, *, only: tuple[str, ...] = ("all", "section/world")) -> list[str]:
    """Publish enough for so many sealed pages, let days pass, and seal; the ids in the order of commits."""
    names = [f"a{number:03}" for number in range(30 + PAGE * pages)]
    await publish(room, *names)
    room.now += DAYS
    await publish(room, "new")
    sealed = await room.store.archives.seal(only, room.now)
    assert sealed.pages == pages * len(only)
    return names


async def page(room: Newsroom, number: int, feed: str = "all", names: dict[FeedBody, str] = RSS) -> SealedPage:
    found = await room.store.feeds.sealed_page(feed, number, names)
    assert isinstance(found, SealedPage), found
    return found


async def texts(room: Newsroom, number: int, feed: str = "all", names: dict[FeedBody, str] = RSS) -> list[str]:
    return sorted(item.data.decode() for item in (await page(room, number, feed, names)).items if item.data)


async def head(room: Newsroom, name: str = "all") -> FeedRow:
    found = await room.store.feeds.head(name)
    assert found is not None
    return found


async def shown(room: Newsroom, name: str = "all") -> set[str]:
    return {item.article_id for item in await room.store.feeds.window(name)}


async def test_the_oldest_are_sealed_in_the_order_of_commits_and_the_feed_moves(room: Newsroom) -> None:
    names = await filled(room, only=("all",))
    assert await texts(room, 1) == [f"<rss>Title of {name}published" for name in names[:25]]
    assert await texts(room, 2) == [f"<rss>Title of {name}published" for name in names[25:50]]
    assert await shown(room) == {*names[50:], "new"}
    feed = await head(room)
    assert (feed.sealed, feed.generation, feed.items) == (50, 1, 81)
    assert isinstance(await room.store.feeds.sealed_page("all", 3, RSS), FeedRow)
    section = await head(room, "section/world")
    assert section.sealed == 0


async def test_sealing_is_announced_as_the_feeds_next_version_and_a_repeat_seals_nothing(room: Newsroom) -> None:
    await publish(room, *[f"a{number:03}" for number in range(60)])
    room.now += DAYS
    await publish(room, "new")
    before = await head(room)
    room.later(seconds=5)
    sealed = await room.store.archives.seal(["all", "section/world", "all"], room.now)
    assert (sealed.pages, sealed.again) == (2, [])
    assert sorted(row.payload.decode() for row in sealed.rows) == [
        f'{{"feed":"{name}","version":{before.version + 1}}}' for name in ("all", "section/world")
    ]
    after = await head(room)
    assert (after.version, after.changed_at) == (before.version + 1, room.now)
    again = await room.store.archives.seal(["all", "section/world"], room.later(seconds=5))
    assert (again.pages, again.rows) == (0, [])
    assert await head(room) == after


async def test_feeds_that_may_be_sealed_are_found_without_writing(room: Newsroom) -> None:
    archives = room.store.archives
    await publish(room, *[f"a{number:03}" for number in range(50)], feeds=(ALL,))
    assert await archives.ripe(["all"]) == []
    assert await archives.long() == []
    await publish(room, *[f"b{number:03}" for number in range(20)], feeds=(ALL,))
    assert await archives.ripe(["all"]) == []  # long enough, but all of today
    assert await archives.long() == ["all"]
    room.now += DAYS
    await publish(room, "new", feeds=(ALL,))
    assert await archives.ripe(["all", "none"]) == ["all"]


async def test_a_sealed_page_goes_on_showing_what_was_sealed_after_a_correction(room: Newsroom) -> None:
    names = await filled(room)
    before = await page(room, 1)
    atoms = await page(room, 1, names=ATOM)
    room.later(minutes=1)
    await publish(room, "a003", title="Corrected")
    assert (await page(room, 1))._replace(feed=before.feed) == before
    assert (await page(room, 1, names=ATOM))._replace(feed=atoms.feed) == atoms
    assert await shown(room) == {*names[50:], "new", "a003"}
    assert (await head(room)).generation == 1
    # Sealed again, in a new page, as it is now; and corrected again, both pages stay as they are.
    await publish(room, *[f"b{number:03}" for number in range(60)])
    room.now += DAYS
    await publish(room, "newer", feeds=(ALL,))
    assert (await room.store.archives.seal(["all"], room.now)).pages > 0
    assert "a003" not in await shown(room)
    second = [number for number in (3, 4) if "<rss>Correctedpublished" in await texts(room, number)]
    assert len(second) == 1
    held = await texts(room, second[0])
    await publish(room, "a003", title="Corrected again")
    assert await texts(room, second[0]) == held
    assert "<rss>Title of a003published" in await texts(room, 1)


async def bodies(store: Store, text: str) -> int:
    """Count where SQL still holds a text that readers could be given."""

    def count(connection: Connection) -> int:
        return sum(text.encode() in row[0] for row in connection.execute(select(past_fragment.c.data)))

    return await store.database.read(count)


async def test_rule_35_a_retraction_gives_the_archive_new_addresses_and_leaves_one_stub(room: Newsroom) -> None:
    await filled(room)
    room.later(minutes=1)
    await publish(room, "a003", title="Corrected")
    await publish(room, *[f"b{number:03}" for number in range(60)])
    room.now += DAYS
    await publish(room, "newer")
    await room.store.archives.seal(["all", "section/world"], room.now)
    assert await bodies(room.store, "Title of a003") == 2  # RSS and Atom, for page 1
    feeds = {name: await head(room, name) for name in ("all", "section/world")}
    assert all(feed.sealed >= 75 for feed in feeds.values())
    room.later(minutes=1)
    await retract(room, "a003")
    for name, before in feeds.items():
        after = await head(room, name)
        assert (after.generation, after.version, after.sealed) == (2, before.version + 1, before.sealed)
        pages = [await texts(room, number, name) for number in range(1, after.sealed // PAGE + 1)]
        told = [text for one in pages for text in one if "a003" in text or "Corrected" in text]
        assert told == ["<rss>Correctedwithdrawn"], name  # the test's stub keeps the headline of its entry
    assert await bodies(room.store, "a003") == await bodies(room.store, "Corrected") == 0
    assert (await page(room, 1)).changed_at == room.now
    # The stub shows in the subscription document; sealed again, it stands where it stands already.
    assert "a003" in await shown(room)
    await publish(room, *[f"c{number:03}" for number in range(60)])
    room.now += DAYS
    await publish(room, "newest", feeds=(ALL,))
    await room.store.archives.seal(["all"], room.now)
    assert "a003" not in await shown(room)
    after = await head(room)
    pages = [await texts(room, number) for number in range(1, after.sealed // PAGE + 1)]
    assert sum("<rss>Correctedwithdrawn" in one for one in pages) == 1
    assert {len(one) for one in pages} == {24, 25}  # page 1 has lost it to a newer one
    window = await room.store.feeds.subscription("all")
    assert [item.article_id for item in getattr(window, "tombstones", ())] == ["a003"]


async def test_what_comes_back_after_a_retraction_leaves_the_stub_in_its_page(room: Newsroom) -> None:
    await filled(room)
    await retract(room, "a003")
    stubs = await texts(room, 1)
    assert "<rss>Title of a003withdrawn" in stubs
    event = await room.take(published(article("a003", "Back", revision=9), reinstate=True))
    await room.enrich(event)
    await room.syndicate(event)
    assert await texts(room, 1) == stubs
    assert (await head(room)).generation == 2
    await retract(room, "a003")
    assert (await head(room)).generation == 3
    assert "<rss>Backwithdrawn" in await texts(room, 1)


async def test_what_is_over_without_a_stub_leaves_its_page_too(room: Newsroom) -> None:
    await filled(room)
    event = await room.take(published(article("a003", "Over")))
    await room.enrich(event)
    await room.syndicate(event, left=True)
    assert len(await texts(room, 1)) == 24
    assert (await head(room)).generation == 2
    assert "a003" not in await shown(room)
    assert await bodies(room.store, "a003") == 0


async def test_what_left_a_feed_before_it_was_sealed_is_in_no_page_of_it(room: Newsroom) -> None:
    await publish(room, *[f"a{number:03}" for number in range(60)])
    event = await room.take(published(article("a003", "Elsewhere")))
    await room.enrich(event)
    await room.syndicate(event, feeds=(SECTION,))
    room.now += DAYS
    await publish(room, "new")
    await room.store.archives.seal(["all"], room.now)
    assert not any("a003" in text or "Elsewhere" in text for text in await texts(room, 1))


async def test_a_feed_much_too_long_is_sealed_part_by_part(room: Newsroom) -> None:
    """As an older store leaves them: nothing in it was ever sealed."""
    names = [f"a{number:04}" for number in range(120)]
    await publish(room, *names)
    room.now += DAYS
    await publish(room, "new")

    def count(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(entry)).scalar_one()

    assert await room.store.database.read(count) == 121
    assert (await room.store.archives.seal(["all"], room.now)).pages == 3
    assert len(await shown(room)) == 46


async def test_sealing_and_recording_side_by_side_lose_and_repeat_nothing(postgres_url: str) -> None:
    """Several processes on PostgreSQL: two of them seal while a third publishes and corrects."""
    async with Store.open(postgres_url) as store, Store.open(postgres_url) as one, Store.open(postgres_url) as two:
        await store.migrate()
        room = Newsroom(store)
        names = [f"a{number:03}" for number in range(80)]
        await publish(room, *names, feeds=(ALL,))
        done = asyncio.Event()

        async def sealing(other: Store) -> int:
            pages = 0
            while not done.is_set():
                pages += (await other.archives.seal(["all"], room.now)).pages
            return pages

        async def writing() -> None:
            for number in range(40):
                room.later(hours=3)
                await publish(room, f"b{number:03}", feeds=(ALL,))
                await publish(room, f"a{number % 7:03}", feeds=(ALL,), title=f"Corrected {number}")
            done.set()

        counted = await asyncio.gather(writing(), sealing(one), sealing(two))
        feed = await head(room)
        assert counted[1] + counted[2] == feed.sealed // PAGE > 1
        pages = [await texts(room, number) for number in range(1, feed.sealed // PAGE + 1)]
        assert {len(each) for each in pages} == {PAGE}
        told = [text for each in pages for text in each]
        assert len(told) == len(set(told))
        window = await shown(room)
        for name in (*names[7:], *(f"b{number:03}" for number in range(40))):
            assert (f"<rss>Title of {name}published" in told) != (name in window), name


async def test_what_moves_while_a_page_is_sealed_is_not_in_it(postgres_url: str) -> None:
    """A commit that has the feed's row is over before anything is read for the page."""
    async with Store.open(postgres_url) as store, Store.open(postgres_url) as other:
        await store.migrate()
        room = Newsroom(store)
        await publish(room, *(f"a{number:03}" for number in range(60)), feeds=(ALL,))
        room.now += DAYS
        await publish(room, "new", feeds=(ALL,))
        locked, waited = threading.Event(), threading.Event()
        of_oldest = (membership.c.feed == "all", membership.c.article_id == "a000")

        def moving(connection: Connection) -> None:
            row = connection.execute(select(feed).where(feed.c.name == "all").with_for_update()).one()
            later = {"version": row.version + 1, "moved_at": room.now}
            connection.execute(update(membership).where(*of_oldest).values(**later))
            locked.set()
            assert waited.wait(10)
            connection.execute(update(feed).where(feed.c.name == "all").values(version=row.version + 1))

        def waits(connection: Connection) -> bool:
            return connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one() > 0

        writing = asyncio.create_task(store.database.write(moving))
        await asyncio.to_thread(locked.wait, 10)
        sealing = asyncio.create_task(other.archives.seal(["all"], room.now))
        while not await store.database.read(waits):
            assert not sealing.done()
        waited.set()
        await writing
        assert (await sealing).pages == 1
        assert "a000" in await shown(room)
        assert "<rss>Title of a000published" not in await texts(room, 1)


async def moved(room: Newsroom, place: Place, limit: int = 100, most_bytes: int = 1_000_000) -> Moves:
    found = await room.store.feeds.moves("all", place, limit, most_bytes)
    assert isinstance(found, Moves)
    return found


async def test_what_moved_is_read_on_and_on_from_place_to_place(room: Newsroom) -> None:
    names = await filled(room)
    await publish(room, "a003", title="Corrected")
    await retract(room, "a060")
    seen: list[str] = []
    found = await moved(room, Place(), 10)
    while found.items:
        seen += [item.article_id for item in found.items]
        assert len(found.items) <= 10
        found = await moved(room, found.place, 10)
    assert seen == [*(name for name in names if name not in {"a003", "a060"}), "new", "a003", "a060"]
    assert await moved(room, found.place) == found
    assert not found.more


async def test_what_one_transaction_moved_can_be_read_in_parts(room: Newsroom) -> None:
    events = [await room.take(published(article(f"a{number}"))) for number in range(9)]
    await room.enrich(*events)
    await room.syndicate(*events)
    first = await moved(room, Place(), 4)
    assert (len(first.items), first.more) == (4, True)
    second = await moved(room, first.place, 4, most_bytes=1)
    assert (len(second.items), second.more) == (1, True)
    third = await moved(room, second.place)
    assert [item.article_id for item in (*first.items, *second.items, *third.items)] == [f"a{n}" for n in range(9)]


async def test_what_moved_after_an_instant(room: Newsroom) -> None:
    await publish(room, "a")
    then = room.now
    room.later(minutes=5)
    await publish(room, "b")
    found = await room.store.feeds.moves("all", then)
    assert isinstance(found, Moves)
    assert [item.article_id for item in found.items] == ["b"]
    nothing = await room.store.feeds.moves("all", room.now)
    assert isinstance(nothing, Moves)
    assert nothing.items == []
    await publish(room, "c")
    assert [item.article_id for item in (await moved(room, nothing.place)).items] == ["c"]
    assert await room.store.feeds.moves("none", then) is None


async def test_a_feed_that_is_described_anew_has_its_archive_under_new_addresses(room: Newsroom) -> None:
    ref = FeedRef("harbour", "Harbour", "saved")
    wanted = Definition(address="harbour", title="Harbour", filter="harbour", searches=True)
    await room.store.saved_feeds.define(wanted, room.now)
    await publish(room, *(f"a{number:03}" for number in range(60)), feeds=(ref,))
    room.now += DAYS
    await publish(room, "new", feeds=(ref,))
    await room.store.archives.seal(["harbour"], room.now)
    assert (await head(room, "harbour")).generation == 1
    await room.store.saved_feeds.define(wanted._replace(max_age_s=600), room.now)
    assert (await head(room, "harbour")).generation == 1  # sealed pages do not say it
    await room.store.saved_feeds.define(wanted._replace(max_age_s=600, title="The harbour"), room.now)
    assert (await head(room, "harbour")).generation == 2
