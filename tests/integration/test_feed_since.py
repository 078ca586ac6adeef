"""What moved in a feed, over HTTP: `?since=`, cursors, the long poll, and `A-IM: feed` (RFC 3229)."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from services.http.feeds.history import WaitLimits
from services.syndicate.formats import FORMATS
from tests.buses import eventually
from tests.feed_desk import BASE
from tests.history import Served, parse, site_on, story, taken_back

FEED = "/feeds/all.json"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Served]:
    async with site_on(tmp_path, limits=WaitLimits(all=3, client=2)) as made:
        yield made


def items(body: bytes) -> list[str]:
    return [item["title"] for item in json.loads(body)["items"]]


def onward(headers: Any) -> str:
    """The next address, of a Link header."""
    [found] = [part for part in headers["Link"].split(", ") if part.endswith('rel="next"')]
    return found[found.index("<") + 1 : found.index(">")].removeprefix(BASE)


async def follow(site: Served, path: str) -> tuple[list[list[str]], str]:
    """Read on until nothing comes: the titles of each answer, and where to go on."""
    told: list[list[str]] = []
    while True:
        status, headers, body = await site.ask(path)
        assert status == 200
        assert headers["Cache-Control"] == "no-store"
        path = onward(headers)
        if not items(body):
            return told, path
        told.append(items(body))


async def test_what_moved_after_an_instant_is_told_oldest_first_and_on_and_on(site: Served) -> None:
    await site.paper.say(story("a"))
    then = site.paper.desk.now
    for name in ("b", "c", "d", "e", "f"):
        await site.paper.say(story(name))
    told, path = await follow(site, f"{FEED}?since={quote(then.isoformat())}&limit=2")
    assert told == [["Headline of b", "Headline of c"], ["Headline of d", "Headline of e"], ["Headline of f"]]
    await site.paper.say(story("g"), story("b", title="B anew", correction_note="Wrong."), taken_back("c"))
    told, path = await follow(site, path)
    assert sorted(title for titles in told for title in titles) == [
        "B anew",
        "Headline of g",
        "Retracted: Headline of c",
    ]
    assert await follow(site, path) == ([], path)
    plus = then.isoformat().replace("+", " ")  # as a careless client leaves it
    assert len((await follow(site, f"{FEED}?since={quote(plus)}"))[0][0]) > 1


async def test_the_whole_history_is_told_from_the_first_story_sealed_or_not(site: Served) -> None:
    names = await site.paper.fill(80)
    await site.paper.say(story("last"))
    await site.paper.say(taken_back(names[3], "takedown"))
    told, _ = await follow(site, f"{FEED}?since=2000-01-01T00:00:00Z&limit=9")
    titles = [title for titles in told for title in titles]
    assert titles == [f"Headline of {name}" for name in (*names[:3], *names[4:], "last")] + ["Retracted"]


@pytest.mark.parametrize("form", FORMATS)
async def test_every_format_tells_what_moved_and_leads_on(site: Served, form: str) -> None:
    await site.paper.say(story("a"))
    then = site.paper.desk.now
    await site.paper.say(story("b"))
    status, headers, body = await site.ask(f"/feeds/all.{form}?since={quote(then.isoformat())}")
    assert status == 200
    assert headers["Content-Type"].partition(";")[0] == FORMATS[form].media_type
    assert (b"Headline of b" in body, b"Headline of a" in body) == (True, False)
    path = onward(headers)
    assert path.startswith(f"/feeds/all.{form}?since=")
    if form in {"atom", "rss", "json"}:
        assert parse(form, body).links["next"] == BASE + path
        assert parse(form, body).links["self"] == BASE + f"/feeds/all.{form}?since={quote(then.isoformat(), safe='')}"
        _, _, nothing = await site.ask(path)
        assert parse(form, nothing).ids == []
        assert "next" not in parse(form, nothing).links  # rule 30: it would lead to itself


async def test_a_cursor_says_nothing_of_what_it_stands_for(site: Served) -> None:
    from base64 import urlsafe_b64decode

    await site.paper.say(story("minister-resigns"))
    _, headers, _ = await site.ask(f"{FEED}?since=2000-01-01T00:00:00Z")
    cursor = onward(headers).partition("since=")[2]
    assert b"minister" not in urlsafe_b64decode(cursor + "==")


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=2026-11-03T08:15:00", "since=abcd", "cursor=%FF", "since=2000-01-01T00:00:00Z&limit=0",
     "since=2000-01-01T00:00:00Z&limit=x", "wait=-1", "wait=soon", "since=9999-99-99T00:00:00Z"],
)  # fmt: skip
async def test_a_question_that_cannot_be_read_is_answered_with_what_to_do(site: Served, query: str) -> None:
    await site.paper.say(story("a"))
    status, headers, body = await site.ask(f"{FEED}?{query}")
    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    problem = json.loads(body)
    assert "since=<time>" in problem["detail"]
    assert problem["errors"][0]["where"] in {"since", "cursor", "limit", "wait"}


async def test_a_cursor_of_another_feed_or_of_a_store_that_knew_more_is_refused(site: Served) -> None:
    await site.paper.say(story("a"), story("b"))
    _, headers, _ = await site.ask("/feeds/section/world.json?since=2000-01-01T00:00:00Z")
    foreign = onward(headers).replace("section/world", "all")
    status, _, body = await site.ask(foreign)
    assert (status, b"Start again with since=" in body) == (400, True)
    for name in "cdefg":
        await site.paper.say(story(name))
    _, headers, _ = await site.ask(f"{FEED}?since=2000-01-01T00:00:00Z")
    ahead = onward(headers)

    def restored(connection: Any) -> None:
        connection.exec_driver_sql("UPDATE feed SET version = 1")

    await site.paper.desk.store.database.write(restored)
    assert (await site.ask(ahead))[0] == 400


async def test_a_limit_alone_is_like_any_unknown_parameter(site: Served) -> None:
    await site.paper.say(story("a"), story("b"))
    _, plain, whole = await site.ask(FEED)
    _, headers, body = await site.ask(f"{FEED}?limit=1&utm_source=x")
    assert (body, headers["ETag"]) == (whole, plain["ETag"])


async def test_a_long_poll_ends_with_the_next_move(site: Served) -> None:
    await site.paper.say(story("a"))
    _, path = await follow(site, f"{FEED}?since=2000-01-01T00:00:00Z")
    asked = [asyncio.ensure_future(site.ask(f"{path}&wait=30")) for _ in range(2)]
    asked.append(asyncio.ensure_future(site.ask(f"{FEED}?wait=30")))
    waiters = site.paper.documents.deltas.waiters
    await eventually(lambda: len(waiters) == 3)
    assert not any(one.done() for one in asked)
    await site.paper.say(story("b"))
    for status, _, body in await asyncio.gather(*asked):
        assert (status, items(body)) == (200, ["Headline of b"])
    assert len(waiters) == 0


async def test_what_moves_elsewhere_wakes_nobody_and_sealing_is_no_news(site: Served) -> None:
    await site.paper.say(story("a"))
    status, headers, _ = await site.ask("/feeds/section/world.json?since=2000-01-01T00:00:00Z")
    path = onward(headers)
    waiting = asyncio.ensure_future(site.ask(f"{path}&wait=30"))
    waiters = site.paper.documents.deltas.waiters
    await eventually(lambda: len(waiters) == 1)
    await site.paper.say(story("b", sections=["Sport"]))
    site.paper.documents.invalidate("section/world", 50)  # a version that moved no item
    await eventually(lambda: len(waiters) == 1)
    assert not waiting.done()
    await site.paper.say(story("c"))
    site.paper.documents.invalidate("section/world", 51)
    status, _, body = await waiting
    assert (status, items(body)) == (200, ["Headline of c"])


async def test_a_wait_that_brings_nothing_ends_with_the_same_next(site: Served) -> None:
    await site.paper.say(story("a"))
    _, path = await follow(site, f"{FEED}?since=2000-01-01T00:00:00Z")
    status, headers, body = await site.ask(f"{path}&wait=1")
    assert (status, items(body), onward(headers)) == (200, [], path)


async def test_only_so_many_may_wait_and_who_hangs_up_frees_a_place(site: Served) -> None:
    await site.paper.say(story("a"))
    _, path = await follow(site, f"{FEED}?since=2000-01-01T00:00:00Z")
    waiters = site.paper.documents.deltas.waiters
    asked = [asyncio.ensure_future(site.ask(f"{path}&wait=30")) for _ in range(3)]
    await eventually(lambda: len(waiters) == 3)
    status, headers, _ = await site.ask(f"{path}&wait=30")
    assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "30", "no-store")
    assert (await site.ask(path))[0] == 200  # without waiting
    assert (await site.ask(f"{path}&wait=30", "HEAD"))[0] == 200
    asked[0].cancel()
    await eventually(lambda: len(waiters) == 2)
    again = asyncio.ensure_future(site.ask(f"{path}&wait=30"))
    await eventually(lambda: len(waiters) == 3)
    site.waiting.close()
    for status, _, body in await asyncio.gather(*asked[1:], again):
        assert (status, items(body)) == (200, [])


async def test_an_embargo_shows_in_no_cursor_and_wakes_nobody(site: Served) -> None:
    """Rule 40."""
    await site.paper.say(story("a"))
    _, path = await follow(site, f"{FEED}?since=2000-01-01T00:00:00Z")
    waiting = asyncio.ensure_future(site.ask(f"{path}&wait=30"))
    await eventually(lambda: len(site.paper.documents.deltas.waiters) == 1)
    ends = site.paper.desk.now + timedelta(hours=1)
    await site.paper.say(story("secret", embargo_until=ends.isoformat()))
    assert await follow(site, path) == ([], path)
    assert not waiting.done()
    await site.paper.wait(timedelta(hours=2))
    _, _, body = await waiting
    assert items(body) == ["Headline of secret"]


async def changed(site: Served, form: str, before: str, coding: str = "identity") -> Any:
    """Ask until the document has another tag; its headers."""
    while True:
        status, headers, _ = await site.ask(f"/feeds/all.{form}", If_None_Match=before, Accept_Encoding=coding)
        if status == 200:
            return headers


@pytest.mark.parametrize("form", FORMATS)
async def test_rule_54_a_reader_of_deltas_is_told_what_moved_since_its_document(site: Served, form: str) -> None:
    path = f"/feeds/all.{form}"
    await site.paper.say(*(story(f"s{number}") for number in range(30)))
    _, first, whole = await site.ask(path, A_IM="feed")
    assert "IM" not in first
    await site.paper.say(story("b"), story("s4", title="Four anew", correction_note="Wrong."))
    current = await changed(site, form, first["ETag"])
    for sent in (first["ETag"], f'"x", W/{first["ETag"]}', first["ETag"][:-1] + '-gzip"'):
        status, headers, body = await site.ask(path, A_IM="x, feed;q=0.8", If_None_Match=sent)
        assert (status, headers["IM"], headers["Delta-Base"]) == (226, "feed", first["ETag"])
        assert headers["ETag"] == current["ETag"]
        assert headers["Vary"] == "A-IM, If-None-Match, Accept-Encoding"
        assert headers["Cache-Control"] == "no-store, im"
        assert (b"Headline of b" in body, b"Four anew" in body, b"Headline of s7" in body) == (True, True, False)
        assert len(body) < len(whole) / 3
    status, headers, _ = await site.ask(path, A_IM="feed", If_None_Match=current["ETag"])
    assert status == 304
    assert headers["Vary"] == "Accept-Encoding"


async def test_rule_54_whoever_is_not_known_or_does_not_ask_gets_the_whole_document(site: Served) -> None:
    path = "/feeds/all.atom"
    await site.paper.say(*(story(f"s{number}") for number in range(30)))
    _, first, _ = await site.ask(path)
    await site.paper.say(story("b"))
    current = await changed(site, "atom", first["ETag"])
    _, _, whole = await site.ask(path)
    for headers in (
        {"A_IM": "feed"},
        {"A_IM": "feed", "If_None_Match": '"0123456789abcdef0123456789abcdef"'},
        {"A_IM": "feed;q=0", "If_None_Match": first["ETag"]},
        {"A_IM": "vcdiff", "If_None_Match": first["ETag"]},
        {"If_None_Match": first["ETag"]},
        # They send A-IM with every request, and take a 226 for a failure.
        {"A_IM": "feed", "If_None_Match": first["ETag"], "User_Agent": "rss2email/3.13.1 (https://rss2email.example)"},
        {"A_IM": "feed", "If_None_Match": first["ETag"], "User_Agent": "feedparser/6.0.11 +https://feedparser.example"},
    ):
        status, said, body = await site.ask(path, **headers)
        assert (status, body, said["ETag"]) == (200, whole, current["ETag"])
        assert said["Cache-Control"].startswith("public")


async def test_rule_54_a_delta_is_compressed_like_any_document(site: Served) -> None:
    await site.paper.say(*(story(f"s{number}") for number in range(30)))
    _, first, _ = await site.ask("/feeds/all.atom", Accept_Encoding="gzip")
    await site.paper.say(story("b"))
    whole = await changed(site, "atom", first["ETag"], "gzip")
    status, headers, _ = await site.ask(
        "/feeds/all.atom", Accept_Encoding="gzip", A_IM="feed", If_None_Match=first["ETag"]
    )
    assert (status, headers["Content-Encoding"], headers["ETag"]) == (226, "gzip", whole["ETag"])


async def test_rule_54_a_delta_tells_of_a_retraction(site: Served) -> None:
    await site.paper.fill(80)
    await site.paper.say(story("last"))
    _, first, _ = await site.ask("/feeds/all.atom")
    await site.paper.say(taken_back("s0003"))
    await changed(site, "atom", first["ETag"])
    status, _, body = await site.ask("/feeds/all.atom", A_IM="feed", If_None_Match=first["ETag"])
    found = parse("atom", body)
    assert (status, len(found.ids), len(found.gone)) == (226, 0, 1)
