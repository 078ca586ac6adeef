import re
from typing import Any

import pytest

from schemas.article import Article
from services.enrich.core import enrich_article
from services.ingest.formats.page import read_page_html, read_page_text
from tests.golden import pages

STORY = (
    "<h1>The bridge opens</h1><p>The bridge opened on Tuesday after three months of work, the town hall said.</p>"
    "<p>Drivers are glad, and so are cyclists, who had to take a long way round since the spring of last year.</p>"
)
LINKS = f"<p><a href=/x>{'Another story with a long headline ' * 4}</a></p>" * 6


def page(body: str, head: str = "", root: str = '<html lang="en-GB">') -> str:
    return f"<!doctype html>{root}<head><title>The bridge opens | The Courier</title>{head}</head><body>{body}</body></html>"


def body_of(fields: dict[str, Any]) -> str:
    return re.sub(r"\s+", " ", fields["content_html"])


def test_flat_text_states_what_it_says_and_nothing_more() -> None:
    text = pages.text("fr")
    fields = read_page_text(text)
    assert fields["title"] == text.split("\n\n")[2]
    assert fields["sections"] == ["Société"]
    assert fields["source"] == {"name": "Le Phare du Soir"}
    assert fields["content_text"] == text.strip("\n")
    assert set(fields) == {"id", "title", "sections", "source", "content_text"}
    Article.model_validate(fields)


def test_what_is_given_is_taken() -> None:
    fields = read_page_text(
        "Headline\n\nText.", url="https://n.example/s", id="x-1", published_at="2026-01-01T00:00:00Z"
    )
    assert (fields["id"], fields["url"], fields["published_at"]) == (
        "x-1",
        "https://n.example/s",
        "2026-01-01T00:00:00Z",
    )


def test_the_id_is_that_of_the_content() -> None:
    text = pages.text("ja")
    same = read_page_text(text)["id"]
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", same)
    assert read_page_text(re.sub(r"\n+", "\r\n", text))["id"] == same
    assert read_page_text(f"\ufeff{text}  \n")["id"] == same
    assert read_page_text(text + "Added.")["id"] != same


def test_a_text_without_a_headline_is_named_by_its_first_words_and_keeps_them() -> None:
    text = (
        "The harbour office said that the ferry would leave an hour later than usual on Tuesday, because of the fog. "
        * 2
    )
    fields = read_page_text(text)
    assert fields["title"].startswith("The harbour office said")
    assert fields["title"].endswith("…")
    made = enrich_article(Article.model_validate(fields), timer=lambda: 0.0)
    assert made.body_html == f"<p>{text.strip()}</p>"


def test_an_empty_page_is_refused_as_an_article() -> None:
    with pytest.raises(ValueError, match="title"):
        Article.model_validate(read_page_text(" \n\n"))
    with pytest.raises(ValueError, match="title"):
        Article.model_validate(read_page_html("<p> </p>", id="x") | {"title": ""})


@pytest.mark.parametrize(
    "body",
    [
        f"<nav>Home World</nav><article>{STORY}</article><footer>© 2026</footer>",
        f"<header><a href=/>Home</a></header><main>{STORY}<aside>Read this</aside></main>",
        f"<div><ul><li><a href=/a>Another story of the day</a></li></ul></div><div class=c1><div class=c2>{STORY}</div></div>",
        f"<h1>The Courier</h1><article><p>Teaser</p></article><article>{STORY}<div class=share>Share</div></article>",
        f'<div itemprop="articleBody">{STORY}<p>Read also: why it was closed</p></div><article>{"teaser " * 40}</article>',
        STORY,
        f"<section>{LINKS}</section><section>{STORY}</section>",
    ],
    ids=["article", "main", "density", "two articles", "microdata", "bare", "beside long links"],
)
def test_the_story_of_a_page_is_found(body: str) -> None:
    fields = read_page_html(page(body))
    assert fields["title"] == "The bridge opens"
    assert fields["source"] == {"name": "The Courier"}
    assert fields["language"] == "en-GB"
    words = re.sub(r"<[^>]+>", " ", body_of(fields))
    assert " ".join(words.split()) == " ".join(re.sub(r"<h1>.*?</h1>|<[^>]+>", " ", STORY).split())
    Article.model_validate(fields)


def test_what_the_page_states_is_taken() -> None:
    head = (
        '<meta property="og:title" content="Bridge"><meta property="og:site_name" content="Courier &amp; Co">'
        '<meta name="description" content="It is open."><meta name="author" content="Nell Astley">'
        '<meta property="og:image" content="/p.jpg"><meta property="article:section" content="Traffic">'
        '<meta property="article:published_time" content="2026-05-01T10:00:00+02:00">'
        '<link rel="canonical" href="https://courier.example/bridge?utm_source=x">'
    )
    fields = read_page_html(page(f"<article>{STORY}</article>", head))
    assert {name: fields[name] for name in fields if name not in {"id", "content_html"}} == {
        "url": "https://courier.example/bridge",
        "title": "The bridge opens",
        "summary": "It is open.",
        "language": "en-GB",
        "authors": [{"name": "Nell Astley"}],
        "sections": ["Traffic"],
        "source": {"name": "Courier & Co"},
        "published_at": "2026-05-01T10:00:00+02:00",
        "images": [{"url": "https://courier.example/p.jpg"}],
    }
    given = read_page_html(page(STORY, head), url="https://other.example/1")
    assert (given["url"], given["canonical_url"]) == ("https://other.example/1", "https://courier.example/bridge")


@pytest.mark.parametrize("stated", ["2026-05-01T10:00:00", "yesterday", ""])
def test_a_time_without_a_zone_is_not_guessed(stated: str) -> None:
    head = f'<meta property="article:published_time" content="{stated}">'
    assert "published_at" not in read_page_html(page(STORY, head))


def test_a_page_without_address_language_and_site_has_none() -> None:
    fields = read_page_html(f"<html lang='?'><title>The bridge opens</title>{STORY}")
    assert set(fields) == {"id", "title", "content_html"}


def test_a_page_that_is_too_deep_gives_its_text() -> None:
    fields = read_page_html("<title>Deep</title><p>Headline</p>" + "<div>" * 20_000 + "<p>Words in the depth.")
    assert "Words in the depth." in fields["content_html"]
    assert "<div" not in fields["content_html"]


@pytest.mark.parametrize("lang", pages.LANGUAGES)
def test_a_saved_page_ends_as_what_its_flat_text_ends_as(lang: str) -> None:
    flat = enrich_article(pages.article(pages.text(lang)), timer=lambda: 0.0)
    html = f"<html><title>{flat.title} | {flat.site}</title><body><nav>x</nav><article><h1>{flat.title}</h1>{flat.body_html}</article>"
    made = enrich_article(Article.model_validate(read_page_html(html)), timer=lambda: 0.0)
    assert made.model_dump(include={"title", "summary", "words", "sentences", "lang", "slug"}) == flat.model_dump(
        include={"title", "summary", "words", "sentences", "lang", "slug"}
    )
