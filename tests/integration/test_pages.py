"""Pages for people over HTTP: addresses, status, validators, headers, and what each page must name."""

import gzip
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.definition import Definition
from services.http.app import create_app
from services.http.pages import ARTICLE_POLICY, POLICY, Pages, page_routes
from services.store.errors import StoreUnavailable
from tests.http_api import replace
from tests.page_desk import BASE, SITE, PageDesk, pages_on, rich_story

FLAW = {
    "id": "gone",
    "title": "The mayor resigns",
    "language": "en",
    "sections": ["World"],
    "content_html": "<p>All of it</p>",
}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[PageDesk]:
    async with pages_on(tmp_path) as made:
        await made.desk.say(rich_story(), {"id": "zh", "title": "政治新闻", "language": "zh", "sections": ["政治"]})
        yield made


async def retract(room: PageDesk, kind: str) -> str:
    await room.desk.say(FLAW)
    told = {"id": "gone", "kind": kind, "reason": "She has not."}
    await room.desk.say({"type": "article.retracted", "data": told})
    return f"/articles/{await room.key('gone')}"


async def every_address(room: PageDesk) -> dict[str, int]:
    style = re.search(r'/static/[^"]+\.css', (await room.ask("/feeds"))[2])
    assert style is not None
    rich = f"/articles/{await room.key('rich')}"
    return {
        "/": 308,
        "/feeds": 200,
        "/feeds?kind=tag": 200,
        "/feeds?kind=nothing": 404,
        "/feeds?kind=tag&after=nonsense": 404,
        "/feeds?q=world": 200,
        "/feeds/": 308,
        "/feeds/all": 200,
        "/feeds/section/world": 200,
        "/feeds/section/world/": 308,
        "/feeds/section/%E6%94%BF%E6%B2%BB": 200,
        "/feeds/section%2Fworld": 200,
        "/feeds/nothing": 404,
        rich: 200,
        f"{rich}.json": 200,
        f"{rich}.nothing": 404,
        "/articles/nothing": 404,
        f"/articles/{'0' * 32}": 404,
        f"/articles/{'0' * 32}.json": 404,
        await retract(room, "takedown"): 410,
        style[0]: 200,
        "/static/nothing.css": 404,
        "/static/..%2fframe.py": 404,
    }


async def test_security_rule_43_every_route_of_pages_sends_the_headers(room: PageDesk) -> None:
    for path, status in (await every_address(room)).items():
        answered, headers, _ = await room.ask(path)
        assert answered == status, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer", path
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"], path
        assert headers["Cache-Control"] if status != 404 else True, path
        assert "Set-Cookie" not in headers, path


async def test_security_rule_43_under_tls_pages_bind_browsers_to_it(room: PageDesk) -> None:
    app: Any = create_app(room.api.deps)
    for path in ("/feeds", "/feeds/all", "/feeds/nothing", f"/articles/{await room.key('rich')}"):
        for scheme, bound in (("https", True), ("http", False)):
            sent: list[dict[str, Any]] = []

            async def send(message: dict[str, Any], to: list[dict[str, Any]] = sent) -> None:
                to.append(message)

            scope = {
                "type": "http",
                "method": "GET",
                "scheme": scheme,
                "path": path,
                "query_string": b"",
                "headers": [],
            }
            await app(scope, None, send)
            assert (b"strict-transport-security" in dict(sent[0]["headers"])) is bound, (scheme, path)


async def test_head_answers_like_get_and_nothing_else_is_possible(room: PageDesk) -> None:
    for path, status in (await every_address(room)).items():
        _, got, _ = await room.ask(path)
        answered, headers, body = await room.ask(path, "HEAD")
        assert (answered, body) == (status, ""), path
        assert {**headers, "Date": ""} == {**got, "Date": ""}, path
        if "%2f" in path:
            continue  # no route has such an address
        refused, allowed, _ = await room.ask(path, "POST")
        assert (refused, allowed["Allow"]) == (405, "GET, HEAD"), path


