"""Rules 18–24 and 38 of docs/feed-rules.md: Atom (RFC 4287) and deleted entries (RFC 6721)."""

from datetime import timedelta

import pytest

from schemas.article import Author, Enclosure
from schemas.feed import FeedLink
from tests.golden.entries import ARABIC, BASE, CASES, PUBLISHED, STORY, head
from tests.rendered import ATOM, DC, FH, TOMBSTONE, XML, atom_entry, document, xml

REGISTERED = {
    "alternate",
    "current",
    "enclosure",
    "first",
    "hub",
    "last",
    "next",
    "next-archive",
    "prev-archive",
    "previous",
    "self",
    "via",
}
LINKS = (FeedLink("prev-archive", f"{BASE}/feeds/all/archive/1/1-25.atom"), FeedLink("current", f"{BASE}/feeds/all"))
BARE = STORY.model_copy(update={"url": None, "content_html": "", "summary": "", "images": (), "enclosures": ()})


def test_rule_18_a_feed_has_one_id_title_and_time_and_authors_stand_in_both_places() -> None:
    feed = xml("atom", STORY, ARABIC)
    for name in ("id", "title", "updated", "author"):
        assert len(feed.findall(f"{ATOM}{name}")) == 1
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Le Fil"
    for entry in feed.findall(f"{ATOM}entry"):
        assert entry.findtext(f"{ATOM}author/{ATOM}name")
    assert atom_entry(STORY.model_copy(update={"authors": ()})).findtext(f"{ATOM}author/{ATOM}name") == "Agence"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("zoe@news.example", "zoe@news.example"),
        ("o'hara+desk@mail.news.example", "o'hara+desk@mail.news.example"),
        ("not an email", None),
        ("Zoe <zoe@news.example>", None),
        ("zoe@newsroom", None),
        ("zoe@news.example\n", None),
        ("a..b@news.example", None),
        ("zoé@news.example", None),
    ],
)
def test_rule_18_an_authors_email_is_an_address_or_left_out(said: str, shown: str | None) -> None:
    """RFC 4287 §3.2.3: content that is no addr-spec makes a feed invalid."""
    entry = atom_entry(STORY.model_copy(update={"authors": (Author(name="Zoe", email=said),)}))
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "Zoe"
    assert entry.findtext(f"{ATOM}author/{ATOM}email") == shown


def test_rule_19_self_is_the_canonical_url_and_one_alternate_is_html() -> None:
    feed = xml("atom", STORY, hub_urls=("https://hub.example/",), links=LINKS)
    links = feed.findall(f"{ATOM}link")
    assert [one.get("href") for one in links if one.get("rel") == "self"] == [head("atom").self_url]
    for node in (feed, feed.find(f"{ATOM}entry")):
        alternates = [one for one in node.findall(f"{ATOM}link") if one.get("rel") == "alternate"]
        assert [(one.get("type"), one.get("hreflang")) for one in alternates] == [("text/html", None)]


@pytest.mark.parametrize("body", ["full", "summary"])
def test_rule_20_every_entry_has_text_and_a_link_or_content(body: str) -> None:
    linked = BARE.model_copy(update={"url": f"{BASE}/a"})
    for story in (STORY, ARABIC, BARE, linked, BARE.model_copy(update={"summary": "Only this."})):
        entry = atom_entry(story, "full" if body == "full" else "summary")
        for name in ("id", "title", "updated"):
            assert len(entry.findall(f"{ATOM}{name}")) == 1
            assert entry.findtext(f"{ATOM}{name}")
        content, summary = entry.findtext(f"{ATOM}content"), entry.findtext(f"{ATOM}summary")
        assert content or summary
        assert content or [one for one in entry.findall(f"{ATOM}link") if one.get("rel") == "alternate"]
        assert entry.find(f"{ATOM}content[@src]") is None


def test_rule_21_enclosures_carry_type_and_length() -> None:
    unknown = STORY.model_copy(update={"enclosures": (Enclosure(url=f"{BASE}/v.mp4", type="video/mp4"),)})
    for entry, length in ((STORY, "12345"), (unknown, "0")):
        (link,) = [one for one in atom_entry(entry).findall(f"{ATOM}link") if one.get("rel") == "enclosure"]
        assert link.get("type") in {"audio/mpeg", "video/mp4"}
        assert link.get("length") == length


