"""What leads to the feeds, over HTTP: /feeds.opml, /news-sitemap.xml, /robots.txt, /.well-known."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, insert

from services.http.discovery import directory_routes, discovery_routes
from services.store.tables import feed_definition
from services.syndicate.discovered import Announced, Discovery
from services.syndicate.joiner import Site
from tests.discovered import SITEMAP, listed, outlines, sitemap
from tests.feed_desk import BASE, T0, Desk
from tests.http_api import Answer, Api, Deps, api_on

SITE = Site(BASE, "Le Fil", UUID(int=7), T0)
PATHS = ("/feeds.opml", "/news-sitemap.xml", "/robots.txt", "/.well-known/security.txt", "/.well-known/api-catalog")


class Newsstand:
    """An API and a desk on one store, with one clock."""

    def __init__(self, api: Api, desk: Desk) -> None:
        self.api, self.desk = api, desk

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return await self.api.call(method, path, key=None, **headers)

    async def say(self, *events: dict[str, Any], **after: Any) -> None:
        await self.desk.say(*events, **after)
        self.api.clock.now = self.desk.now


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
async def stand(tmp_path: Path, pool: Executor) -> AsyncIterator[Newsstand]:
    def with_discovery(deps: Deps) -> Deps:
        deps.clock.now = T0  # pyright: ignore[reportFunctionMemberAccess]  # tests.http_api.Clock
        announced = Announced(("mailto:s@news.example",))
        made = Discovery(deps.store.directory, SITE, announced, clock=deps.clock, monotonic=deps.monotonic)
        return replace(deps, feeds=(discovery_routes(made, clock=deps.clock), directory_routes(SITE)))

    async with api_on(tmp_path, with_discovery) as api:
        yield Newsstand(api, Desk(api.store, pool, SITE))


def story(name: str = "x", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Headline of {name}",
        "content_text": f"Body of {name}.",
        "sections": ["Monde"],
        **more,
    }


async def define(stand: Newsstand, name: str, **fields: object) -> None:
    now = stand.desk.now
    times = {"created_at": now, "changed_at": now}
    filling = {"searches": 0, "version": 0, "filled": 0, "evaluated": 0}
    values = {"feed": name, "address": name, "body": "full", **times, **filling, **fields}

    def unit(connection: Connection) -> None:
        connection.execute(insert(feed_definition), values)

    await stand.api.store.database.write(unit)


@pytest.mark.parametrize("path", PATHS)
async def test_each_is_answered_like_a_feed(stand: Newsstand, path: str) -> None:
    await stand.say(story())
    plain = await stand.get(path, accept_encoding="identity")
    assert (plain.status, plain.headers["vary"]) == (200, "Accept-Encoding")
    assert plain.headers["cache-control"].startswith("public, max-age=")
    assert plain.headers["x-content-type-options"] == "nosniff"
    gzipped = await stand.get(path, accept_encoding="gzip")
    assert gzipped.headers["content-encoding"] == "gzip"
    assert gzipped.raw == plain.raw, "the client decodes it"
    assert gzipped.headers["etag"] != plain.headers["etag"]
    again = await stand.get(path, accept_encoding="gzip", if_none_match=gzipped.headers["etag"])
    assert (again.status, again.raw, again.headers["etag"]) == (304, b"", gzipped.headers["etag"])
    dated = await stand.get(path, if_modified_since=plain.headers["last-modified"])
    assert dated.status == 304
    head = await stand.get(path, "HEAD", accept_encoding="identity")
    assert (head.status, head.raw, head.headers["content-length"]) == (200, b"", plain.headers["content-length"])
    refused = await stand.get(path, "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_each_has_the_type_that_its_standard_names(stand: Newsstand) -> None:
    types = {path: (await stand.get(path)).headers["content-type"] for path in PATHS}
    assert types == {
        "/feeds.opml": "text/x-opml; charset=utf-8",
        "/news-sitemap.xml": "application/xml; charset=utf-8",
        "/robots.txt": "text/plain; charset=utf-8",
        "/.well-known/security.txt": "text/plain; charset=utf-8",
        "/.well-known/api-catalog": 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"',
    }
    head = await stand.get("/.well-known/api-catalog", "HEAD")
    assert f'<{BASE}/.well-known/api-catalog>; rel="api-catalog"' in ", ".join(head.headers.getall("link"))


async def test_the_directory_follows_feeds_and_stands_still_while_stories_come(stand: Newsstand) -> None:
    assert [feed["xmlUrl"] for feed in outlines((await stand.get("/feeds.opml")).raw)] == [f"{BASE}/feeds/all.rss"]
    await stand.say(story())
    first = await stand.get("/feeds.opml")
    assert f"{BASE}/feeds/section/monde.rss" in {feed["xmlUrl"] for feed in outlines(first.raw)}
    await stand.say(story("y"))
    assert (await stand.get("/feeds.opml")).headers["etag"] == first.headers["etag"]
    await stand.say(story("z", sections=["Sport"]))
    assert (await stand.get("/feeds.opml")).headers["etag"] != first.headers["etag"]


async def test_rule_55_a_private_feed_is_in_its_partners_directory_alone_and_no_token_is_in_any(
    stand: Newsstand,
) -> None:
    store, now = stand.api.store, stand.desk.now
    await store.subscribers.create("nord", "Radio Nord", now)
    await store.subscribers.create("sud", "Radio Sud", now)
    await stand.say(story(), story("y", sections=["Sport"]))
    await define(stand, "section/monde", owner="nord")
    stand.api.clock.move(5)
    public = await stand.get("/feeds.opml")
    assert b"monde" not in public.raw
    own = await stand.api.call("GET", "/v1/subscribers/nord/feeds.opml")
    assert (own.status, own.headers["cache-control"]) == (200, "no-store")
    assert [feed["xmlUrl"] for feed in outlines(own.raw)] == [f"{BASE}/feeds/section/monde.rss"]
    assert b"/private/" not in own.raw
    other = await stand.api.key("webhooks:read", subscriber="sud")
    for path, key, status in (
        ("/v1/subscribers/nord/feeds.opml", other, 404),
        ("/v1/subscribers/none/feeds.opml", other, 404),
        ("/v1/subscribers/nord/feeds.opml", None, 401),
    ):
        assert (await stand.api.call("GET", path, key=key)).status == status


async def test_a_partner_without_private_feeds_gets_a_directory_all_the_same(stand: Newsstand) -> None:
    await stand.api.store.subscribers.create("nord", "Radio Nord", stand.desk.now)
    answer = await stand.api.call("GET", "/v1/subscribers/nord/feeds.opml")
    assert answer.status == 200
    assert outlines(answer.raw) == []


async def test_rule_56_a_retraction_leaves_the_sitemap_at_once_and_a_correction_keeps_its_date(
    stand: Newsstand,
) -> None:
    await stand.say(story(url="https://www.news.example/x"), story("y"))
    first = await stand.get("/news-sitemap.xml")
    assert listed(first.raw)["https://www.news.example/x"] == "Headline of x"
    await stand.say(
        {"type": "article.updated", "data": story(title="Corrected", url="https://www.news.example/x")},
        after=timedelta(hours=40),
    )
    corrected = await stand.get("/news-sitemap.xml")
    assert listed(corrected.raw)["https://www.news.example/x"] == "Corrected"
    taken_back = {"type": "article.retracted", "data": {"id": "y", "kind": "withdraw", "reason": "Wrong."}}
    await stand.say(taken_back, after=timedelta(seconds=2))  # within the minute: nothing slides out meanwhile
    assert list(listed((await stand.get("/news-sitemap.xml")).raw).values()) == ["Corrected"]
    stand.api.clock.move(8 * 3_600)
    gone = await stand.get("/news-sitemap.xml")
    assert listed(gone.raw) == {}, "48 hours after it came out, however late it was corrected"
    assert gone.headers["last-modified"] != corrected.headers["last-modified"]


async def test_rule_56_an_embargoed_story_changes_no_byte_before_its_instant(stand: Newsstand) -> None:
    await stand.say(story())
    before = {path: (await stand.get(path)).raw for path in PATHS}
    opens = stand.desk.now + timedelta(minutes=30)
    await stand.say(story("secret", tags=["Coup"], embargo_until=opens.isoformat()), after=timedelta())
    stand.api.clock.move(2)
    assert {path: (await stand.get(path)).raw for path in PATHS} == before
    await stand.desk.wait(timedelta(hours=1))
    stand.api.clock.now = stand.desk.now
    assert "Headline of secret" in listed((await stand.get("/news-sitemap.xml")).raw).values()
    assert b"coup" in (await stand.get("/feeds.opml")).raw


async def test_an_expired_story_is_not_in_the_sitemap(stand: Newsstand) -> None:
    await stand.say(story(expires_at=(stand.desk.now + timedelta(minutes=30)).isoformat()), story("y"))
    assert len(listed((await stand.get("/news-sitemap.xml")).raw)) == 2
    await stand.desk.wait(timedelta(hours=1))
    stand.api.clock.now = stand.desk.now
    assert list(listed((await stand.get("/news-sitemap.xml")).raw).values()) == ["Headline of y"]


async def test_rule_56_beyond_a_thousand_stories_numbered_files_follow(stand: Newsstand) -> None:
    await stand.say(*(story(f"s{at}") for at in range(1_001)))
    index = sitemap((await stand.get("/news-sitemap.xml")).raw)
    files = [one.findtext(f"{SITEMAP}loc").removeprefix(BASE) for one in index]
    sizes = [len(listed((await stand.get(path)).raw)) for path in files]
    assert sizes == [1_000, 1]
    assert (await stand.get("/news-sitemap/3.xml")).status == 404


async def test_without_contacts_there_is_no_security_txt(tmp_path: Path) -> None:
    def bare(deps: Deps) -> Deps:
        made = Discovery(deps.store.directory, SITE, clock=deps.clock, monotonic=deps.monotonic)
        return replace(deps, feeds=(discovery_routes(made, clock=deps.clock),))

    async with api_on(tmp_path, bare) as api:
        assert (await api.call("GET", "/.well-known/security.txt", key=None)).status == 404
        assert (await api.call("GET", "/robots.txt", key=None)).status == 200


async def test_static_copies_are_asked_for_and_told_of(stand: Newsstand) -> None:
    assert (await stand.api.call("GET", "/v1/static")).body == {"items": [], "next": None}
    assert (await stand.api.call("POST", "/v1/static", {})).status == 404
    store, now = stand.api.store, stand.desk.now
    assert await store.static.lease("s3://bucket", "up", now + timedelta(60), now) == 1
    asked = await stand.api.call("POST", "/v1/static", {})
    assert (asked.status, asked.body["items"][0]["place"]) == (202, "s3://bucket")
    reader = await stand.api.key("ops:read")
    assert (await stand.api.call("GET", "/v1/static", key=reader)).body == asked.body
    assert (await stand.api.call("POST", "/v1/static", {}, key=reader)).status == 403
