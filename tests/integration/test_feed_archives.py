"""RFC 5005 §4 over HTTP: sealed pages, the way through them, and what becomes of them when something is taken back."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.store import Store
from services.syndicate.formats import FORMATS
from tests.buses import eventually
from tests.feed_desk import BASE
from tests.history import Newspaper, Served, paper_on, parse, site_on, story, taken_back, walk

FEEDS = ("all", "section/world", "lang/en")
WALKED = ("atom", "rss", "json")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Served]:
    async with site_on(tmp_path) as made:
        yield made


def id_of(body: bytes, name: str) -> str:
    """Find a story's id in a JSON document."""
    [found] = [item["id"] for item in json.loads(body)["items"] if item["url"].endswith(f"/{name}")]
    return found


@pytest.mark.parametrize("form", WALKED)
async def test_rule_35_the_subscription_document_leads_through_sealed_pages_to_the_first(
    site: Served, form: str
) -> None:
    await site.paper.fill(130)
    await site.paper.say(story("last"))
    start = f"{BASE}/feeds/all.{form}"
    seen = await walk(site.ask, start)
    urls = [url for url, _ in seen]
    assert urls == [start, *(f"{BASE}/feeds/all/archive/1/{n}-{n + 24}.{form}" for n in (76, 51, 26, 1))]
    ids = [one for _, read in seen for one in read.ids]
    assert len(ids) == len(set(ids)) == 131
    assert [len(read.ids) for _, read in seen] == [31, 25, 25, 25, 25]
    for at, (url, read) in enumerate(seen):
        assert read.links["self"] == url
        if form != "json":
            assert read.archive == (at > 0)
            assert read.links.get("current") == (start if at else None)
            newer = f"{BASE}/feeds/all/archive/1/101-125.{form}" if at == 1 else urls[at - 1]
            assert read.links.get("next-archive") == (newer if at else None)


async def test_rule_35_sealed_pages_stay_as_they_are_while_their_feed_goes_on(site: Served) -> None:
    await site.paper.fill(80)
    await site.paper.say(story("last"))
    before = {form: await site.ask(f"/feeds/all/archive/1/1-25.{form}") for form in FORMATS}
    for _, headers, _ in before.values():
        assert headers["Cache-Control"].startswith("public, max-age=31536000, immutable")
    await site.paper.say(story("s0003", title="Corrected", correction_note="It was wrong."))
    await site.paper.fill(60, start=500)
    await site.paper.say(story("very last"))
    for form, (_, headers, body) in before.items():
        status, again, same = await site.ask(f"/feeds/all/archive/1/1-25.{form}")
        assert (status, same) == (200, body)
        assert again["ETag"] == headers["ETag"]
        assert again["Last-Modified"] == headers["Last-Modified"]
        assert (await site.ask(f"/feeds/all/archive/1/1-25.{form}", If_None_Match=headers["ETag"]))[0] == 304
    seen = await walk(site.ask, f"{BASE}/feeds/all.atom")
    titles = [url for url, _ in seen]
    assert len(titles) > 4


async def test_a_corrected_story_is_told_again_before_the_page_that_holds_it_as_it_was(site: Served) -> None:
    """RFC 5005 §4: of an entry met twice the newer one counts; it is met first."""
    await site.paper.fill(80)
    await site.paper.say(story("last"))
    await site.paper.say(story("s0003", title="Corrected", correction_note="It was wrong."))
    status, _, body = await site.ask("/feeds/all.json")
    assert (status, b'"title":"Corrected"' in body) == (200, True)
    _, _, page = await site.ask("/feeds/all/archive/1/1-25.json")
    assert b"Headline of s0003" in page
    assert b"Corrected" not in page


async def test_the_page_in_the_making_is_the_subscription_document_until_it_is_sealed(site: Served) -> None:
    await site.paper.fill(80)
    await site.paper.say(story("last"))
    coming = "/feeds/all/archive/1/51-75.atom"
    status, headers, body = await site.ask(coming)
    assert (status, headers["Content-Location"]) == (200, f"{BASE}/feeds/all.atom")
    assert body == (await site.ask("/feeds/all.atom"))[2]
    assert "immutable" not in headers["Cache-Control"]
    assert (await site.ask(coming, If_None_Match=headers["ETag"]))[0] == 304
    dated = headers["Last-Modified"]
    await site.paper.fill(40, start=500)
    await site.paper.say(story("very last"))

    async def sealed() -> bool:
        return "immutable" in (await site.ask(coming, If_Modified_Since=dated))[1]["Cache-Control"]

    while not await sealed():
        pass
    status, headers, body = await site.ask(coming, If_Modified_Since=dated)
    assert (status, "Content-Location" in headers, len(parse("atom", body).ids)) == (200, False, 25)
    for unknown in (
        "/feeds/all/archive/1/2-26.atom",
        "/feeds/all/archive/2/1-25.atom",
        "/feeds/all/archive/1/976-1000.atom",
    ):
        assert (await site.ask(unknown))[0] == 404
    assert (await site.ask("/feeds/none/archive/1/1-25.atom"))[0] == 404
    assert (await site.ask("/feeds/section/world/archive/1/1-25.rss"))[0] == 200


