"""Any Unicode in any field gives well-formed documents that come back equal to the cleaned text, in every format."""

import json
from html import escape
from typing import Any

import feedparser
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.article import Author, Enclosure, Image, Source
from schemas.feed import Category, Entry
from services.syndicate.formats import FORMATS
from services.syndicate.formats.content import full_html, shown_title, summary_text
from services.syndicate.formats.text import line, xml_text
from tests.golden.entries import BASE, PUBLISHED, STORY, head
from tests.rendered import ATOM, CONTENT, DC, parsed

NAR = "{http://iptc.org/std/nar/2006-10-01/}"

# A schema lets no lone surrogate in; that they are dropped is tested in unit/test_feed_rules_bytes.
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=60) | st.text(
    st.sampled_from("<>&\"']; ]]>\x00\x0b\x1b\x80\x85\x9f\r\n\t\ufffe\uffff\u2028\u202e\u2066\u2069é政ع\U0001f5de"),
    max_size=30,
)
LINE = ANY.filter(lambda text: line(text) != "")
NAME = LINE.filter(lambda text: len(text) <= 300)

ENTRIES = st.builds(
    Entry,
    id=st.just("urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-999999999999"),
    article_id=st.just("x"),
    revision=st.just(1),
    state=st.sampled_from(["published"] * 7 + ["withdrawn", "takedown", "expired"]),
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
    enclosures=st.lists(st.just(Enclosure(url=f"{BASE}/a.mp3", type="audio/mpeg")), max_size=1).map(tuple),
    published=st.just(PUBLISHED),
    updated=st.just(PUBLISHED),
    gone_at=st.just(PUBLISHED),
    rights=st.none() | LINE,
    correction_note=st.none() | ANY,
    reason=st.none() | ANY,
    publisher=st.just("Le Fil"),
)
STORIES = ENTRIES.filter(lambda entry: entry.state == "published")
some = settings(max_examples=100, deadline=None)


def _document(name: str, *entries: Entry, summary: bool = False) -> bytes:
    form = FORMATS[name]
    made = form.renders()[form.fragment_name("summary" if summary else "full")]
    fragments = [made(one) for one in (*entries, STORY)]
    return form.document(head(name, title=entries[0].title), [one for one in fragments if one])


def _feedparsed(document: bytes, media_type: str) -> Any:
    return feedparser.parse(document, response_headers={"content-type": f"{media_type}; charset=utf-8"})


def _as_feedparser_reads(text: str) -> str:
    """Text that could be UTF-8 taken for Latin-1 is "repaired" by feedparser (mixin.py, pop)."""
    text = text.strip()
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


@some
@given(STORIES)
def test_atom_comes_back_equal(entry: Entry) -> None:
    document = _document("atom", entry)
    feed = parsed(document)
    read = feed.find(f"{ATOM}entry")
    assert feed.findtext(f"{ATOM}title") == line(entry.title)
    assert read.findtext(f"{ATOM}title") == shown_title(entry)
    summary = read.find(f"{ATOM}summary")
    said = summary_text(entry)
    if summary is not None:
        assert summary.text == (escape(said, quote=False) if summary.get("type") == "html" else said)
    else:
        assert said == ""
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


@some
@given(STORIES)
def test_rss_comes_back_equal(entry: Entry) -> None:
    document = _document("rss", entry)
    channel = parsed(document).find("channel")
    read = channel.find("item")
    assert channel.findtext("title") == line(entry.title)
    assert read.findtext("title") == shown_title(entry)
    if summary_text(entry) and (html := full_html(entry)):
        assert read.findtext(f"{CONTENT}encoded") == html
    assert [one.text for one in read.findall(f"{DC}creator")] == [line(author.name) for author in entry.authors]
    assert [one.text for one in read.findall("category")] == [line(each.label) for each in entry.categories]
    found = _feedparsed(document, "application/rss+xml")
    assert not found.bozo
    assert len(found.entries) == 2


@some
@given(STORIES)
def test_json_comes_back_equal(entry: Entry) -> None:
    feed = json.loads(_document("json", entry))
    read = feed["items"][0]
    assert feed["title"] == line(entry.title)
    assert read["title"] == shown_title(entry)
    assert read.get("summary", "") == summary_text(entry)
    assert read.get("content_html", "") == full_html(entry)
    assert "content_html" in read or "content_text" in read
    assert [one["name"] for one in read.get("authors", [])] == [line(author.name) for author in entry.authors]


@some
@given(STORIES)
def test_news_formats_come_back_equal(entry: Entry) -> None:
    read = parsed(_document("newsml", entry)).find(f"{NAR}itemSet/{NAR}newsItem")
    meta = read.find(f"{NAR}contentMeta")
    assert meta.findtext(f"{NAR}headline") == line(entry.title)
    assert (meta.findtext(f"{NAR}description") or "") == summary_text(entry)
    assert (read.findtext(f"{NAR}contentSet/{NAR}inlineData") or "") == full_html(entry)
    assert [one.findtext(f"{NAR}name") for one in meta.findall(f"{NAR}subject")] == [
        line(each.label) for each in entry.categories
    ]
    item = json.loads(_document("ninjs", entry))["associations"][0]
    assert item["headlines"][0]["value"] == line(entry.title)
    assert "".join(one["value"] for one in item.get("bodies", [])) == full_html(entry)
    first = json.loads(_document("ndjson", entry).split(b"\n")[0])
    assert (first["title"], first.get("content_html", "")) == (line(entry.title), xml_text(entry.content_html))
    assert first.get("summary", "") == summary_text(entry)


def _ids(name: str, document: bytes) -> list[str]:
    if name == "json":
        return [item["id"] for item in json.loads(document)["items"]]
    if name == "ninjs":
        return [item["uri"] for item in json.loads(document)["associations"]]
    if name == "ndjson":
        return [json.loads(each)["id"] for each in document.splitlines()]
    root = parsed(document)
    if name == "rss":
        return [item.findtext("guid") for item in root.iter("item")]
    if name == "newsml":
        return [item.get("guid") for item in root.iter(f"{NAR}newsItem")]
    return [one.get("ref") or one.findtext(f"{ATOM}id") for one in root if one.tag.endswith(("entry", "deleted-entry"))]


@some
@given(st.lists(ENTRIES, min_size=1, max_size=4), st.booleans())
def test_all_formats_carry_the_same_ids_in_the_same_order(entries: list[Entry], summary: bool) -> None:  # noqa: FBT001
    numbered = [entry.model_copy(update={"id": f"urn:x:{n}"}) for n, entry in enumerate(entries)]
    expected = [entry.id for entry in (*numbered, STORY)]
    kept = [entry.id for entry in (*numbered, STORY) if entry.state != "expired"]
    gone = [entry.id for entry in numbered if entry.state != "published"]
    for name, form in FORMATS.items():
        found = _ids(name, _document(name, *numbered, summary=summary))
        if name == "atom":  # tombstones stand before all entries (RFC 4287, appendix B)
            assert found == [*gone, *(one for one in expected if one not in gone)]
        else:
            assert found == (expected if form.tombstones else kept), name
