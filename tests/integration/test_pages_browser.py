"""Every page for people in real Chromium: light and dark, 360 and 1280 pixels, hostile and right-to-left content.

All pages are visited once, by one browser; the tests look at what was seen.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from schemas.feed import slug
from tests.browser import Visit, browsing, look, tab
from tests.page_desk import HOSTILE, PageDesk, front_page, hostile_story, pages_on, rich_story

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATUS = {
    "directory": 200,
    "of a kind": 200,
    "found": 200,
    "nothing found": 200,
    "hostile search": 200,
    "feed": 200,
    "right-to-left feed": 200,
    "hostile feed": 200,
    "unknown feed": 404,
    "article": 200,
    "right-to-left article": 200,
    "hostile article": 200,
    "withdrawn": 410,
    "taken down": 410,
    "unknown article": 404,
}
ARTICLES = ("article", "right-to-left article", "hostile article")
SHOWN = HOSTILE.replace("\u202e", "").split()
every_page = pytest.mark.parametrize("name", STATUS)


class Seen(NamedTuple):
    """The running service, the browser, and every visit by the page's name."""

    room: PageDesk
    browser: Browser
    visits: dict[str, Visit]

    def url(self, path: str) -> str:
        return self.room.api.url + path


async def _published(room: PageDesk) -> dict[str, str]:
    """Fill the newsroom; the address of each page."""
    desk = room.desk
    await desk.say(*front_page())
    await desk.say(rich_story(), hostile_story(), after=timedelta(hours=1))
    await desk.say(
        {"id": "gone", "title": "The mayor resigns", "language": "en", "sections": ["World"]},
        {"id": "down", "title": "Nobody may know", "language": "en", "sections": ["World"]},
    )
    await desk.say(
        {"type": "article.retracted", "data": {"id": "gone", "kind": "withdraw", "reason": f"Wrong. {HOSTILE}"}},
        {"type": "article.retracted", "data": {"id": "down", "kind": "takedown", "reason": "By order of a court."}},
    )
    key = room.key
    return {
        "directory": "/feeds",
        "of a kind": "/feeds?kind=section",
        "found": "/feeds?q=mus%C3%A9e",
        "nothing found": "/feeds?q=nothing-like-it",
        "hostile search": f"/feeds?q={quote(HOSTILE)}",
        "feed": "/feeds/section/world",
        "right-to-left feed": "/feeds/lang/ar",
        "hostile feed": f"/feeds/section/{quote(slug(f'Section {HOSTILE}'))}",
        "unknown feed": f"/feeds/section/{quote('<img src=x onerror=hacked=1>', safe='')}",
        "article": f"/articles/{await key('rich')}",
        "right-to-left article": f"/articles/{await key('story-8')}",
        "hostile article": f"/articles/{await key(hostile_story()['id'].replace(chr(0x202E), ''))}",
        "withdrawn": f"/articles/{await key('gone')}",
        "taken down": f"/articles/{await key('down')}",
        "unknown article": "/articles/nothing",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seen]:
    async with browsing() as browser, pages_on(tmp_path_factory.mktemp("pages")) as room:
        paths = await _published(room)
        visits = {name: await look(browser, room.api.url + path) for name, path in paths.items()}
        assert visits.keys() == STATUS.keys()
        yield Seen(room, browser, visits)


@every_page
async def test_security_rule_41_a_page_obeys_a_strict_policy_and_nothing_is_inline(seen: Seen, name: str) -> None:
    visit = seen.visits[name]
    assert visit.status == STATUS[name]
    assert visit.violations == []
    assert visit.console == []
    assert (visit.facts["inline"], visit.facts["handlers"], visit.facts["frames"]) == (0, 0, 0)
    stated = [part.strip().split(" ", 1) for part in visit.headers["content-security-policy"].split(";")]
    policy = {part[0]: part[1] for part in stated}
    pictures = (
        {"img-src": "'self' https: http:", "media-src": "https: http:"} if name in ARTICLES else {"img-src": "'self'"}
    )
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        **pictures,
    }


@every_page
async def test_security_rule_44_hostile_text_stands_on_the_page_as_text(seen: Seen, name: str) -> None:
    visit = seen.visits[name]
    assert visit.facts["hacked"] == "undefined"
    assert visit.facts["planted"] == 0
    if name in {"hostile search", "hostile feed", "hostile article", "withdrawn"}:
        assert " ".join(SHOWN) in " ".join(visit.text.split())


@every_page
async def test_security_rule_45_nothing_comes_from_another_origin_but_an_article_s_own_pictures_and_sound(
    seen: Seen, name: str
) -> None:
    asked = {(kind, urlsplit(url).hostname) for kind, url in seen.visits[name].elsewhere}
    allowed: dict[str, set[tuple[str, str | None]]] = {
        "article": {("image", "pictures.example")},
        "hostile article": {("image", "pictures.example"), ("image", "news.example")},  # in its HTML, as pictures
    }
    assert asked <= allowed.get(name, set())