async def test_a_page_is_answered_with_304_to_whoever_has_it_and_gzipped_to_whoever_can(room: PageDesk) -> None:
    rich = f"/articles/{await room.key('rich')}"
    for path in ("/feeds", "/feeds?kind=tag", "/feeds/section/world", rich, f"{rich}.json"):
        _, first, text = await room.ask(path, Accept_Encoding="identity")
        tag = first["ETag"]
        assert tag.startswith('W/"')
        for asked in (tag, tag[2:], f'"other", {tag}', "*", tag[:-1] + '-gzip"'):
            status, second, nothing = await room.ask(path, If_None_Match=asked)
            assert (status, nothing) == (304, ""), (path, asked)
            for name in ("ETag", "Cache-Control", "Vary", "Link", "Content-Security-Policy"):
                assert second.getall(name, []) == first.getall(name, []), (path, name)
        assert (await room.ask(path, If_None_Match='"other"'))[0] == 200
        async with room.api.session.get(
            room.api.url + path, headers={"Accept-Encoding": "gzip"}, auto_decompress=False
        ) as packed:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert packed.headers["ETag"] == tag
            assert gzip.decompress(await packed.read()).decode() == text
        assert first["Vary"] == "Accept-Encoding"
        assert first["Cache-Control"].startswith("public, max-age=60")


async def test_a_change_is_another_page_and_the_same_data_the_same_bytes(room: PageDesk) -> None:
    _, first, body = await room.ask("/feeds/section/world")
    room.api.clock.move(600)
    assert (await room.ask("/feeds/section/world"))[2] == body
    await room.desk.say({"id": "new", "title": "More", "language": "en", "sections": ["World"]})
    status, second, _ = await room.ask("/feeds/section/world", If_None_Match=first["ETag"])
    assert status == 200
    assert second["ETag"] != first["ETag"]


async def test_rule_55_a_feed_s_page_names_each_of_its_documents_in_html_and_header(room: PageDesk) -> None:
    _, headers, html = await room.ask("/feeds/section/%E6%94%BF%E6%B2%BB")
    address = f"{BASE}/feeds/section/%E6%94%BF%E6%B2%BB"
    for extension, kind in (
        ("rss", "application/rss+xml"),
        ("atom", "application/atom+xml"),
        ("json", "application/feed+json"),
    ):
        assert f'<{address}.{extension}>; rel="alternate"; type="{kind}"' in headers["Link"]
        found = re.search(rf'<link rel="alternate" type="{re.escape(kind)}" title="([^"]+)" href="([^"]+)">', html)
        assert found is not None
        assert found[1].startswith("政治")
        assert found[2] == f"{address}.{extension}"
    assert f'<{address}>; rel="canonical"' in headers["Link"]
    assert f'<link rel="canonical" href="{address}">' in html


async def test_the_front_door_leads_to_the_directory_for_good(room: PageDesk) -> None:
    status, headers, _ = await room.ask("/")
    assert (status, headers["Location"]) == (308, "/feeds")
    for path in ("/feeds/section/world/", "/feeds/all//"):
        assert (await room.ask(path))[1]["Location"] == path.rstrip("/")


async def test_a_renamed_feed_s_page_leads_to_its_new_address_and_an_ended_one_says_so(room: PageDesk) -> None:
    feeds = room.api.store.saved_feeds
    await feeds.define(Definition("klima", "Klima", "tag:klima", description="Alles <b>übers</b> Klima"), room.desk.now)
    status, _, html = await room.ask("/feeds/klima")
    assert status == 200
    assert "Alles &lt;b&gt;übers&lt;/b&gt; Klima" in html
    await feeds.rename("klima", "气候", room.desk.now)
    status, headers, _ = await room.ask("/feeds/klima")
    assert (status, headers["Location"]) == (308, "/feeds/%E6%B0%94%E5%80%99")
    assert (await room.ask("/feeds/%E6%B0%94%E5%80%99"))[0] == 200
    await feeds.end("气候", room.desk.now)
    for path in ("/feeds/%E6%B0%94%E5%80%99", "/feeds/klima"):
        status, headers, html = await room.ask(path)
        if status == 308:
            status, _, html = await room.ask(headers["Location"])
        assert status == 410
        assert "This feed has ended" in html


