"""Rules 1–13 of docs/feed-rules.md: what every byte, every URL and every id of a document obeys."""

import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser

from schemas.feed import Entry
from schemas.history import Window
from schemas.jobs import WindowItem
from schemas.records import FeedRow
from services.syndicate.formats import FORMATS, FRAGMENTS
from services.syndicate.formats.text import line
from services.syndicate.render import render
from services.syndicate.window import shown
from tests.golden.entries import ARABIC, BASE, CASES, PUBLISHED, STORY, head
from tests.rendered import ATOM, FEEDS, XMLS, atom_entry, bodies, document, json_item, parsed, planned, rss_item, xml

DIRTY = "a\x00b\x0bc\ufffed\uffffe\x80f\x93g\x94"
CLEAN = "abcde€f“g”"


@pytest.mark.parametrize("name", XMLS)
def test_rule_01_xml_is_utf_8_with_its_declaration_first_and_no_doctype(name: str) -> None:
    for entries in CASES.values():
        data = document(name, entries)
        assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
        assert b"<!DOCTYPE" not in data
        assert data.decode("utf-8").startswith("<?xml")
        parsed(data)


@pytest.mark.parametrize("name", FRAGMENTS)
def test_rule_02_only_characters_of_xml_pass_and_c1_is_read_as_cp1252(name: str) -> None:
    dirty = STORY.model_copy(
        update={"title": DIRTY, "summary": DIRTY, "content_html": f"<p>{DIRTY}</p>", "rights": DIRTY}
    )
    text = (FRAGMENTS[name](dirty) or b"").decode()
    assert CLEAN in text
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", text)
    assert not re.search(r"\\u00[01]", text)


def test_rule_02_a_lone_surrogate_is_dropped() -> None:
    assert render([STORY.model_copy(update={"title": "a\ud800b"})])[0].fault is None
    assert json_item(STORY.model_copy(update={"title": "a\ud800b"}))["title"] == "ab"


def test_rule_03_a_title_is_escaped_once_and_by_number_in_rss() -> None:
    literal = STORY.model_copy(update={"title": "Fish & <b>chips"})
    assert b"<item><title>Fish &#x26; &#x3C;b&gt;chips</title>" in document("rss", [literal])
    assert b"<title>Fish &amp; &lt;b&gt;chips</title>" in document("atom", [literal])
    # Miniflux unescapes an RSS title once more: the reader still sees the literal text.
    assert rss_item(literal).findtext("title") == atom_entry(literal).findtext(f"{ATOM}title") == "Fish & <b>chips"
    assert json_item(literal)["title"] == "Fish & <b>chips"


def test_rule_04_atom_titles_are_text_and_html_says_so() -> None:
    entry = atom_entry(STORY)
    assert entry.find(f"{ATOM}title").get("type", "text") == "text"
    assert entry.find(f"{ATOM}content").get("type") == "html"
    assert entry.find(f"{ATOM}content").text.count("<p>") == 1
    assert atom_entry(STORY, "summary").find(f"{ATOM}summary").get("type") == "html"


def test_rule_04_a_summary_that_looks_like_html_is_declared_and_escaped() -> None:
    plain = atom_entry(STORY.model_copy(update={"summary": "Rain & wind"})).find(f"{ATOM}summary")
    assert (plain.get("type", "text"), plain.text) == ("text", "Rain & wind")
    tagged = atom_entry(STORY.model_copy(update={"summary": "Say </b> &amp;"})).find(f"{ATOM}summary")
    assert (tagged.get("type"), tagged.text) == ("html", "Say &lt;/b&gt; &amp;amp;")


@pytest.mark.parametrize("name", XMLS)
def test_rule_05_no_cdata_is_used_and_its_end_is_only_text(name: str) -> None:
    tricky = STORY.model_copy(update={"title": "a ]]> b", "content_html": "<p>a ]]&gt; ]]></p>"})
    data = document(name, [tricky])
    assert b"<![CDATA[" not in data
    assert b"]]>" not in data
    assert "".join(parsed(data).itertext()).count("]]>") >= 2


def test_rule_06_long_texts_come_whole_never_cut_inside_a_reference_or_a_pair() -> None:
    for unit in ("&", "\U0001f5de", "<"):
        title = unit * 1_000
        long = STORY.model_copy(update={"title": title, "summary": title * 5})
        assert rss_item(long).findtext("title") == atom_entry(long).findtext(f"{ATOM}title") == title
        assert json_item(long)["title"] == title
        assert json_item(long)["summary"] == title * 5


HOSTILE = (
    '<p onclick="x()" style="color:red">One<p>two <b>bold<script>alert(1)</script>'
    '<object data="x"></object><iframe src="https://evil.example/"></iframe>'
    '<iframe src="https://www.youtube.com/embed/abc"></iframe><a href="javascript:x()">go</a>'
)


def test_rule_07_the_body_is_balanced_and_harmless() -> None:
    story = planned({"content_html": HOSTILE, "url": f"{BASE}/a"})
    for body in bodies(story):
        tree = LexborHTMLParser(body)
        assert tree.css("script, style, object, embed, form") == []
        assert [node.attributes["src"] for node in tree.css("iframe")] == ["https://www.youtube.com/embed/abc"]
        for node in tree.css("*"):
            assert not [name for name in node.attributes if name.startswith("on") or name == "style"]
        for tag in ("p", "b", "div", "iframe"):
            assert body.count(f"<{tag}") == body.count(f"</{tag}>")


