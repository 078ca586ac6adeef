"""Any Unicode in any field gives well-formed documents that come back equal to the cleaned text."""

import json
from html import escape
from typing import Any

import feedparser
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from schemas.article import Author, Image, Source
from schemas.feed import Category, Entry
from services.syndicate.formats import FORMATS
from services.syndicate.formats.content import full_html, shown_title
from services.syndicate.formats.text import line, xml_text
from tests.golden.entries import BASE, PUBLISHED, STORY, head

# A schema lets no lone surrogate in; that they are dropped is tested in unit/test_feed_fragments.
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=60) | st.text(
    st.sampled_from("<>&\"']; ]]>\x00\x0b\x1b\x80\x85\x9f\r\n\t\ufffe\uffff\u2028\u202e\u2066\u2069é政ع\U0001f5de"),
    max_size=30,
)
LINE = ANY.filter(lambda text: line(text) != "")
NAME = LINE.filter(lambda text: len(text) <= 300)
ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"

ENTRIES = st.builds(
    Entry,
    id=st.just("urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-111111111111"),
    article_id=st.just("x"),
    revision=st.just(1),
    title=LINE,
    url=st.sampled_from([None, f"{BASE}/a"]),
    summary=ANY,
    content_html=ANY,
    lang=st.sampled_from(["und", "fr", "ar"]),
    direction=st.sampled_from(["ltr", "rtl"]),
    authors=st.lists(st.builds(Author, name=NAME), max_size=2).map(tuple),
    categories=st.lists(st.builds(Category, term=LINE, label=LINE, scheme=st.just(f"{BASE}/s")), max_size=2).map(tuple),
    source=st.none() | st.builds(Source, name=NAME),
    images=st.lists(st.builds(Image, url=st.just(f"{BASE}/i.png"), alt=ANY, credit=ANY), max_size=1).map(tuple),
    published=st.just(PUBLISHED),
    updated=st.just(PUBLISHED),
    rights=st.none() | LINE,
    correction_note=st.none() | ANY,
    publisher=st.just("Le Fil"),
)


def _document(name: str, entry: Entry) -> bytes:
    fragments = [FORMATS[name].entry(one) for one in (entry, STORY)]
    return FORMATS[name].document(head(name, title=entry.title), [one for one in fragments if one])


def _parsed(document: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)
    return etree.fromstring(document, parser)


def _feedparsed(document: bytes, media_type: str) -> Any:
    return feedparser.parse(document, response_headers={"content-type": f"{media_type}; charset=utf-8"})


def _as_feedparser_reads(text: str) -> str:
    """Text that could be UTF-8 taken for Latin-1 is "repaired" by feedparser (mixin.py, pop)."""
    text = text.strip()
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


@settings(max_examples=150, deadline=None)
@given(ENTRIES)
def test_atom_comes_back_equal(entry: Entry) -> None:
    document = _document("atom", entry)
    feed = _parsed(document)
    read = feed.find(f"{ATOM}entry")
    assert feed.findtext(f"{ATOM}title") == line(entry.title)
    assert read.findtext(f"{ATOM}title") == shown_title(entry)
    summary = read.find(f"{ATOM}summary")
    said = xml_text(entry.summary)
    assert (summary.text or "" if summary is not None else "") in (said, escape(said, quote=False))
    if html := full_html(entry):
        assert read.findtext(f"{ATOM}content") == html
    assert [one.text for one in read.findall(f"{ATOM}author/{ATOM}name")][: len(entry.authors)] == [
        line(author.name) for author in entry.authors
    ]
    assert [one.get("label") for one in read.findall(f"{ATOM}category")] == [
        line(each.label) for each in entry.categories
    ]
    found = _feedparsed(document, "application/atom+xml")
    assert not found.bozo
    assert len(found.entries) == 2
    assert found.entries[0].title == _as_feedparser_reads(shown_title(entry))


@settings(max_examples=150, deadline=None)
@given(ENTRIES)
def test_rss_comes_back_equal(entry: Entry) -> None:
    document = _document("rss", entry)
    channel = _parsed(document).find("channel")
    read = channel.find("item")
    assert channel.findtext("title") == line(entry.title)
    assert read.findtext("title") == shown_title(entry)
    if xml_text(entry.summary) and (html := full_html(entry)):
        assert read.findtext(f"{CONTENT}encoded") == html
    assert [one.text for one in read.findall(f"{DC}creator")] == [line(author.name) for author in entry.authors]
    assert [one.text for one in read.findall("category")] == [line(each.label) for each in entry.categories]
    found = _feedparsed(document, "application/rss+xml")
    assert not found.bozo
    assert len(found.entries) == 2


@settings(max_examples=150, deadline=None)
@given(ENTRIES)
def test_json_comes_back_equal(entry: Entry) -> None:
    feed = json.loads(_document("json", entry))
    read = feed["items"][0]
    assert feed["title"] == line(entry.title)
    assert read["title"] == shown_title(entry)
    assert read.get("summary", "") == xml_text(entry.summary)
    assert read.get("content_html", "") == full_html(entry)
    assert "content_html" in read or "content_text" in read
    assert [one["name"] for one in read.get("authors", [])] == [line(author.name) for author in entry.authors]
