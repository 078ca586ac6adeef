"""Fragments stand in a document as feedgen's own would; heads are ours."""

from typing import Any

import orjson
import pytest
from feedgen.feed import FeedGenerator

from schemas.article import Author, Image
from services.syndicate.formats import FORMATS, atom, rss
from services.syndicate.formats.feedgen_adapter import ATOM_NAMESPACES, RSS_NAMESPACES, Additions, atom_entry, rss_entry
from services.syndicate.formats.text import line, rfc822, xml_text
from services.syndicate.render import render
from tests.golden.entries import ARABIC, CASES, PUBLISHED, STORY, head

PLAIN = STORY.model_copy(update={"title": "L’été s’achève"})  # titles with & or < differ on purpose (RSS Profile)


class _Feed:
    """The feed half of a feedgen extension: declares the namespaces at the root."""

    namespaces: dict[str, str]

    def extend_ns(self) -> dict[str, str]:
        return self.namespaces

    def extend_rss(self, made: Any) -> Any:
        return made

    def extend_atom(self, made: Any) -> Any:
        return made


class _RssFeed(_Feed):
    namespaces = RSS_NAMESPACES


class _AtomFeed(_Feed):
    namespaces = ATOM_NAMESPACES


def _feedgen(extension: type[_Feed], entries: list[Any]) -> Any:
    feed: Any = FeedGenerator()
    feed.id("urn:x:feed")
    feed.title("Feed")
    feed.description("Feed")
    feed.link(href="https://news.example/", rel="alternate")
    feed.updated(PUBLISHED)
    feed.lastBuildDate(PUBLISHED)
    feed.register_extension("additions", extension, Additions)
    for entry in entries:
        feed.add_entry(entry, order="append")
    return feed


def test_rss_fragments_are_feedgens_own_bytes() -> None:
    whole = _feedgen(_RssFeed, [rss_entry(rss.item_of(one)) for one in (PLAIN, ARABIC)]).rss_str()
    ours = b"".join(FORMATS["rss"].entry(one) or b"" for one in (PLAIN, ARABIC))
    assert whole[whole.index(b"<item>") : -len(b"</channel></rss>")] == ours


def test_atom_fragments_are_feedgens_own_bytes() -> None:
    whole = _feedgen(_AtomFeed, [atom_entry(atom.item_of(one)) for one in (STORY, ARABIC)]).atom_str()
    ours = b"".join(FORMATS["atom"].entry(one) or b"" for one in (STORY, ARABIC))
    assert whole[whole.index(b"<entry") : -len(b"</feed>")] == ours


def test_an_rss_title_differs_only_in_how_it_refers_to_markup_characters() -> None:
    whole = _feedgen(_RssFeed, [rss_entry(rss.item_of(STORY))]).rss_str()
    ours = FORMATS["rss"].entry(STORY) or b""
    title, _, rest = ours.partition(b"</title>")
    assert b"&#x26; &#x3C;b&gt;" in title
    named = title.replace(b"&#x26;", b"&amp;").replace(b"&#x3C;", b"&lt;") + b"</title>" + rest
    assert whole[whole.index(b"<item>") : -len(b"</channel></rss>")] == named


def test_rendering_twice_gives_the_same_bytes() -> None:
    entries = [entry for case in CASES.values() for entry in case]
    assert render(entries) == render(entries)


def test_an_entry_that_cannot_be_rendered_harms_no_neighbour() -> None:
    unfit = STORY.model_copy(update={"title": "\x00"})  # nothing is left of it, and Atom demands a title
    first, second, third = render([STORY, unfit, ARABIC])
    assert second.fragments == {}
    assert second.fault is not None
    assert second.fault.startswith("atom: ")
    assert (first, third) == tuple(render([STORY, ARABIC]))


def test_an_entry_that_breaks_a_rule_is_not_shown_and_says_which() -> None:
    crooked = STORY.model_copy(update={"content_html": '<p><img src="/relative.jpg" onerror="x()"></p>'})
    first, second, third = render([STORY, crooked, ARABIC])
    assert second.fault is not None
    assert second.fault.startswith("rule ")
    assert "rule 8: content:encoded <img src>: '/relative.jpg' is no absolute http(s) address (rss)" in second.fault
    assert (first, third) == tuple(render([STORY, ARABIC]))
    assert (first.fault, third.fault) == (None, None)


