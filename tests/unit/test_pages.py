"""The frame of pages: what it prints is text, whatever it is given; what it links to is the web."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import Request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.article import Author, Enclosure, Image, Source
from schemas.feed import Entry
from schemas.records import FeedRow
from services.enrich.steps.sanitize import sanitized
from services.http.pages import Pages
from services.http.pages.assets import Assets
from services.http.pages.formats import of_feed
from services.http.pages.readable import plain, readable, shows_lead_picture, standfirst
from services.http.pages.words import counted, host, lang_of, rfc3339, spoken, web
from services.store.pages import FeedGroup, ListedFeed, Story
from tests.page_desk import HOSTILE

AT = datetime(2026, 11, 3, 8, 15, 30, 999, tzinfo=UTC)
PAGES = Pages(title="Le Fil", base_url="https://news.example")
ASKED = Request({"type": "http", "method": "GET", "headers": [], "path": "/"})


class Tree(HTMLParser):
    """The tags of a page with their attributes' names, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []
        self.values: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def entry(said: str, **more: Any) -> Entry:
    values: dict[str, Any] = {
        "id": "urn:x",
        "article_id": "a",
        "revision": 1,
        "title": said,
        "url": "https://news.example/a",
        "summary": said,
        "content_html": "<p>Body</p>",
        "lang": "en",
        "authors": (Author(name=said[:300]),),
        "source": Source(name=said[:300]),
        "published": AT,
        "updated": AT,
        "images": (Image(url="https://news.example/i.jpg", alt=said, credit=said[:500]),),
        "enclosures": (Enclosure(url="https://news.example/a.mp3", type="audio/mpeg"),),
        "rights": said,
        "correction_note": said,
        "reason": said,
        **more,
    }
    return Entry(**values)


def every_page(said: str) -> dict[str, bytes]:
    """Each template, with the same text wherever somebody else's words go."""
    row = FeedRow(name="f", title=said, kind="saved", version=1, changed_at=AT, items=3, description=said, filter=said)
    listed = ListedFeed("f", "f", said, "tag", None, AT, 3)
    offers = of_feed("https://news.example", "f")
    stub = entry(said, state="withdrawn")
    story: dict[str, Any] = {
        "entry": entry(said),
        "here": "https://news.example/articles/1",
        "body": readable("<p>Body</p>"),
        "standfirst": said,
        "lead_picture": entry(said).images[0],
        "recordings": entry(said).enclosures,
        "sections": [listed],
        "feeds": [listed],
        "offers": offers,
        "singles": offers,
    }
    stories = [Story("k", entry(said)), Story("k", stub), Story("k", entry(said, state="takedown"))]
    groups = [FeedGroup("tag", 20, [listed])]
    pages: dict[str, dict[str, Any]] = {
        "directory.html": {"all": listed, "groups": groups, "offers": offers},
        "feeds.html": {
            "heading": said,
            "q": said,
            "feeds": [listed],
            "nothing": said,
            "first": "",
            "more": "",
            "noindex": True,
        },
        "feed.html": {
            "feed": row,
            "stories": stories,
            "newest": AT,
            "offers": offers,
            "canonical": "https://news.example/feeds/f",
            "about": said,
            "noindex": False,
        },
        "article.html": story,
        "retracted.html": {"entry": stub},
        "notice.html": {"code": 404, "heading": said, "text": said},
    }
    return {name: bytes(PAGES.render(ASKED, name, **context).body) for name, context in pages.items()}


def read(page: bytes) -> Tree:
    tree = Tree()
    tree.feed(page.decode())
    tree.close()
    return tree


HARMLESS = {name: read(page) for name, page in every_page("harmless").items()}


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1, max_size=60).map(lambda text: f"x{text}x"))
@example(HOSTILE)
@example("x\" onload='hacked=1' x")
@example("{{ 7*7 }}{% raw %}x")
@example("</title></textarea></script><!--")
def test_security_rule_44_no_text_makes_or_changes_a_tag_on_any_page(said: str) -> None:
    for name, page in every_page(said).items():
        tree = read(page)
        assert tree.tags == HARMLESS[name].tags, name
        if said.isprintable():
            count = "".join(HARMLESS[name].text).count("harmless")
            assert count
            assert "".join(tree.text).count(said) >= count, name


@pytest.mark.parametrize("name", HARMLESS)
def test_security_rule_45_no_template_names_another_origin(name: str) -> None:
    loads = {"script": "src", "link": "href", "img": "src"}
    tree = HARMLESS[name]
    fetched = [tag for tag, names in tree.tags if loads.get(tag) in names]
    assert {"script", "link"} <= set(fetched)
    for address in ("https://cdn", "//", "fonts.", "googleapis"):
        assert not any(value.startswith(address) for value in tree.values)