RELATIVE = (
    '<p><a href="/b?x=1&amp;y=ü">rel</a> <a href="//other.example/ä">scheme</a></p>'
    '<img src="pic ture.jpg" srcset="/s.jpg 1x, l.jpg 2x" alt="x">'
    '<video src="v.mp4" poster="../p.png"></video>'
)


def _addresses(body: str) -> list[str]:
    found: list[str] = []
    for node in LexborHTMLParser(body).css("[href], [src], [srcset], [poster]"):
        said = node.attributes
        found += [value for name in ("href", "src", "poster") if (value := said.get(name))]
        found += [part.split()[0] for part in (said.get("srcset") or "").split(",") if part.strip()]
    return found


def test_rule_08_every_address_in_a_body_is_absolute_and_no_base_is_used() -> None:
    story = planned({"content_html": RELATIVE, "url": f"{BASE}/deep/a"})
    for body in bodies(story):
        found = _addresses(body)
        assert len(found) >= 5
        assert all(urlsplit(each).scheme == "https" and urlsplit(each).netloc for each in found)
    for name in FEEDS:
        assert b"xml:base" not in document(name, [story])


def test_rule_09_urls_are_ascii() -> None:
    story = planned(
        {
            "content_html": '<p><a href="https://münchen.example/straße?q=ü">x</a></p>',
            "url": "https://münchen.example/straße",
            "images": [{"url": "https://bilder.example/größe.jpg"}],
            "enclosures": [{"url": "https://ton.example/ä.mp3", "type": "audio/mpeg"}],
        }
    )
    assert story.url == "https://xn--mnchen-3ya.example/stra%C3%9Fe"
    for body in bodies(story):
        assert _addresses(body)
        assert all(each.isascii() for each in _addresses(body))
    for name in FORMATS:
        text = document(name, [story]).decode()
        assert "münchen" not in text
        assert all(each.isascii() for each in re.findall(r'https?://[^\s"<>&\\]+', text))


NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fh": "http://purl.org/syndication/history/1.0",
    "media": "http://search.yahoo.com/mrss/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "at": "http://purl.org/atompub/tombstones/1.0",
    None: "http://www.w3.org/2005/Atom",
}


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_rule_10_namespaces_are_exact_and_declared_at_the_root_alone(name: str) -> None:
    gone = STORY.model_copy(update={"state": "withdrawn", "gone_at": STORY.updated})
    root = xml(name, STORY, ARABIC, gone.model_copy(update={"id": "urn:uuid:gone"}), archive=True)
    assert all(NAMESPACES[prefix] == uri for prefix, uri in root.nsmap.items())
    for node in root.iter():
        assert node.nsmap == root.nsmap


def test_rule_11_an_id_is_an_absolute_iri_that_nothing_about_the_article_moves() -> None:
    moved = planned({"url": "http://old.example/a", "sections": ["One"]})
    again = planned({"url": "https://new.example/b", "sections": ["Two"], "title": "Renamed"})
    for name in FRAGMENTS:
        ids = {_id(name, entry) for entry in (moved, again)}
        assert ids == {moved.id}
    assert re.fullmatch(r"(urn:uuid:[0-9a-f-]{36}|tag:[^\s,]+,\d{4}.*:.*)", moved.id)


def _id(name: str, entry: Entry) -> str:
    fragment = FRAGMENTS[name](entry) or b""
    if fragment.startswith(b"{"):
        item = json.loads(fragment)
        return item.get("id") or item["uri"]
    found = re.search(rb'<id>(.+?)</id>|<guid isPermaLink="false">(.+?)</guid>|<newsItem guid="(.+?)"', fragment)
    assert found is not None
    return next(group for group in found.groups() if group).decode()


def test_rule_12_every_format_says_the_same_id_and_rss_that_it_is_no_link() -> None:
    assert {_id(name, STORY) for name in FRAGMENTS} == {STORY.id}
    assert rss_item(STORY).find("guid").get("isPermaLink") == "false"
    gone = STORY.model_copy(update={"state": "takedown", "gone_at": STORY.updated})
    for name, fragment in render([gone])[0].fragments.items():
        assert STORY.id.encode() in fragment, name


def test_rule_13_no_id_stands_twice_in_a_document() -> None:
    at = [PUBLISHED + timedelta(minutes=minute) for minute in range(40)]
    moved = [WindowItem(f"a{n}", 1, moment, moment, moment, f"urn:x:{n}") for n, moment in enumerate(at)]
    row = FeedRow(name="tag/x", title="X", kind="tag", version=1, changed_at=PUBLISHED, items=40)
    ids = [item.entry_id for item in shown(Window(row, moved), tombstones=True)]
    assert len(ids) == len(set(ids)) == len(moved)
    entries = [STORY.model_copy(update={"id": f"urn:x:{n}"}) for n in range(3)]
    for name in FORMATS:
        data = document(name, entries).decode()
        for entry in entries:
            assert data.count(f'"{entry.id}"') + data.count(f">{entry.id}<") == 1
    assert head("rss").id not in {entry.id for entry in entries}
    assert line(STORY.id) == STORY.id
