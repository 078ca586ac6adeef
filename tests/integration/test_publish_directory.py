"""Static copies in a directory: what HTTP serves, whole at any moment, and nothing that nobody may read."""

import asyncio
import gzip
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import brotli
import pytest

from schemas.publishing import StaticObject
from services.publish.copier import Copier
from services.publish.directory import DirectoryPlace
from services.publish.ports import PlaceAway, Refused
from services.store import Store
from services.store.static_copies import LeaseLost
from services.syndicate.document import Document
from services.syndicate.documents import Documents
from services.syndicate.formats import FORMATS
from services.syndicate.joiner import Site
from tests.discovered import listed, outlines
from tests.feed_desk import BASE, T0, Desk
from tests.publishing import pressing

SITE = Site(BASE, "Le Fil", UUID(int=7), T0, hub_urls=("https://hub.example/",))
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
async def desk(tmp_path: Path, pool: Executor) -> AsyncIterator[Desk]:
    async with Store.open(str(tmp_path / "wireroom.db")) as store:
        await store.migrate()
        yield Desk(store, pool, SITE)


@pytest.fixture
def place(tmp_path: Path) -> DirectoryPlace:
    return DirectoryPlace(tmp_path / "cdn")


def story(name: str = "x", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Headline of {name}",
        "content_text": f"Body of {name}.",
        "sections": ["政治"],
        **more,
    }


def taken_back(name: str = "x") -> dict[str, Any]:
    return {"type": "article.retracted", "data": {"id": name, "kind": "takedown", "reason": "Wrong."}}


def files(place: DirectoryPlace) -> dict[str, bytes]:
    """Every file there, by its path."""
    return {str(one.relative_to(place.root)): one.read_bytes() for one in place.root.rglob("*") if one.is_file()}


def plain(place: DirectoryPlace) -> dict[str, bytes]:
    """What stands in every file, decompressed."""
    return {path: gzip.decompress(data) if path.endswith(".gz") else data for path, data in files(place).items()}


async def test_every_public_document_stands_there_byte_for_byte(desk: Desk, place: DirectoryPlace) -> None:
    await desk.say(story(), story("y", language="fr"))
    async with pressing(desk, place, codings=("gzip", "br")) as press:
        await press.done()
    documents = Documents(desk.store.feeds, SITE, cache_bytes=10_000_000)
    there = files(place)
    for row in await desk.store.directory.public():
        for each in FORMATS:
            found = await documents.get(row.address, each)
            assert isinstance(found, Document)
            path = f"feeds/{row.address}.{each}"
            assert there[path] == found.identity.data
            assert there[f"{path}.gz"] == found.gzip.data
            copy = there.get(f"{path}.br")
            assert copy is None or brotli.decompress(copy) == found.identity.data
            assert (place.root / path).stat().st_mtime == int(found.changed_at.timestamp()), "Last-Modified's truth"
    await documents.close()
    assert "feeds/section/政治.rss" in there
    assert {"feeds.opml", "news-sitemap.xml", "robots.txt", ".well-known/api-catalog"} <= there.keys()
    assert f"{BASE}/feeds/all.rss" in {feed["xmlUrl"] for feed in outlines(there["feeds.opml"])}
    assert len(listed(there["news-sitemap.xml"])) == 2
    assert all((place.root / path).stat().st_mode & 0o444 == 0o444 for path in there), "a web server may read them"


async def test_what_has_not_changed_is_not_written_again(desk: Desk, place: DirectoryPlace) -> None:
    await desk.say(story(), story("y", sections=["Sport"]))

    def written() -> dict[str, int]:
        return {str(path): path.stat().st_ino for path in place.root.rglob("*.*") if path.is_file()}

    async with pressing(desk, place) as press:
        await press.done()
        before = written()
        await press.done()
        assert written() == before
        await desk.say(story("z", sections=["Sport"]))
        await press.done()
    moved = {path for path, number in written().items() if before.get(path) != number}
    assert any(path.endswith("feeds/section/sport.rss") for path in moved)
    assert not any("政治" in path or "robots" in path or "opml" in path for path in moved)
    before = written()
    async with pressing(desk, place) as press:  # started again: it remembers
        await press.done()
    assert written() == before
    async with pressing(
        desk, place, version="2"
    ) as press:  # another version may write other bytes: it looks, and finds none
        await press.done()
    assert written() == before


async def test_a_file_lost_from_the_place_comes_back_when_everything_is_asked_for(
    desk: Desk, place: DirectoryPlace
) -> None:
    await desk.say(story())
    async with pressing(desk, place) as press:
        await press.done()
        before = files(place)
        for path in ("feeds/all.rss", "robots.txt"):
            (place.root / path).unlink()
        assert await desk.store.static.ask(desk.now) == [place.name]
        await press.done()
        assert files(place) == before
        [state] = await desk.store.static.places()
        assert (state.fault, state.behind_since, state.written > len(FORMATS)) == (None, None, True)


async def test_a_takedown_leaves_its_text_in_no_file_sealed_pages_included(desk: Desk, place: DirectoryPlace) -> None:
    await desk.say(*(story(f"old{at}") for at in range(30)))
    await desk.say(*(story(f"new{at}") for at in range(30)), after=timedelta(hours=30))
    await desk.store.archives.seal(["all", "section/政治"], desk.now)
    async with pressing(desk, place) as press:
        await press.done()
        there = plain(place)
        held = [path for path, data in there.items() if b"Body of old3." in data]
        assert any(path.startswith("feeds/all/archive/1/1-25.") for path in held), held
        assert there["feeds/all/archive/1/26-50.rss"] == there["feeds/all.rss"], "the page in the making"
        await desk.say(taken_back("old3"))
        await press.done()
    there = plain(place)
    assert [path for path, data in there.items() if b"of old3" in data] == []
    assert any(b"Body of old4." in data for data in there.values())
    generations = {path.split("/archive/")[1].split("/")[0] for path in there if "/archive/" in path}
    assert generations == {"2"}, "old pages are gone, new ones are there"
    assert not (place.root / "feeds/all/archive/1").exists()