async def test_a_private_feed_is_as_unknown_as_one_that_never_was(room: PageDesk) -> None:
    store = room.api.store
    await store.subscribers.create("p1", "P1", room.desk.now)
    await store.saved_feeds.define(Definition("mine", "Mine alone", "lang:en", owner="p1"), room.desk.now)
    hidden, missing = await room.ask("/feeds/mine"), await room.ask("/feeds/never")
    assert hidden[0] == missing[0] == 404
    assert hidden[2] == missing[2]
    assert {**hidden[1], "Date": ""} == {**missing[1], "Date": ""}
    assert "Mine alone" not in (await room.ask("/feeds"))[2] + (await room.ask("/feeds?q=mine"))[2]


async def test_a_feed_by_words_is_for_people_and_not_for_search_engines(room: PageDesk) -> None:
    await room.api.store.saved_feeds.define(Definition("words", "Words", '"a phrase"', searches=True), room.desk.now)
    assert '<meta name="robots" content="noindex">' in (await room.ask("/feeds/words"))[2]
    assert "noindex" not in (await room.ask("/feeds/section/world"))[2]


async def test_the_page_of_all_stories_is_there_before_the_first_one(tmp_path: Path) -> None:
    async with pages_on(tmp_path) as room:
        for path in ("/feeds", "/feeds/all"):
            status, _, html = await room.ask(path)
            assert status == 200
            assert f'datetime="{SITE.founded:%Y-%m-%dT%H:%M:%SZ}"' in html
        assert (await room.ask("/feeds/section/world"))[0] == 404


async def test_an_article_names_its_publisher_s_page_as_the_canonical_one(room: PageDesk) -> None:
    path = f"/articles/{await room.key('rich')}"
    _, headers, html = await room.ask(path)
    assert '<link rel="canonical" href="https://news.example/2026/harbour-bridge">' in html
    assert '<https://news.example/2026/harbour-bridge>; rel="canonical"' in headers["Link"]
    _, headers, html = await room.ask(f"/articles/{await room.key('zh')}")
    assert f'<link rel="canonical" href="{BASE}/articles/{await room.key("zh")}">' in html


async def test_an_article_says_what_it_is_to_search_engines_without_a_script(room: PageDesk) -> None:
    _, _, html = await room.ask(f"/articles/{await room.key('rich')}")
    assert 'itemtype="https://schema.org/NewsArticle"' in html
    for name in ("headline", "datePublished", "author", "publisher", "image", "articleBody", "inLanguage"):
        assert f'itemprop="{name}"' in html
    assert not re.search(r"<script(?![^>]* src=)", html)
    assert '<meta property="og:title" content="Harbour bridge reopens' in html


async def test_only_an_article_s_page_may_load_pictures_from_elsewhere(room: PageDesk) -> None:
    assert (await room.ask("/feeds/all"))[1]["Content-Security-Policy"] == POLICY
    assert (await room.ask(f"/articles/{await room.key('rich')}"))[1]["Content-Security-Policy"] == ARTICLE_POLICY
    assert ARTICLE_POLICY.replace(" https: http:; media-src https: http:", "") == POLICY


async def test_a_frame_of_another_site_becomes_a_link(room: PageDesk) -> None:
    _, _, html = await room.ask(f"/articles/{await room.key('rich')}")
    assert "<iframe" not in html
    assert '<a href="https://www.youtube.com/embed/abc"' in html


@pytest.mark.parametrize("kind", ["withdraw", "takedown"])
async def test_of_an_article_taken_back_only_the_notice_is_left(room: PageDesk, kind: str) -> None:
    path = await retract(room, kind)
    status, headers, html = await room.ask(path)
    assert status == 410
    assert headers["X-Robots-Tag"] == "noindex"
    assert "She has not." in html
    assert "All of it" not in html
    assert ("The mayor resigns" in html) is (kind == "withdraw")
    status, _, text = await room.ask(f"{path}.json")
    assert status == 410
    assert "All of it" not in text
    assert ("The mayor resigns" in text) is (kind == "withdraw")
    _, _, feed = await room.ask("/feeds/section/world")
    assert ("The mayor resigns" in feed) is (kind == "withdraw")
    assert "She has not." in feed