def test_what_takes_a_story_back_goes_out_whatever_rules_it_breaks() -> None:
    taken = CASES["withdrawn"][0].model_copy(update={"url": "/relative"})
    made = render([taken])[0]
    assert made.fault is None
    assert "atom" in made.fragments


def test_a_takedown_shows_nothing_of_the_story() -> None:
    (entry,) = CASES["takedown"]
    for fragment in render([entry])[0].fragments.values():
        for word in ("été", "sec", "Zoé", "/a/ete", "Météo", ".mp3"):
            assert word.encode() not in fragment
        assert b"Court order." in fragment


def test_an_expired_story_stays_where_a_format_can_say_so() -> None:
    expired, _ = CASES["expired_beside_a_story"]
    assert list(render([expired])[0].fragments) == ["atom", "atom-summary", "ninjs", "newsml", "ndjson"]


def test_a_lead_picture_that_the_body_shows_is_not_repeated() -> None:
    shown = STORY.model_copy(update={"content_html": '<p><img src="https://news.example/i/1.jpg"></p>'})
    assert (FORMATS["rss"].entry(shown) or b"").count(b"&lt;img") == 1
    query = "https://news.example/i?a=1&b=2"
    body = '<p><img src="https://news.example/i?a=1&amp;b=2"></p>'
    escaped = STORY.model_copy(update={"content_html": body, "images": (Image(url=query),)})
    assert (FORMATS["rss"].entry(escaped) or b"").count(b"&lt;img") == 1


def test_a_correction_stands_above_the_body() -> None:
    corrected = STORY.model_copy(update={"correction_note": "It was <40> degrees."})
    for name, fragment in render([corrected])[0].fragments.items():
        if name == "ndjson":  # fields, not a body to show
            continue
        body = "Un été long" if name.endswith("-summary") else "Il a fait chaud"
        assert fragment.decode().index("Correction:") < fragment.decode().rindex(body)


def test_a_date_that_only_stands_in_is_marked() -> None:
    stands_in = STORY.model_copy(update={"published_by": "arrival"})
    for entry in (stands_in, stands_in.model_copy(update={"state": "withdrawn", "gone_at": PUBLISHED})):
        assert orjson.loads(FORMATS["json"].entry(entry) or b"")["_wireroom"]["published_by"] == "arrival"
    assert "published_by" not in orjson.loads(FORMATS["json"].entry(STORY) or b"")["_wireroom"]


def test_atom_names_an_author_in_each_entry_even_if_none_was_stated() -> None:
    assert b"<author><name>Le Fil</name></author>" in (FORMATS["atom"].entry(ARABIC) or b"")
    assert b"dc:creator" not in (FORMATS["rss"].entry(ARABIC) or b"")


def test_an_email_address_is_no_reason_for_a_second_byline_in_rss() -> None:
    fragment = FORMATS["rss"].entry(STORY.model_copy(update={"authors": (Author(name="A", email="a@x.example"),)}))
    assert fragment is not None
    assert (fragment.count(b"<dc:creator>"), fragment.count(b"<author>")) == (1, 0)


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_every_namespace_is_declared_at_the_root_alone(name: str) -> None:
    made = FORMATS[name].document(head(name), [FORMATS[name].entry(STORY) or b""])
    root = made[made.index(b"<", 10) : made.index(b">", made.index(b"xmlns"))]
    assert made.count(b'" xmlns') + made.count(b"ns0") == root.count(b'" xmlns')


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\x00\x0b\ud800\ufffe\uffffb", "ab"),
        ("a\tb\nc\rd", "a\tb\nc\rd"),
        ("\x80 \x93x\x94 \x81", "€ “x” "),
        ("\U0001f5de\ufe0f", "\U0001f5de\ufe0f"),
    ],
)
def test_what_xml_forbids_is_dropped_and_c1_is_read_as_cp1252(dirty: str, clean: str) -> None:
    assert xml_text(dirty) == clean


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        (" a \r\n b\t c ", "a b c"),
        ("a\u202eb\u202c", "ab"),
        ("\u2067a\u2069 b", "\u2067a\u2069 b"),
        ("a\u2069b\u2068c", "abc"),
        ("\u2067\u2068a\u2069", "\u2068a\u2069"),
    ],
)
def test_a_title_is_one_line_without_bidi_traps(dirty: str, clean: str) -> None:
    assert line(dirty) == clean


def test_rss_dates_are_english_and_in_gmt() -> None:
    assert rfc822(PUBLISHED) == "Tue, 03 Nov 2026 08:15:00 GMT"
