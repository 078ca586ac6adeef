"""What leads to the feeds, as bytes: OPML 2.0, the news sitemap, robots.txt, security.txt, the API catalog."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.robotparser import RobotFileParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from schemas.jobs import FeedKind
from schemas.records import FeedRow
from services.syndicate.discovery.news_sitemap import MOST, NewsStory, language, news_sitemap
from services.syndicate.discovery.opml import opml
from services.syndicate.discovery.robots import api_catalog, robots, security
from tests.discovered import NEWS, SITEMAP, listed, outlines, sitemap

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
BASE = "https://feeds.example"


def row(name: str, kind: FeedKind, title: str = "T", **fields: object) -> FeedRow:
    return FeedRow.model_validate(
        {"name": name, "kind": kind, "title": title, "version": 1, "changed_at": NOW, "items": 1, **fields}
    )


def directory(*rows: FeedRow, newsroom: str = "Le Fil") -> bytes:
    return opml(rows, base_url=BASE, newsroom=newsroom, title="Feeds", modified=NOW, created=NOW - timedelta(days=9))


def story(key: str = "k" * 32, title: str = "Bridge reopens", **fields: object) -> NewsStory:
    made = NewsStory(key, title, "https://www.news.example/a", "en", NOW - timedelta(hours=1), NOW)
    return made._replace(**fields)


def written(
    *stories: NewsStory, newsroom: str = "Le Fil", now: datetime = NOW, hosts: frozenset[str] = frozenset()
) -> bytes:
    return news_sitemap(stories, base_url=BASE, newsroom=newsroom, now=now, hosts=hosts).first


def test_rule_55_the_directory_names_every_feed_with_all_that_readers_need() -> None:
    data = directory(
        row("tag/sport", "tag", "Sport"),
        row("all", "all"),
        row("section/政治", "section", "政治", lang="zh", description="Pékin <et> au-delà"),
        row("saved-1", "saved", "Climate", address="climate"),
    )
    everything, section, saved, tag = outlines(data)
    assert everything == {
        "type": "rss",
        "text": "Le Fil",
        "title": "Le Fil",
        "xmlUrl": f"{BASE}/feeds/all.rss",
        "htmlUrl": f"{BASE}/feeds/all",
        "description": "The latest from Le Fil.",
        "language": "mul",
        "version": "RSS",
    }
    assert section["xmlUrl"] == f"{BASE}/feeds/section/%E6%94%BF%E6%B2%BB.rss"
    assert (section["language"], section["description"]) == ("zh", "Pékin <et> au-delà")
    assert saved["htmlUrl"] == f"{BASE}/feeds/climate", "by address, not by key"
    assert tag["text"] == "Le Fil: Sport"
    groups = [group.get("text") for group in etree.fromstring(data)[1]]
    assert groups == ["Everything", "Sections", "Selections", "Tags"]


def test_the_directory_is_dated_by_its_data() -> None:
    head = etree.fromstring(directory(row("all", "all"))).find("head")
    assert head is not None
    assert parsedate_to_datetime(head.findtext("dateModified") or "") == NOW
    assert directory(row("all", "all")) == directory(row("all", "all"))


@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_any_title_leaves_the_directory_well_formed(title: str, newsroom: str) -> None:
    outlines(directory(row("tag/x", "tag", title), newsroom=f"N{newsroom}"))


def test_rule_56_a_story_stands_with_name_language_first_publication_and_title() -> None:
    [url] = sitemap(written(story(title='<b>"Tea" & more</b>'), newsroom="Le Fil (blog)"))
    news = url.find(f"{NEWS}news")
    assert url.findtext(f"{SITEMAP}loc") == "https://www.news.example/a"
    assert news.findtext(f"{NEWS}publication/{NEWS}name") == "Le Fil", "Google: without what is in parentheses"
    assert news.findtext(f"{NEWS}publication/{NEWS}language") == "en"
    assert news.findtext(f"{NEWS}publication_date") == "2026-11-03T11:00:00Z"
    assert news.findtext(f"{NEWS}title") == '<b>"Tea" & more</b>'


def test_rule_56_it_holds_48_hours_by_first_publication_however_late_a_correction() -> None:
    edge = timedelta(hours=48)
    stories = [
        story("a" * 32, "in", url=None, published=NOW - edge),
        story("b" * 32, "out", url=None, published=NOW - edge - timedelta(seconds=1), updated=NOW),
    ]
    assert listed(written(*stories)) == {f"{BASE}/articles/{'a' * 32}": "in"}


def test_rule_56_beyond_a_thousand_stories_there_is_an_index() -> None:
    stories = [
        story(f"{at:032x}", f"s{at}", url=None, published=NOW - timedelta(seconds=MOST * 2 - at))
        for at in range(MOST + 1)
    ]
    made = news_sitemap(stories, base_url=BASE, newsroom="N", now=NOW)
    index = sitemap(made.first)
    assert index.tag == f"{SITEMAP}sitemapindex"
    locs = [one.findtext(f"{SITEMAP}loc") for one in index]
    assert locs == [f"{BASE}/news-sitemap/1.xml", f"{BASE}/news-sitemap/2.xml"]
    first, second = map(listed, made.files)
    assert (len(first), list(second.values())) == (MOST, [f"s{MOST}"])
    newer = [*stories, story("f" * 32, "new", url=None, published=NOW)]
    assert news_sitemap(newer, base_url=BASE, newsroom="N", now=NOW).files[0] == made.files[0], (
        "only the last file moved"
    )
    exact = news_sitemap(stories[1:], base_url=BASE, newsroom="N", now=NOW)
    assert sitemap(exact.first).tag == f"{SITEMAP}urlset"
    assert exact.files == (exact.first,)


def test_a_day_without_news_is_valid_too() -> None:
    [url] = sitemap(written())
    assert url.findtext(f"{SITEMAP}loc") == f"{BASE}/feeds"


@pytest.mark.parametrize(
    ("url", "hosts", "loc"),
    [
        ("https://www.news.example/a?x=1&y=2", (), "https://www.news.example/a?x=1&y=2"),
        ("https://other.example/a", ("www.news.example",), f"{BASE}/articles/{'k' * 32}"),
        ("https://WWW.news.example/a", ("www.news.example",), "https://WWW.news.example/a"),
        (f"{BASE}/a", ("www.news.example",), f"{BASE}/a"),
        (None, (), f"{BASE}/articles/{'k' * 32}"),
        ("https://www.news.example/" + "a" * 2_100, (), f"{BASE}/articles/{'k' * 32}"),
    ],
)
def test_a_story_is_listed_by_its_own_page_where_that_may_stand(
    url: str | None, hosts: tuple[str, ...], loc: str
) -> None:
    assert list(listed(written(story(url=url), hosts=frozenset(hosts)))) == [loc]


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("en-GB", "en"),
        ("pt_BR", "pt"),
        ("zh", "zh-cn"),
        ("zh-Hans-HK", "zh-cn"),
        ("zh-Hant", "zh-tw"),
        ("zh-TW", "zh-tw"),
        ("zh-HK", "zh-tw"),
        ("haw", "haw"),
        ("und", "und"),
        ("", "und"),
    ],
)
def test_languages_are_as_google_has_them(tag: str, said: str) -> None:
    assert language(tag) == said


@given(st.text(max_size=30), st.text(max_size=12), st.text(max_size=12))
def test_any_text_leaves_the_sitemap_valid(title: str, lang: str, newsroom: str) -> None:
    sitemap(written(story(title=title, lang=lang), newsroom=f"N{newsroom}"))


def test_robots_may_read_feeds_and_not_the_api() -> None:
    rules = RobotFileParser()
    rules.parse(robots(BASE).decode().splitlines())
    for path in ("/feeds/all.rss", "/feeds", "/articles/x", "/feeds.opml", "/news-sitemap.xml"):
        assert rules.can_fetch("Googlebot", BASE + path), path
    for path in ("/v1/articles", "/private/token/all.rss", "/console", "/metrics"):
        assert not rules.can_fetch("Googlebot", BASE + path), path
    assert rules.site_maps() == [f"{BASE}/news-sitemap.xml"]


def test_an_own_robots_txt_stands_as_it_is_but_names_the_sitemap() -> None:
    assert robots(BASE, r"User-agent: *\nDisallow: /").decode() == (
        f"User-agent: *\nDisallow: /\n\nSitemap: {BASE}/news-sitemap.xml\n"
    )
    own = "User-agent: *\nAllow: /\nsitemap: https://www.news.example/s.xml"
    assert robots(BASE, own).decode() == own + "\n"


@pytest.mark.parametrize("now", [NOW, datetime(2026, 8, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
def test_security_txt_never_expires_while_it_is_served(now: datetime) -> None:
    lines = security(BASE, ("mailto:s@news.example", "https://news.example/s"), now).decode().split("\r\n")
    assert lines[:2] == ["Contact: mailto:s@news.example", "Contact: https://news.example/s"]
    expires = [line for line in lines if line.startswith("Expires: ")]
    assert len(expires) == 1
    at = datetime.fromisoformat(expires[0].removeprefix("Expires: "))
    assert timedelta(days=145) < at - now < timedelta(days=365), "RFC 9116 §2.5.5: less than a year"
    assert f"Canonical: {BASE}/.well-known/security.txt" in lines


def test_the_catalog_is_a_linkset_of_our_apis() -> None:
    [catalog, api] = json.loads(api_catalog(BASE))["linkset"]
    assert catalog["anchor"] == f"{BASE}/.well-known/api-catalog"
    assert api["anchor"] in [item["href"] for item in catalog["item"]]
    assert [one["href"] for one in api["service-desc"]] == [f"{BASE}/openapi.json", f"{BASE}/asyncapi.json"]
