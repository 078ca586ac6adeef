"""Any Unicode in, XML-safe text and harmless HTML out, and a second run changes nothing."""

import re
import unicodedata
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - no stubs
from selectolax.lexbor import LexborHTMLParser

from schemas.article import Article
from services.enrich.core import enrich_article
from services.ingest.formats.page import read_page_html, read_page_text
from services.text.addresses import publishable
from services.text.characters import Form, clean
from services.text.markup import Block, blocks_of, depth, to_html
from services.text.pages import read_flat_page
from services.text.sentences import split

ANY = st.text(st.characters(exclude_categories=()))  # lone surrogates included
ODD = "\x00\x85\x92\ud800\udc00\ufffe\ufeff\u200b\u00ad\u202e\u2066\u2069\u0338\u0327é\u0301\u2028\r\n\t <>&\"'=«»→ aAあ公 ا"
TRICKY = st.text(st.sampled_from(ODD), max_size=60)
WILD = st.one_of(ANY, TRICKY)
FORMS: st.SearchStrategy[Form] = st.sampled_from(("text", "title", "html"))
TAGS = ["p", "div", "b", "a href='/x'", "a href=javascript:x", "img src=x onerror=y", "script", "svg", "style", "td", "li", "ul",
        "h2", "br", "iframe src='//evil'", "math", "title", "template", "p dir=rtl style='x'", "table", "select", "!--", "/p", "/div",
        "/b", "/svg", "/script", "/ul", "/table", "![CDATA[", "?x"]  # fmt: skip
MARKUP = st.lists(st.one_of(st.sampled_from(TAGS).map(lambda tag: f"<{tag}>"), WILD), max_size=25).map("".join)
LINES = st.lists(
    st.one_of(
        WILD,
        st.sampled_from(["News", "Back to news »", "A short line", "• item", "By Ann", "1 May 2026"]),
        st.integers(80, 250).map(lambda size: ("word " * 50)[:size].strip() + "."),
    ),
    max_size=14,
).map("\n\n".join)
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_xml_safe(text: str) -> None:
    root = etree.Element("x")
    root.text = text
    assert etree.fromstring(etree.tostring(root, encoding="utf-8")).text in (text.replace("\r", "\n"), text or None)


@quick
@given(WILD, FORMS)
def test_cleaned_text_is_xml_safe_and_stays(text: str, form: Form) -> None:
    cleaned = clean(text, form)
    assert_xml_safe(cleaned.text)
    assert clean(cleaned.text, form) == (cleaned.text, {})
    assert unicodedata.is_normalized("NFC", cleaned.text)
    assert (sum(cleaned.dropped.values()) > 0) or len(cleaned.text) <= len(text) * 18


@quick
@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Cn", "Co"))))
def test_nothing_is_counted_where_nothing_is_dropped(text: str) -> None:
    assert clean(text) == (unicodedata.normalize("NFC", text), {})


def enriched(**stated: Any) -> dict[str, Any]:
    article = Article.model_construct(None, **{"id": "a-1", "title": "T", **stated})  # surrogates and all
    return enrich_article(article, timer=lambda: 0.0).model_dump()


def assert_harmless(html: str) -> None:
    tree = LexborHTMLParser(html)
    assert tree.body is not None
    for node in tree.body.css("*"):
        assert node.tag not in {"script", "style", "svg", "math", "iframe", "template", "select", "title"}
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            assert name not in {"href", "src"} or re.match(r"https?://|mailto:|tel:", value or "")


def assert_second_run_is_idle(made: dict[str, Any]) -> None:
    again = enriched(title=made["title"], content_html=made["body_html"], summary=made["summary"] or None)
    for name in ("title", "body_html", "summary", "lang", "script", "words", "sentences", "slug"):
        assert again[name] == made[name], name
    assert again["dropped_chars"] == 0


@quick
@given(MARKUP, WILD)
def test_any_html_comes_out_harmless_and_well_formed(html: str, title: str) -> None:
    made = enriched(content_html=html, title=f"T {title}"[:1_000], url="https://n.example/s")
    for name in ("title", "body_html", "summary", "slug"):
        assert_xml_safe(made[name])
    assert_harmless(made["body_html"])
    assert [run["skipped"] for run in made["steps"].values() if run["skipped"]] == []
    assert_second_run_is_idle(made)


@quick
@given(LINES, WILD)
def test_any_text_comes_out_harmless_and_well_formed(text: str, title: str) -> None:
    made = enriched(content_text=text, title=f"T {title}"[:1_000])
    for name in ("title", "body_html", "summary", "slug", "site"):
        assert_xml_safe(made[name] or "")
    assert_harmless(made["body_html"])
    assert [run["skipped"] for run in made["steps"].values() if run["skipped"]] == []
    assert_second_run_is_idle(made)


@quick
@given(LINES)
@example("NEWS\n\n0»0→0\n\nA")
def test_no_line_of_a_page_is_lost_without_a_note(text: str) -> None:
    text = clean(text).text
    page = read_flat_page(text)
    noted = [
        page.title or "",
        page.site or "",
        page.section or "",
        *page.removed,
        *(block.text for block in page.blocks),
    ]
    said = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", "\n".join(noted)))
    for line in text.split("\n"):
        assert re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", line)) in said


@quick
@given(LINES, MARKUP)
def test_any_page_becomes_fields_that_say_the_same_again(text: str, html: str) -> None:
    assert read_page_text(text) == read_page_text(text)
    assert read_page_html(html) == read_page_html(html)
    for fields in (read_page_text(f"Headline\n\n{text}"), read_page_html(f"<h1>Headline</h1>{html}")):
        if fields["title"]:
            Article.model_validate(fields)


@quick
@given(WILD, st.sampled_from(["en", "fr", "de", "ja", "zh", "ar", "und", "xx"]))
def test_sentences_hold_every_character_but_spaces(text: str, lang: str) -> None:
    text = clean(text).text
    assert re.sub(r"\s", "", "".join(split(text, lang))) == re.sub(r"\s", "", text)


@quick
@given(WILD, st.none() | st.just("https://n.example/a/b"))
def test_an_address_is_ascii_and_stays(link: str, base: str | None) -> None:
    url = publishable(link, base)
    if url is not None:
        assert url.isascii()
        assert re.match(r"https?://", url)
        assert publishable(url) == url


@quick
@given(
    st.lists(
        st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1).map(str.strip).filter(bool), max_size=5
    )
)
def test_text_survives_html(texts: list[str]) -> None:
    blocks = [Block("p", text) for text in texts]
    assert blocks_of(to_html(blocks)) == blocks


@quick
@given(MARKUP)
def test_a_parser_never_nests_deeper_than_said(html: str) -> None:
    html = clean(html, "html").text
    tree = LexborHTMLParser(f"<!doctype html><body>{html}")
    said = depth(html, 1_000)
    assert tree.body is not None
    deepest = 0
    for node in tree.body.css("*"):
        levels, parent = 0, node
        while parent is not None and parent.tag != "body":
            levels += parent.tag not in {
                "p",
                "li",
                "dd",
                "dt",
                "tr",
                "td",
                "th",
                "thead",
                "tbody",
                "tfoot",
                "br",
                "img",
                "colgroup",
                "caption",
            }
            parent = parent.parent
        deepest = max(deepest, levels)
    assert deepest <= said
