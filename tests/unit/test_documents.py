"""Documents in memory: joined once for all who ask, once per change, and served while SQL is away."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import feedparser
import pytest

from schemas.feed import Entry, Moved
from schemas.history import Moves, Place, SealedItem, SealedPage, Window
from schemas.jobs import FeedBody, WindowItem
from schemas.records import FeedRow
from services.store.errors import StoreUnavailable
from services.syndicate.document import Document
from services.syndicate.documents import Documents
from services.syndicate.formats import FORMATS
from services.syndicate.joiner import FragmentCache, Site
from tests.buses import eventually

T0 = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)
SITE = Site("https://news.example", "Le Fil", UUID(int=7), T0 - timedelta(days=30), 120)


class Shelf:
    """Feeds in dicts, with the promises of `services.store.feeds`; its reads can be counted and held up."""

    def __init__(self) -> None:
        self.rows: dict[str, FeedRow] = {}
        self.items: dict[str, list[WindowItem]] = {}
        self.pages: dict[tuple[str, int], bytes] = {}
        self.made: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.reads: list[str] = []
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    def put(self, feed: str, article_id: str, title: str, version: int) -> None:
        """Record an article's entry of `version` in a feed, as one more change of it."""
        at = T0 + timedelta(seconds=version)
        entry = Entry(
            id=f"urn:x:{article_id}", article_id=article_id, revision=1, title=title, published=T0, updated=at
        )
        for name, form in FORMATS.items():
            self.made[name, article_id] = (version, form.entry(entry) or b"")
        old = self.rows.get(feed)
        grown = 1 if old is None else old.version + 1
        self.rows[feed] = FeedRow(name=feed, title=feed, kind="tag", version=grown, changed_at=at, items=1)
        rest = [item for item in self.items.get(feed, []) if item.article_id != article_id]
        self.items[feed] = [WindowItem(article_id, version, at, T0, at, entry.id), *rest]

    async def _read(self, what: str) -> None:
        self.reads.append(what)
        await self.gate.wait()
        if self.away:
            raise StoreUnavailable("gone")

    async def find(self, address: str) -> FeedRow | Moved | None:
        await self._read("head")
        return self.rows.get(address)

    async def subscription(self, address: str) -> Window | Moved | None:
        await self._read("window")
        row = self.rows.get(address)
        return None if row is None else Window(row, list(self.items.get(address, ())))

    async def sealed_page(
        self, address: str, number: int, fragments: Mapping[FeedBody, str]
    ) -> SealedPage | FeedRow | Moved | None:
        await self._read(f"page in {fragments['full']}")
        row = self.rows.get(address)
        data = self.pages.get((address, number))
        if row is None or data is None:
            return row
        return SealedPage(row, [SealedItem("urn:x:1", T0, T0, data)], T0)

    async def moves(self, address: str, behind: Place | datetime | None, limit: int) -> Moves | Moved | None:
        raise NotImplementedError

    async def fragments(self, format_name: str, items: Sequence[tuple[str, int]]) -> Mapping[str, tuple[int, bytes]]:
        await self._read("fragments")
        return {one: self.made[format_name, one] for one, _ in items if (format_name, one) in self.made}

    async def moved_since(self, token: datetime | None) -> tuple[datetime | None, Sequence[tuple[str, int]]]:
        await self._read("moved")
        moved = [row for row in self.rows.values() if token is None or row.changed_at >= token]
        newest = max((row.changed_at for row in moved), default=token)
        return newest, [(row.name, row.version) for row in moved]


@pytest.fixture
def shelf() -> Shelf:
    made = Shelf()
    made.put("tag/x", "a", "First", 1)
    return made


@pytest.fixture
async def documents(shelf: Shelf) -> AsyncIterator[Documents]:
    made = Documents(shelf, SITE, cache_bytes=10_000_000, coalesce_s=0.02, poll_s=0.02)
    yield made
    await made.close()


def text(documents: Documents, name: str = "tag/x", form: str = "rss") -> str:
    held = documents.cached(name, form)
    return held.identity.data.decode() if held is not None else ""


