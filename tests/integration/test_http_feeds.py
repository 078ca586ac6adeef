"""Feeds over a real socket, from the whole app, out of the real store."""

import gzip
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import brotli
import feedparser
import pytest

from tests.buses import eventually
from tests.feed_desk import BASE
from tests.serving_feeds import Feeds, feeds_on


@pytest.fixture
async def feeds(tmp_path: Path) -> AsyncIterator[Feeds]:
    async with feeds_on(tmp_path) as made:
        await made.desk.say(
            {"id": "x", "title": "Un été", "sections": ["Actualités"], "tags": ["政治"]}, after=timedelta(0)
        )
        yield made


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/feeds/all.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/section/actualites.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/tag/%E6%94%BF%E6%B2%BB.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/section%2Factualites.json", "application/feed+json"),
        ("/feeds/all.rss?utm_source=x&null", "application/rss+xml; charset=utf-8"),
    ],
)
async def test_a_feed_is_found_by_its_name(feeds: Feeds, path: str, kind: str) -> None:
    status, headers, body = await feeds.ask(path)
    assert (status, headers["Content-Type"]) == (200, kind)
    assert int(headers["Content-Length"]) == len(body)
    assert "Un été".encode() in body


@pytest.mark.parametrize(
    "path", ["/feeds/section/nothing.rss", "/feeds/all.xml", "/feeds/all.RSS", "/feeds/.rss", "/feeds/section/x.y.rss"]
)
async def test_rule_50_an_unknown_feed_is_a_problem_document(feeds: Feeds, path: str) -> None:
    status, headers, _ = await feeds.ask(path)
    assert (status, headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_rule_48_a_feed_can_only_be_read(feeds: Feeds, method: str) -> None:
    status, headers, _ = await feeds.ask("/feeds/all.rss", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_the_feed_named_in_the_document_is_the_one_asked_for(feeds: Feeds) -> None:
    _, headers, body = await feeds.ask("/feeds/tag/%E6%94%BF%E6%B2%BB.atom")
    address = f"{BASE}/feeds/tag/%E6%94%BF%E6%B2%BB.atom"
    assert f'<link rel="self" type="application/atom+xml" href="{address}"/>'.encode() in body
    assert headers["Link"] == f'<{address}>; rel="self"'


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_rule_45_a_second_poll_gets_304_with_the_same_headers_and_no_body(feeds: Feeds, encoding: str) -> None:
    _, first, body = await feeds.ask("/feeds/all.rss", Accept_Encoding=encoding)
    assert body
    for asked in ({"If_None_Match": first["ETag"]}, {"If_Modified_Since": first["Last-Modified"]}):
        status, second, nothing = await feeds.ask("/feeds/all.rss", Accept_Encoding=encoding, **asked)
        assert (status, nothing) == (304, b"")
        for name in ("ETag", "Cache-Control", "Vary", "Last-Modified", "Link", "Content-Security-Policy"):
            assert second.getall(name) == first.getall(name), name
        assert "Date" in second
        assert "Set-Cookie" not in second


async def test_rule_42_gzip_holds_the_same_document_under_its_own_tag(feeds: Feeds) -> None:
    _, plain, body = await feeds.ask("/feeds/all.rss")
    _, packed, small = await feeds.ask("/feeds/all.rss", Accept_Encoding="gzip, br")
    assert packed["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain
    assert gzip.decompress(small) == body
    assert packed["ETag"] != plain["ETag"]


async def test_rule_48_head_says_what_get_would(feeds: Feeds) -> None:
    for encoding in ("identity", "gzip"):
        _, get, _ = await feeds.ask("/feeds/all.atom", Accept_Encoding=encoding)
        status, head, body = await feeds.ask("/feeds/all.atom", "HEAD", Accept_Encoding=encoding)
        assert (status, body) == (200, b"")
        assert {**head, "Date": ""} == {**get, "Date": ""}


async def test_rule_48_range_and_unconditional_headers_change_nothing(feeds: Feeds) -> None:
    status, _, body = await feeds.ask("/feeds/all.rss", Range="bytes=0-9", Cookie="a=b", If_Match='"other"')
    assert status == 200
    assert len(body) > 100


async def test_rule_42_a_change_is_a_new_tag_and_only_where_it_belongs(feeds: Feeds) -> None:
    await feeds.desk.say({"id": "other", "title": "Sport", "sections": ["Sport"]}, after=timedelta(0))
    tags = {
        path: (await feeds.ask(path))[1]["ETag"]
        for path in ("/feeds/section/sport.rss", "/feeds/tag/%E6%94%BF%E6%B2%BB.rss")
    }
    await feeds.desk.say({"id": "more", "title": "Encore", "sections": ["Sport"]}, after=timedelta(0))
    for update in feeds.desk.updates:
        feeds.documents.invalidate(update.feed, update.version)
    await feeds.documents.get("section/sport", "rss")
    joined = feeds.documents.joins
    while feeds.documents.joins == joined:
        await feeds.ask("/feeds/section/sport.rss")
    status, _, _ = await feeds.ask("/feeds/section/sport.rss", If_None_Match=tags["/feeds/section/sport.rss"])
    assert status == 200
    status, _, _ = await feeds.ask(
        "/feeds/tag/%E6%94%BF%E6%B2%BB.rss", If_None_Match=tags["/feeds/tag/%E6%94%BF%E6%B2%BB.rss"]
    )
    assert status == 304


async def test_the_feed_of_all_is_valid_before_the_first_article(tmp_path: Path) -> None:
    async with feeds_on(tmp_path) as feeds:
        for form in ("rss", "atom"):
            status, _, body = await feeds.ask(f"/feeds/all.{form}")
            assert status == 200
            assert not feedparser.parse(body).bozo


async def test_what_is_in_memory_is_served_without_the_store(feeds: Feeds) -> None:
    await feeds.ask("/feeds/all.rss")
    await feeds.api.store.close()
    status, _, body = await feeds.ask("/feeds/all.rss")
    assert status == 200
    assert body


async def test_every_answered_document_is_counted(feeds: Feeds) -> None:
    _, headers, body = await feeds.ask("/feeds/all.rss")
    await feeds.ask("/feeds/all.rss", If_None_Match=headers["ETag"])
    assert [one[:4] for one in feeds.served] == [("all", "rss", 200, len(body)), ("all", "rss", 304, 0)]


@pytest.mark.parametrize("query", ["?utm_source=x", "?null", "?", "?a=1&b=%20", "?sinces=1", "?%ff"])
async def test_rule_52_unknown_parameters_are_the_same_document_and_no_cookie_is_set(feeds: Feeds, query: str) -> None:
    _, plain, body = await feeds.ask("/feeds/all.rss")
    status, headers, same = await feeds.ask("/feeds/all.rss" + query, Cookie="a=b", User_Agent="Other/1")
    assert (status, same, headers["ETag"], headers["Link"]) == (200, body, plain["ETag"], plain["Link"])
    assert "Set-Cookie" not in headers
    assert headers["Vary"] == "Accept-Encoding"
    assert feeds.documents.joins == 1


async def test_options_tell_what_is_possible_and_let_scripts_of_other_sites_read_json(feeds: Feeds) -> None:
    status, headers, body = await feeds.ask("/feeds/all.rss", "OPTIONS")
    assert (status, headers["Allow"], body) == (204, "GET, HEAD, OPTIONS", b"")
    assert "Access-Control-Allow-Origin" not in headers
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    status, headers, _ = await feeds.ask("/feeds/all.json", "OPTIONS", **asked)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "If-None-Match" in headers["Access-Control-Allow-Headers"]
    for path in ("/feeds/all.json", "/feeds/none.json"):
        _, headers, _ = await feeds.ask(path, Origin="https://app.example")
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in headers["Access-Control-Expose-Headers"]


async def test_rule_47_br_comes_on_first_demand_and_its_predecessor_still_gets_304(feeds: Feeds) -> None:
    story = {"id": "long", "title": "Long", "content_html": "<p>" + "mot encore " * 2_000 + "</p>"}
    await feeds.desk.say(story, after=timedelta(0))
    _, first, packed = await feeds.ask("/feeds/all.rss", Accept_Encoding="gzip, br")
    assert first["Content-Encoding"] == "gzip"
    await eventually(lambda: feeds.answers.packer.made)
    _, second, smaller = await feeds.ask("/feeds/all.rss", Accept_Encoding="gzip, br")
    assert second["Content-Encoding"] == "br"
    assert brotli.decompress(smaller) == gzip.decompress(packed)
    for tag in (first["ETag"], second["ETag"]):
        status, _, _ = await feeds.ask("/feeds/all.rss", Accept_Encoding="gzip, br", If_None_Match=tag)
        assert status == 304