async def test_an_expired_article_is_gone_without_its_headline(room: PageDesk) -> None:
    ends = (room.desk.now + timedelta(hours=1)).isoformat()
    await room.desk.say({**FLAW, "expires_at": ends})
    path = f"/articles/{await room.key('gone')}"
    assert (await room.ask(path))[0] == 200
    await room.desk.wait(timedelta(hours=2))
    status, _, html = await room.ask(path)
    assert status == 410
    assert "The mayor resigns" not in html
    assert "The mayor resigns" not in (await room.ask("/feeds/section/world"))[2]


async def test_under_embargo_an_article_changes_nothing_that_people_can_see(room: PageDesk) -> None:
    paths = ["/feeds", "/feeds/all", "/feeds/section/world", "/feeds?kind=tag", "/feeds?q=secret", "/feeds/tag/secret"]
    paths.append(f"/articles/{await room.key('gone')}")
    before = [(await room.ask(path))[::2] for path in paths]
    opens = room.desk.now + timedelta(hours=1)
    await room.desk.say({**FLAW, "tags": ["secret"], "embargo_until": opens.isoformat()})
    assert [(await room.ask(path))[::2] for path in paths] == before
    await room.desk.wait(timedelta(hours=2))
    assert (await room.ask(paths[-1]))[0] == 200
    assert (await room.ask("/feeds/tag/secret"))[0] == 200


async def test_a_single_item_comes_in_each_format_that_has_one(room: PageDesk) -> None:
    path = f"/articles/{await room.key('rich')}"
    _, _, html = await room.ask(path)
    singles = re.findall(rf'<link rel="alternate" type="([^"]+)" title="[^"]+" href="{BASE}(/articles/[^"]+)">', html)
    assert singles
    for kind, address in singles:
        status, headers, text = await room.ask(address)
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, kind)
        assert "Harbour bridge reopens" in text
        assert headers["Access-Control-Allow-Origin"] == "*"


async def test_a_file_of_the_frame_is_kept_for_good_under_the_address_of_its_content(room: PageDesk) -> None:
    _, _, html = await room.ask("/feeds")
    for address in set(re.findall(r'/static/[^"]+', html)):
        status, headers, text = await room.ask(address)
        assert status == 200
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        former = re.sub(r"\.[0-9a-f]{12}\.", f".{'0' * 12}.", address)
        status, headers, same = await room.ask(former)
        assert (status, same) == (200, text)
        assert "immutable" not in headers["Cache-Control"]


class AwayPages:
    """Reads of a store that is away."""

    def __getattr__(self, name: str) -> Any:
        async def away(*_: object) -> object:
            raise StoreUnavailable("away")

        return away


class AwayStore:
    """A store that is away."""

    pages = feeds = AwayPages()


async def test_when_the_store_is_away_people_read_so_in_a_page(tmp_path: Path) -> None:
    from tests.http_api import api_on

    store: Any = AwayStore()
    pages = Pages(title="Le Fil", base_url=BASE)
    async with api_on(
        tmp_path, lambda deps: replace(deps, feeds=(page_routes(pages, store, founded=SITE.founded),))
    ) as api:
        for path in ("/feeds", "/feeds/all", f"/articles/{'a' * 32}"):
            answer = await api.call("GET", path, key=None)
            assert answer.status == 503
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Cache-Control"] == "no-store"
            assert int(answer.headers["Retry-After"]) >= 1


async def test_behind_a_proxy_s_folder_every_link_keeps_it(tmp_path: Path) -> None:
    from tests.http_api import api_on

    pages = Pages(title="Le Fil", base_url="https://example.org/news")
    async with api_on(
        tmp_path, lambda deps: replace(deps, feeds=(page_routes(pages, deps.store, founded=SITE.founded),))
    ) as api:
        html = (await api.call("GET", "/feeds", key=None)).raw.decode()
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', html)
        assert links
        assert all(link.startswith("/news/") for link in links), links
        assert "https://example.org/news/feeds/all.atom" in html