async def test_many_who_ask_at_once_share_one_join(shelf: Shelf, documents: Documents) -> None:
    found = await asyncio.gather(*(documents.get("tag/x", "rss") for _ in range(50)))
    assert len({id(one) for one in found}) == 1
    assert documents.joins == 1
    assert shelf.reads == ["window", "fragments"]


async def test_a_hit_reads_nothing(shelf: Shelf, documents: Documents) -> None:
    await documents.get("tag/x", "rss")
    shelf.reads.clear()
    assert documents.cached("tag/x", "rss") is await documents.get("tag/x", "rss")
    assert shelf.reads == []


async def test_one_who_hangs_up_takes_nobodys_join_away(shelf: Shelf, documents: Documents) -> None:
    shelf.gate.clear()
    first, second = (asyncio.ensure_future(documents.get("tag/x", "rss")) for _ in range(2))
    await eventually(lambda: shelf.reads)
    first.cancel()
    shelf.gate.set()
    assert await second is not None
    assert documents.joins == 1


async def test_changes_close_together_share_one_join(shelf: Shelf, documents: Documents) -> None:
    await documents.get("tag/x", "rss")
    for version in range(2, 12):
        shelf.put("tag/x", "a", f"Edition {version}", version)
        documents.invalidate("tag/x", version)
    await eventually(lambda: "Edition 11" in text(documents))
    assert documents.joins == 2


async def test_a_document_is_served_as_it_was_until_the_new_one_is_joined(shelf: Shelf, documents: Documents) -> None:
    await documents.get("tag/x", "rss")
    shelf.put("tag/x", "a", "Second", 2)
    documents.invalidate("tag/x", 2)
    assert "First" in text(documents)
    await eventually(lambda: "Second" in text(documents))


async def test_a_change_announced_during_the_first_join_is_not_missed(shelf: Shelf, documents: Documents) -> None:
    shelf.gate.clear()
    asked = asyncio.ensure_future(documents.get("tag/x", "rss"))
    await eventually(lambda: shelf.reads)
    head, window = shelf.rows["tag/x"], shelf.items["tag/x"]
    documents.invalidate("tag/x", 2)  # what is read is older than what is announced
    shelf.gate.set()
    await asked
    assert (shelf.rows["tag/x"], shelf.items["tag/x"]) == (head, window)
    shelf.put("tag/x", "a", "Second", 2)
    await eventually(lambda: "Second" in text(documents))


async def test_an_old_announcement_changes_nothing(shelf: Shelf, documents: Documents) -> None:
    await documents.get("tag/x", "rss")
    shelf.reads.clear()
    documents.invalidate("tag/x", 1)
    documents.invalidate("tag/never-asked-for", 9)
    await asyncio.sleep(0)
    assert shelf.reads == []


async def test_a_version_that_sql_does_not_know_is_asked_for_once(shelf: Shelf, documents: Documents) -> None:
    await documents.get("tag/x", "rss")
    documents.invalidate("tag/x", 99)  # announced before an older backup was restored
    await eventually(lambda: documents.joins == 2)
    documents.cached("tag/x", "rss")
    shelf.put("tag/x", "a", "Second", 2)
    documents.invalidate("tag/x", 2)
    await eventually(lambda: "Second" in text(documents))
    assert documents.joins == 3


async def test_what_nobody_reads_is_not_joined_again_until_asked_for(shelf: Shelf, documents: Documents) -> None:
    for form in FORMATS:
        await documents.get("tag/x", form)
    for version in (2, 3):
        shelf.put("tag/x", "a", f"Edition {version}", version)
        documents.invalidate("tag/x", version)
        await eventually(lambda wanted=version: f"Edition {wanted}" in text(documents))
    assert documents.joins == 2 * len(FORMATS) + 1  # at the second change only RSS had been read since the first
    assert documents.cached("tag/x", "atom") is None
    found = await documents.get("tag/x", "atom")
    assert isinstance(found, Document)
    assert b"Edition 3" in found.identity.data