def test_rule_22_link_relations_are_registered() -> None:
    rels = ("first", "last", "next", "previous", "prev-archive", "next-archive", "current")
    links = tuple(FeedLink(rel, f"{BASE}/{rel}") for rel in rels)
    feed = xml(
        "atom", *(entry for case in CASES.values() for entry in case), hub_urls=("https://h.example/",), links=links
    )
    found = {one.get("rel") for one in feed.iter(f"{ATOM}link")}
    assert found <= REGISTERED
    assert found >= {"self", "hub", "alternate", *rels}
    assert {one.get("rel") for one in xml("rss", STORY, links=links).iter(f"{ATOM}link")} <= REGISTERED


def test_rule_23_categories_carry_scheme_and_label() -> None:
    found = [
        (one.get("term"), one.get("scheme"), one.get("label")) for one in atom_entry(STORY).iter(f"{ATOM}category")
    ]
    assert found == [
        ("actualites", f"{BASE}/feeds/section", "Actualités"),
        ("meteo", f"{BASE}/feeds/tag", "Météo"),
    ]
    rss = xml("rss", STORY).findall("channel/item/category")
    assert [(one.text, one.get("domain")) for one in rss] == [(label, scheme) for _, scheme, label in found]


def test_rule_24_who_reported_it_is_named_and_no_source_feed_is_made_up() -> None:
    """An atom:source needs id, title and updated of another feed; an article knows its reporter alone."""
    entry = atom_entry(STORY)
    assert entry.findtext(f"{DC}source") == "Agence"
    (via,) = [one for one in entry.findall(f"{ATOM}link") if one.get("rel") == "via"]
    assert via.get("href") == "https://agence.example/"
    for source in entry.findall(f"{ATOM}source"):
        assert all(source.findtext(f"{ATOM}{name}") for name in ("id", "title", "updated"))


@pytest.mark.parametrize("state", ["withdrawn", "takedown", "expired"])
@pytest.mark.parametrize("body", ["full", "summary"])
def test_rule_38_what_is_gone_is_a_tombstone_with_ref_when_and_reason(state: str, body: str) -> None:
    when = PUBLISHED + timedelta(hours=3)
    gone = STORY.model_copy(update={"state": state, "reason": "Wrong bridge.", "gone_at": when})
    feed = xml("atom", gone, ARABIC, body="full" if body == "full" else "summary")
    (deleted,) = feed.findall(TOMBSTONE)
    assert (deleted.get("ref"), deleted.get("when")) == (STORY.id, "2026-11-03T11:15:00Z")
    assert [one.findtext(f"{ATOM}id") for one in feed.findall(f"{ATOM}entry")] == [ARABIC.id]
    (comment,) = list(deleted)
    assert comment.get(f"{XML}lang") == "fr"
    said = {
        "withdrawn": f"Retracted: {STORY.title} (Wrong bridge.)",
        "takedown": "Wrong bridge.",
        "expired": "This story has expired.",
    }
    assert comment.text == said[state]


def test_rule_38_tombstones_stand_before_all_entries() -> None:
    """RFC 4287, appendix B: what extends a feed comes before its entries, which keep their order."""
    gone = [STORY.model_copy(update={"id": f"urn:x:{n}", "state": "expired"}) for n in range(2)]
    feed = xml("atom", STORY, gone[0], ARABIC, gone[1])
    assert [one.tag for one in feed][-4:] == [TOMBSTONE, TOMBSTONE, f"{ATOM}entry", f"{ATOM}entry"]
    assert [one.get("ref") for one in feed.findall(TOMBSTONE)] == ["urn:x:0", "urn:x:1"]
    assert [one.findtext(f"{ATOM}id") for one in feed.findall(f"{ATOM}entry")] == [STORY.id, ARABIC.id]


def test_rule_38_feeds_without_tombstones_do_not_name_their_namespace() -> None:
    assert b"tombstones" not in document("atom", [STORY])


def test_rule_35_and_36_history_is_marked_in_xml() -> None:
    """RFC 5005: fh:archive for sealed documents; fh:complete never beside paging links."""
    for name in ("rss", "atom"):
        sealed = xml(name, STORY, links=LINKS, archive=True)
        assert len(list(sealed.iter(f"{FH}archive"))) == 1
        assert {"prev-archive", "current"} <= {one.get("rel") for one in sealed.iter(f"{ATOM}link")}
        assert len(list(xml(name, STORY, complete=True).iter(f"{FH}complete"))) == 1
        assert list(xml(name, STORY, complete=True, links=LINKS).iter(f"{FH}complete")) == []
        assert list(xml(name, STORY).iter(f"{FH}archive", f"{FH}complete")) == []