async def test_an_embargoed_story_is_in_no_file_before_its_instant(desk: Desk, place: DirectoryPlace) -> None:
    await desk.say(story())
    opens = desk.now + timedelta(hours=1)
    async with pressing(desk, place) as press:
        await press.done()
        before = files(place)
        await desk.say(story("secret", tags=["Coup"], embargo_until=opens.isoformat()))
        await press.done()
        assert {path: data for path, data in files(place).items() if before.get(path) != data} == {}
        await desk.wait(timedelta(hours=2))
        await press.done()
    there = files(place)
    assert b"Headline of secret" in there["feeds/tag/coup.rss"]
    assert "Headline of secret" in listed(there["news-sitemap.xml"]).values()


async def test_two_processes_never_write_at_once(desk: Desk, place: DirectoryPlace) -> None:
    await desk.say(story())
    async with pressing(desk, place, owner="one") as first, pressing(desk, place, owner="two") as second:
        await first.done()
        assert second.publisher.rounds == 0
    [state] = await desk.store.static.places()
    assert state.owner is None, "given back at the end: the next one need not wait"


async def test_who_lost_the_lease_writes_nothing_more(desk: Desk, place: DirectoryPlace) -> None:
    await desk.say(story())

    def over() -> None:
        raise LeaseLost("over")

    async with pressing(desk, place) as press:
        await press.done()
    before = files(place)
    fence = await desk.store.static.lease(place.name, "two", desk.now + timedelta(60), desk.now)
    assert fence is not None
    await desk.say(story("y"))
    copier = Copier(place, desk.store.static, press.source, fence, in_flight=1, held=over)
    for stale in await desk.store.static.outdated(place.name, press.source.layout):
        with pytest.raises(LeaseLost):
            await copier.feed(stale)
    assert files(place) == before


async def test_a_place_that_is_away_is_told_and_caught_up_with(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "cdn").write_text("a file stands where the directory should be")
    place = DirectoryPlace(tmp_path / "cdn")
    await desk.say(story())
    async with pressing(desk, place) as press:
        await press.told()
        desk.now += timedelta(seconds=90)
        assert press.publisher.lag_s() >= 90
        assert str(tmp_path / "cdn") in press.publisher.note()
        (tmp_path / "cdn").unlink()
        await press.done()
        assert (press.publisher.note(), press.publisher.lag_s()) == ("", 0.0)
    assert "feeds/all.rss" in files(place)


async def test_changes_within_a_second_are_dated_apart(place: DirectoryPlace) -> None:
    await place.prepare()
    one = StaticObject("feeds/a.rss", b"1", "text/xml", "", T0, "t", {"gzip": b"z"})
    await place.put(one)
    await place.put(one._replace(data=b"2"))
    target = place.root / "feeds/a.rss"
    assert target.stat().st_mtime == T0.timestamp() + 1, "web servers make their ETag of time and size"
    await place.put(one._replace(data=b"3", codings={}))
    assert files(place) == {"feeds/a.rss": b"3"}, "no stale compressed copy"
    await place.remove(["feeds/a.rss", "feeds/none.rss"])
    assert files(place) == {}
    assert not (place.root / "feeds").exists()


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a//b", "a/./b", ".incoming/x", "a/" + "é" * 126 + ".rss", "a\0"])
async def test_names_that_are_none_are_refused_for_good(place: DirectoryPlace, path: str) -> None:
    await place.prepare()
    with pytest.raises(Refused):
        await place.put(StaticObject(path, b"1", "text/xml", "", T0, "t", {}))
    assert files(place) == {}


async def test_one_name_that_is_refused_holds_back_no_other(desk: Desk, place: DirectoryPlace) -> None:
    await desk.say(story(tags=["政" * 120, "short"]))
    async with pressing(desk, place) as press:
        await press.done()
        assert press.publisher.note() == ""
    assert "feeds/tag/short.rss" in files(place)


async def test_a_directory_that_cannot_be_written_is_away_and_not_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlaceAway):
        await DirectoryPlace(tmp_path / "file").prepare()


_WRITER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from schemas.publishing import StaticObject
from services.publish.directory import DirectoryPlace

async def main():
    place = DirectoryPlace(sys.argv[1])
    await place.prepare()
    for at in range(1_000_000):
        data = b"%07d" % at * (1 + at % 9_000)
        one = StaticObject("feeds/a.rss", data, "", "", datetime(2026, 1, 1, tzinfo=UTC), "", {"gzip": data})
        await place.put(one)
        if at == 5:
            print("ready", flush=True)

asyncio.run(main())
"""


def _whole(path: Path) -> bytes:
    data = path.read_bytes()
    assert data == data[:7] * (1 + int(data[:7]) % 9_000)
    return data[:7]


def test_a_reader_never_sees_a_torn_file_not_even_after_a_kill(tmp_path: Path) -> None:
    root = tmp_path / "cdn"
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(root)], cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            try:
                seen: set[bytes] = set()
                until = time.monotonic() + 30
                while len(seen) <= 50 and time.monotonic() < until:  # as long as it takes to see many
                    seen |= {_whole(root / "feeds" / name) for _ in range(100) for name in ("a.rss", "a.rss.gz")}
            finally:
                child.kill()
        _whole(root / "feeds/a.rss")
        assert len(seen) > 10, "it was being written all the time"
    asyncio.run(DirectoryPlace(root).prepare())
    assert list((root / ".incoming").iterdir()) == []
