"""Static copies in a bucket of a real S3-speaking server, and a publisher that is killed over its work."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import obstore
import pytest

from schemas.jobs import FeedRef
from services.publish.directory import DirectoryPlace
from services.publish.places import BucketPlace, open_place
from services.store import Store
from services.syndicate.joiner import Site
from tests.feed_desk import BASE, T0, Desk
from tests.publishing import S3Server, pressing, s3_server
from tests.stores import Newsroom, article, published

SITE = Site(BASE, "Le Fil", UUID(int=7), T0)
ROOT = Path(__file__).resolve().parents[2]
__all__ = ["s3_server"]


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
async def desk(tmp_path: Path, pool: Executor) -> AsyncIterator[Desk]:
    async with Store.open(str(tmp_path / "wireroom.db")) as store:
        await store.migrate()
        yield Desk(store, pool, SITE)


def story(name: str = "x", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Headline of {name}",
        "content_text": f"Body of {name}.",
        "sections": ["政治"],
        **more,
    }


async def test_objects_have_the_types_and_headers_that_http_sends(desk: Desk, s3_server: S3Server) -> None:
    await desk.say(story())
    async with pressing(desk, open_place("s3://bucket/news/fr"), codings=("gzip", "br")) as press:
        await press.done()
    client = s3_server.client("news/fr")

    def attributes(path: str) -> dict[str, str]:
        return {str(name): value for name, value in obstore.get(client, path).attributes.items()}

    feed = "public, max-age=60, stale-while-revalidate=60, stale-if-error=86400"
    assert attributes("feeds/all.rss") == {
        "Content-Type": "application/rss+xml; charset=utf-8",
        "Cache-Control": feed,
    }
    assert attributes("feeds/section/政治.json") == {"Content-Type": "application/feed+json", "Cache-Control": feed}
    gzipped = attributes("feeds/all.atom.gz")
    assert gzipped["Content-Encoding"] == "gzip"
    assert gzipped["Content-Type"] == "application/atom+xml; charset=utf-8", "a copy is what it is a copy of"
    assert attributes("feeds/all.atom.br")["Content-Encoding"] == "br"
    assert attributes("feeds.opml")["Content-Type"] == "text/x-opml; charset=utf-8"
    assert attributes("robots.txt")["Cache-Control"].startswith("public, max-age=3600,")
    assert bytes(obstore.get(client, "feeds/all.rss").bytes()).decode() == await desk.read("all", "rss")


async def test_sealed_pages_may_be_kept_for_a_year_and_go_with_a_retraction(desk: Desk, s3_server: S3Server) -> None:
    await desk.say(*(story(f"old{at}") for at in range(30)))
    await desk.say(*(story(f"new{at}") for at in range(30)), after=timedelta(hours=30))
    await desk.store.archives.seal(["all"], desk.now)
    async with pressing(desk, open_place("s3://bucket")) as press:
        await press.done()
        page = obstore.get(s3_server.client(), "feeds/all/archive/1/1-25.atom")
        assert page.attributes["Cache-Control"].startswith("public, max-age=31536000, immutable")
        await desk.say({"type": "article.retracted", "data": {"id": "old3", "kind": "takedown", "reason": "Wrong."}})
        await press.done()
    left = s3_server.objects()
    assert not any("/archive/1/" in path for path in left)
    assert "feeds/all/archive/2/1-25.atom" in left
    for path in left:
        assert b"of old3" not in bytes(obstore.get(s3_server.client(), path).bytes()) or path.endswith(".gz"), path


async def test_nothing_is_put_that_has_not_changed(desk: Desk, s3_server: S3Server) -> None:
    await desk.say(story(), story("y", sections=["Sport"]))
    place = open_place("s3://bucket")
    async with pressing(desk, place) as press:
        await press.done()
        whole = s3_server.puts()
        assert whole == len(s3_server.objects()), "each object once"
        await press.done()
        assert s3_server.puts() == whole
        await desk.say(story("z", sections=["Sport"]))
        await press.done()
        assert 0 < s3_server.puts() - whole < whole / 2
        whole = s3_server.puts()
    async with pressing(desk, place) as press:
        await press.done()
    assert s3_server.puts() == whole


async def test_a_bucket_that_is_away_is_caught_up_with_and_no_secret_is_told(desk: Desk, s3_server: S3Server) -> None:
    await desk.say(story())
    async with pressing(desk, open_place("s3://bucket")) as press:
        await press.done()
        s3_server.stop()  # and with it all that it held
        await desk.say(story("y"))
        note = await press.told()
        assert "behind since" in note
        for secret in ("AKIDEXAMPLE", "secret-of-the-test"):
            assert secret not in note
        s3_server.start()
        await press.done()
        assert press.publisher.note() == ""
    assert "feeds/all.rss" in s3_server.objects()


async def test_secrets_that_a_store_repeats_are_hidden() -> None:
    place = BucketPlace("bucket", "", {"AWS_SECRET_ACCESS_KEY": "hush", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert place._hide(RuntimeError("<AWSAccessKeyId>hush</AWSAccessKeyId>\nDebug source: …")) == (
        "<AWSAccessKeyId>***</AWSAccessKeyId>"
    )


@pytest.mark.parametrize("url", ["gs://bucket", "s3://", "file://host/x", "file:///", "/srv", "https://x.example"])
def test_places_of_other_kinds_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="begins with"):
        open_place(url)


@pytest.mark.long
async def test_a_thousand_feeds_are_copied_whole(tmp_path: Path, s3_server: S3Server, pool: Executor) -> None:
    async with Store.open(str(tmp_path / "wireroom.db")) as store:
        await store.migrate()
        room = Newsroom(store)
        event = await room.take(published(article()))
        await room.enrich(event)
        await room.syndicate(event, feeds=tuple(FeedRef(f"tag/t{at}", f"T{at}", "tag") for at in range(1_000)))
        async with pressing(Desk(store, pool, SITE, room.now), open_place("s3://bucket"), codings=()) as press:
            await press.done()
        feeds = {path for path in s3_server.objects() if path.endswith(".rss")}
        assert len(feeds) == 1_001, "and the empty feed of all stories, as HTTP has it"


async def test_a_publisher_that_is_killed_is_gone_on_with_where_it_ended(tmp_path: Path, pool: Executor) -> None:
    database, place = tmp_path / "wireroom.db", DirectoryPlace(tmp_path / "cdn")
    async with Store.open(str(database)) as store:
        await store.migrate()
        room = Newsroom(store)
        event = await room.take(published(article()))
        await room.enrich(event)
        await room.syndicate(event, feeds=tuple(FeedRef(f"tag/t{at}", f"T{at}", "tag") for at in range(300)))
    command = [sys.executable, "-m", "tests.press", str(database), str(place.root)]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"a hundred\n"
    child.kill()
    await child.wait()
    half = {path for path in place.root.rglob("*.rss") if ".incoming" not in path.parts}
    assert 0 < len(half) < 300
    before = {path: path.stat().st_ino for path in half}
    async with Store.open(str(database)) as store, pressing(Desk(store, pool, SITE, room.now), place) as press:
        await press.done()
        whole = set(place.root.rglob("*.rss"))
        assert len(whole) == 301
        again = [path for path, number in before.items() if path.stat().st_ino != number]
        assert len(again) <= 4 * 6, "only what was under way is written twice"
        known = await store.static.known(place.name, "tag/t1")
        assert known
        assert None not in known.values()
        assert list((place.root / ".incoming").iterdir()) == []