@every_page
async def test_axe_finds_nothing_in_any_light_or_width(seen: Seen, name: str) -> None:
    assert seen.visits[name].axe == []
    assert seen.visits[name].facts["lang"] == "en"


@every_page
async def test_no_page_scrolls_sideways(seen: Seen, name: str) -> None:
    assert seen.visits[name].sideways == []


async def test_an_article_s_pictures_are_shown(seen: Seen) -> None:
    assert ("image", "https://pictures.example/bridge.jpg") in seen.visits["article"].elsewhere


async def test_a_takedown_shows_not_even_the_headline_and_a_withdrawal_no_text(seen: Seen) -> None:
    assert "Nobody may know" not in "".join(visit.html for visit in seen.visits.values())
    assert "By order of a court." in seen.visits["taken down"].text
    assert "The mayor resigns" in seen.visits["withdrawn"].text


async def test_a_button_copies_the_feed_s_address(seen: Seen) -> None:
    async with tab(seen.browser, permissions=["clipboard-read", "clipboard-write"]) as (page, visit):
        await page.goto(seen.url("/feeds/lang/ar"))
        await page.get_by_role("button", name="Copy RSS address").click()
        await page.get_by_role("status").get_by_text("Address copied").wait_for(state="attached")
        assert await page.evaluate("navigator.clipboard.readText()") == "https://news.example/feeds/lang/ar.rss"
        assert visit.console == []


async def test_the_button_works_where_there_is_no_clipboard_api(seen: Seen) -> None:
    async with tab(seen.browser) as (page, _):
        await page.add_init_script("Object.defineProperty(Navigator.prototype, 'clipboard', {get: () => undefined})")
        await page.goto(seen.url("/feeds/all"))
        await page.get_by_role("button", name="Copy Atom address").click()
        await page.get_by_role("status").get_by_text("Address copied").wait_for(state="attached")
        assert await page.evaluate("String(getSelection())") == "https://news.example/feeds/all.atom"


async def test_times_are_told_as_readers_count_and_keep_the_instant(seen: Seen) -> None:
    async with tab(seen.browser, locale="de-DE", timezone_id="Asia/Tokyo") as (page, _):
        await page.clock.set_fixed_time(seen.room.desk.now + timedelta(minutes=7))
        await page.goto(seen.url("/feeds/section/world"))
        told = page.locator(".facts time").first
        assert await told.inner_text() == "7 minutes ago"
        at = seen.room.desk.now
        assert await told.get_attribute("datetime") == f"{at:%Y-%m-%dT%H:%M:%SZ}"
        assert f"{at + timedelta(hours=9):%H:%M}" in (await told.get_attribute("title") or "")


async def test_everything_works_without_javascript(seen: Seen) -> None:
    async with tab(seen.browser, java_script_enabled=False) as (page, visit):
        await page.goto(seen.url("/feeds"))
        assert await page.locator("button[data-copies]:visible").count() == 0
        assert await page.get_by_text("https://news.example/feeds/all.atom").is_visible()
        await page.get_by_role("searchbox").fill("Actualités")
        await page.get_by_role("searchbox").press("Enter")
        await page.get_by_role("link", name="Actualités").click()
        assert urlsplit(page.url).path == "/feeds/section/actualites"
        assert await page.locator("time").first.inner_text() == "1 May 2024, 10:01 UTC"
        await page.locator(".item a").first.click()
        assert await page.get_by_role("article").count() == 1
        assert visit.console == []


async def test_the_keyboard_reaches_the_content_first(seen: Seen) -> None:
    async with tab(seen.browser) as (page, _):
        await page.goto(seen.url("/feeds/all"))
        await page.keyboard.press("Tab")
        box = "document.querySelector('.skip').getBoundingClientRect().top"
        slid = "Promise.all(document.querySelector('.skip').getAnimations().map(one => one.finished))"
        await page.evaluate(slid + ".then(() => true)")
        assert await page.evaluate(box) >= 0
        assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"


async def test_right_to_left_content_runs_so_in_a_left_to_right_frame(seen: Seen) -> None:
    async with tab(seen.browser) as (page, _):
        await page.goto(seen.url(f"/articles/{await seen.room.key('story-8')}"))
        headline, brand = await page.locator("h1").bounding_box(), await page.locator(".brand").bounding_box()
        assert headline is not None
        assert brand is not None
        assert await page.locator("h1").evaluate("(one) => getComputedStyle(one).direction") == "rtl"
        assert await page.locator(".body").get_attribute("lang") == "ar"
        assert await page.locator(".body").evaluate("(one) => getComputedStyle(one).direction") == "rtl"
        assert brand["x"] < 640