@pytest.mark.parametrize("kind", ["withdraw", "takedown"])
async def test_rule_35_after_a_retraction_old_pages_are_gone_and_new_ones_show_the_stub(
    site: Served, kind: str
) -> None:
    await site.paper.fill(80)
    await site.paper.say(story("last"))
    await site.paper.say(story("s0003", title="Corrected", correction_note="It was wrong."))
    await site.paper.fill(60, start=500)
    await site.paper.say(story("very last"))
    before = {form: await walk(site.ask, f"{BASE}/feeds/all.{form}") for form in WALKED}
    victim = id_of((await site.ask("/feeds/all/archive/1/1-25.json"))[2], "s0003")
    await site.paper.say(taken_back("s0003", kind))
    for form in WALKED:
        old = [url for url, _ in before[form][1:]]

        async def gone(url: str = old[-1]) -> bool:
            return (await site.ask(url))[0] == 410

        while not await gone():
            pass
        for url in old:
            status, headers, _ = await site.ask(url)
            assert status == 410
            assert "immutable" not in headers.get("Cache-Control", "")
        after = await walk(site.ask, f"{BASE}/feeds/all.{form}")
        assert {url.split("/archive/")[1].split("/")[0] for url, _ in after[1:]} == {"2"}
        ids = {one for _, read in before[form] for one in read.ids}
        told = {one for _, read in after for one in (*read.ids, *read.gone)}
        assert told == ids
        if form == "atom":
            assert victim not in {one for _, read in after for one in read.ids}
            assert [victim in read.gone for _, read in after].count(True) == 2  # lately, and where it stood
    for where, body in (await site.paper.everything(*FEEDS)).items():
        assert b"text of s0003" not in body, where
        if kind == "takedown":
            assert b"Corrected" not in body, where
            assert b"Headline of s0003" not in body, where


async def test_rule_36_no_document_that_leads_on_calls_itself_complete(site: Served) -> None:
    await site.paper.fill(80)
    await site.paper.say(story("last"))
    for where, body in (await site.paper.everything(*FEEDS)).items():
        assert b"fh:complete" not in body, where


async def test_rule_44_sealed_pages_are_dated_when_they_were_sealed(site: Served) -> None:
    await site.paper.fill(80)
    await site.paper.say(story("last"))
    _, page, _ = await site.ask("/feeds/all/archive/1/1-25.rss")
    _, feed, _ = await site.ask("/feeds/all.rss")
    assert page["Last-Modified"] == feed["Last-Modified"]
    await site.paper.say(story("one more"))
    status, later, _ = await site.ask("/feeds/all/archive/1/1-25.rss", If_Modified_Since=page["Last-Modified"])
    assert (status, later["Last-Modified"]) == (304, page["Last-Modified"])


async def test_rule_44_two_changes_within_one_second_give_two_tags(site: Served) -> None:
    moment = timedelta(milliseconds=1)
    await site.paper.say(story("first"))
    _, one, _ = await site.ask("/feeds/all.rss")
    await site.paper.say(story("first", title="Second"), after=moment)
    await eventually(lambda: _cached(site.paper) != one["ETag"])
    status, two, _ = await site.ask("/feeds/all.rss", If_None_Match=one["ETag"])
    assert (status, two["Last-Modified"]) == (200, one["Last-Modified"])


def _cached(paper: Newspaper) -> str:
    document = paper.documents.cached("all", "rss")
    return document.identity.etag if document is not None else ""


async def test_rule_38_a_tombstone_stays_thirty_days_beside_a_sealed_window(store: Store) -> None:
    async with paper_on(store) as paper:
        await paper.say(story("x"))
        await paper.say(taken_back("x"))
        await paper.fill(100, start=500)
        for days, shown in ((0, True), (27, True), (4, False)):
            await paper.wait(timedelta(days=days))
            await paper.say(story(f"after {days}"))
            found = parse("atom", (await paper.everything("all"))["all atom "])
            assert (len(found.gone) == 1) is shown, days
            assert len(found.gone) == len(set(found.gone))
        stubs = [body for where, body in (await paper.everything("all")).items() if "all json archive" in where]
        assert sum(body.count(b'"state":"retracted"') for body in stubs) == 1


async def test_rule_40_before_its_instant_an_embargoed_story_changes_no_byte_of_any_page(store: Store) -> None:
    async with paper_on(store) as paper:
        await paper.fill(80)
        await paper.say(story("last"))
        before = await paper.everything(*FEEDS)
        ends = paper.desk.now + timedelta(days=5)
        await paper.say(story("secret", embargo_until=ends.isoformat()))
        await paper.say(story("s0003", revision=9, title="Secret", embargo_until=ends.isoformat()))
        await paper.settle()
        await paper.desk.store.archives.seal(FEEDS, paper.desk.now)
        assert await paper.everything(*FEEDS) == before
        assert (await paper.desk.store.feeds.moves("all", None)) is not None
        await paper.wait(timedelta(days=5))
        after = await paper.everything(*FEEDS)
        for feed in FEEDS:
            assert b"text of secret" in after[f"{feed} json "]
            assert b'"title":"Secret"' in after[f"{feed} json "]


async def test_what_expires_leaves_its_page_and_the_archive_moves(store: Store) -> None:
    async with paper_on(store) as paper:
        ends = paper.desk.now + timedelta(days=10)
        await paper.say(story("short", expires_at=ends.isoformat()))
        await paper.fill(80)
        await paper.say(story("last"))
        before = await paper.everything("all")
        assert b"text of short" in before["all rss archive/1/1-25"]
        await paper.wait(timedelta(days=10))
        for where, body in (await paper.everything("all")).items():
            assert b"text of short" not in body, where
            assert b"Headline of short" not in body, where
        row = await paper.desk.store.feeds.head("all")
        assert row is not None
        assert row.generation == 2