@pytest.mark.parametrize("name", HARMLESS)
def test_every_page_has_a_title_a_viewport_a_main_part_and_no_inline_code(name: str) -> None:
    tags = [tag for tag, _ in HARMLESS[name].tags]
    assert (tags.count("title"), tags.count("main"), tags.count("h1"), tags.count("style")) == (1, 1, 1, 0)
    assert not any("style" in names or any(one.startswith("on") for one in names) for _, names in HARMLESS[name].tags)
    assert all("src" in names for tag, names in HARMLESS[name].tags if tag == "script")
    assert "width=device-width, initial-scale=1" in HARMLESS[name].values


@pytest.mark.parametrize("state", ["takedown", "expired"])
def test_no_template_shows_the_headline_of_a_takedown_or_an_expired_story(state: str) -> None:
    gone = entry("Nobody may know", state=state, reason="By order of a court.")
    row = FeedRow(name="f", title="F", kind="tag", version=1, changed_at=AT, items=1)
    feed = PAGES.make(
        "feed.html", feed=row, stories=[Story("k", gone)], newest=AT, offers=[], canonical="", about="", noindex=False
    )
    for page in (feed, PAGES.make("retracted.html", entry=gone)):
        assert b"Nobody may know" not in page.body
        assert (b"By order of a court." in page.body) is (state == "takedown")


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("HTTP://A.example", "HTTP://A.example"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        (" javascript:x", ""),
        ("//a.example", ""),
        ("https://[", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_web_addresses_become_links(url: str | None, link: str) -> None:
    assert web(url) == link


def test_numbers_times_and_languages_as_people_and_machines_read_them() -> None:
    assert spoken(AT) == "3 November 2026, 08:15 UTC"
    assert rfc3339(AT) == "2026-11-03T08:15:30Z"
    assert [counted(n, "story", "stories") for n in (0, 1, 12_345)] == ["0 stories", "1 story", "12,345 stories"]
    assert host("https://www.news.example:8080/x") == "news.example"
    assert [lang_of(code) for code in ("fr", "und", None)] == ["fr", "", ""]


@pytest.mark.parametrize(
    ("html", "fitted"),
    [
        ("<h1>A</h1><h6>B</h6>", "<h2>A</h2><h6>B</h6>"),
        ('<img src="https://a/x.jpg">', '<img src="https://a/x.jpg" loading="lazy" alt="">'),
        ('<img alt="A" loading="eager" src="https://a/x">', '<img alt="A" loading="eager" src="https://a/x">'),
        ('<p title="<h1><iframe>">x</p>', '<p title="<h1><iframe>">x</p>'),
        ('<a title="<img>" href="https://a">x</a>', '<a title="<img>" href="https://a">x</a>'),
        ('<video src="https://a/v"></video>', '<video src="https://a/v" controls="" preload="none"></video>'),
        (
            '<iframe src="https://www.youtube.com/embed/a?x=1&amp;y=2"></iframe>',
            (
                '<p><a href="https://www.youtube.com/embed/a?x=1&amp;y=2" rel="noopener noreferrer">'
                "Open the embedded content at youtube.com</a></p>"
            ),
        ),
        ("<iframe></iframe>", ""),
        ("1 &lt; 2", "1 &lt; 2"),
    ],
)
def test_a_story_s_html_is_fitted_into_the_page(html: str, fitted: str) -> None:
    assert readable(html) == fitted


@given(st.text(alphabet="<>\"'/ =ahimgifrve1&;", max_size=60))
def test_fitting_what_the_sanitiser_wrote_keeps_its_words_and_adds_no_tag_of_theirs(html: str) -> None:
    clean = sanitized(html)
    fitted = readable(clean)
    if "<iframe" not in clean:
        assert plain(fitted) == plain(clean)
    before, after = read(clean.encode()), read(fitted.encode())
    assert {tag for tag, _ in after.tags} <= {tag for tag, _ in before.tags} | {
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "a",
        "div",
    }


def test_a_summary_that_repeats_the_beginning_is_not_shown_twice() -> None:
    assert standfirst(entry("t", summary="Once  upon a…", content_html="<p>Once <b>upon</b> a time</p>")) == ""
    assert standfirst(entry("t", summary="Another", content_html="<p>Once upon a time</p>")) == "Another"
    assert standfirst(entry("t", summary="")) == ""


def test_a_lead_picture_that_the_body_shows_is_not_repeated() -> None:
    assert shows_lead_picture(entry("t"))
    assert not shows_lead_picture(entry("t", content_html='<img src="https://news.example/i.jpg">'))
    assert not shows_lead_picture(entry("t", images=()))


def test_a_file_s_address_follows_its_content() -> None:
    assets = Assets()
    for name in ("wireroom.css", "wireroom.js", "mark.svg"):
        assert assets.address(name).startswith(name.partition(".")[0])
        assert len(assets.address(name).split(".")[1]) == 12
    with pytest.raises(KeyError):
        assets.address("nothing.css")