async def test_the_poll_finds_what_no_message_announced(shelf: Shelf, documents: Documents) -> None:
    await documents.get("tag/x", "rss")
    watching = asyncio.create_task(documents.run())
    await eventually(lambda: "moved" in shelf.reads)
    assert documents.cached("tag/x", "rss") is None  # joined before anybody watched: to be looked at again
    await documents.get("tag/x", "rss")
    shelf.put("tag/x", "a", "Second", 2)
    await eventually(lambda: "Second" in text(documents))
    shelf.put("tag/x", "a", "Third", 3)
    await eventually(lambda: "Third" in text(documents))
    watching.cancel()


async def test_all_is_served_while_sql_is_away_and_caught_up_after(shelf: Shelf, documents: Documents) -> None:
    watching = asyncio.create_task(documents.run())
    await eventually(lambda: shelf.reads.count("moved") > 1)
    await documents.get("tag/x", "rss")
    shelf.away = True
    documents.invalidate("tag/x", 2)
    polled = shelf.reads.count("moved")
    await eventually(lambda: shelf.reads.count("moved") > polled + 2)
    outdated = await documents.get("tag/x", "rss")
    assert isinstance(outdated, Document)
    assert b"First" in outdated.identity.data
    with pytest.raises(StoreUnavailable):
        await documents.get("tag/x", "atom")
    shelf.put("tag/x", "a", "Second", 2)
    shelf.away = False
    await documents.get("tag/x", "rss")
    await eventually(lambda: "Second" in text(documents))
    watching.cancel()


async def test_an_unknown_feed_is_asked_for_once_a_while_and_found_once_it_is_there(
    shelf: Shelf, documents: Documents
) -> None:
    for _ in range(5):
        assert await documents.get("tag/new", "rss") is None
    assert shelf.reads == ["window"]
    shelf.put("tag/new", "b", "News", 1)
    documents.invalidate("tag/new", 1)
    assert await documents.get("tag/new", "rss") is not None


async def test_the_feed_of_all_is_there_before_anything_is_in_it(documents: Documents) -> None:
    for form in FORMATS:
        found = await documents.get("all", form)
        assert isinstance(found, Document)
        assert found.changed_at == SITE.founded
        if form in {"rss", "atom"}:
            parsed = feedparser.parse(found.identity.data)
            assert (parsed.bozo, parsed.entries, parsed.feed.title) == (False, [], "Le Fil")


async def test_memory_is_capped_and_the_least_recently_read_goes_first(shelf: Shelf) -> None:
    for number in range(20):
        shelf.put(f"tag/{number}", f"a{number}", "x" * 2_000, 1)
    documents = Documents(shelf, SITE, cache_bytes=60_000)
    for number in range(20):
        await documents.get(f"tag/{number}", "rss")
        assert documents.cached("tag/0", "rss") is not None
    held = [one for number in range(20) if (one := documents.cached(f"tag/{number}", "rss")) is not None]
    assert 1 < len(held) < 20
    assert sum(one.size for one in held) <= 30_000
    assert documents.cached("tag/19", "rss") is not None
    assert documents.cached("tag/1", "rss") is None
    await documents.close()


async def test_two_processes_join_the_same_bytes(shelf: Shelf, documents: Documents) -> None:
    shelf.put("tag/x", "b", "Second", 2)
    other = Documents(shelf, SITE, cache_bytes=10_000_000)
    for form in FORMATS:
        assert await other.get("tag/x", form) == await documents.get("tag/x", form)
    await other.close()


async def test_a_feeds_date_is_its_newest_entrys(shelf: Shelf, documents: Documents) -> None:
    found = await documents.get("tag/x", "atom")
    assert isinstance(found, Document)
    assert b"<updated>2026-11-03T08:15:01Z</updated><author>" in found.identity.data


def test_fragments_are_forgotten_where_room_is_short() -> None:
    cache = FragmentCache(3_000)
    for number in range(20):
        cache.put(("rss", str(number), 1), b"x" * 100)
        assert cache.get(("rss", "0", 1)) is not None
    assert cache.get(("rss", "1", 1)) is None
    assert cache.get(("rss", "19", 1)) == b"x" * 100
