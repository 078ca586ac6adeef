"""Each rule of docs/feed-rules.md that an entry's bytes can show: broken alone in a good entry, it alone is found."""

from html import escape

import pytest

from services.syndicate.render import render
from services.syndicate.rules import RULES, check_entry, check_fragment
from services.syndicate.rules.body import judge_html
from tests.golden.entries import ARABIC, BASE, CASES, STORY

PLAIN = STORY.model_copy(
    update={
        "title": "Summer ends",
        "summary": "It was long.",
        "content_html": "<p>It was <b>hot</b>.</p>",
        "lang": "en",
    }
)
MADE = render([PLAIN])[0].fragments
GONE = render(list(CASES["withdrawn"]))[0].fragments
WORDS = "كلمات كثيرة جدا في نص الخبر العربي هنا"
ARABIC_MADE = render([ARABIC.model_copy(update={"content_html": f"<p>{WORDS}</p>"})])[0].fragments


def found(name: str, old: str, new: str, made: dict[str, bytes] = MADE) -> set[int]:
    """Rules that are broken once `old` is `new` in one fragment."""
    good = made[name]
    assert check_fragment(name, good) == []
    assert old.encode() in good, good.decode()
    return {
        fault.rule
        for fault in check_fragment(name, good.replace(old.encode(), new.encode("utf-8", "surrogatepass"), 1))
    }


def body(html: str) -> set[int]:
    return {fault.rule for fault in judge_html(html)}


@pytest.mark.parametrize("case", CASES)
def test_what_we_render_breaks_no_rule(case: str) -> None:
    entries = [entry.model_copy(update={"publisher": "Le Fil"}) for entry in CASES[case]]
    for made in render([*entries, PLAIN]):
        assert check_entry(made.fragments) == []


def test_the_registry_knows_every_rule_by_its_number() -> None:
    assert set(range(1, 37)) - {12, 14, 34, 35} <= set(RULES)
    assert RULES[7] == tuple(RULES[8])


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_rule_01_a_fragment_is_utf_8_without_declaration_or_mark(name: str) -> None:
    good = MADE[name]
    for bad in (
        b"\xef\xbb\xbf" + good,
        b'<?xml version="1.0"?>' + good,
        good.replace(b"hot", b"h\xff"),
        good + good,
        b"",
    ):
        assert {fault.rule for fault in check_fragment(name, bad)} == {1}
    assert found(name, "<title>", "<title><b>") == {1}
    assert found("json", '"id"', '"id') == {1}


@pytest.mark.parametrize("bad", ["\x0b", "\ufffe", "\x85", "\ud800", "&#x0b;", "&#x85;", "&#133;"])
def test_rule_02_only_characters_of_xml(bad: str) -> None:
    assert found("rss", "Summer", f"Su{bad}mer") == {2}
    assert found("atom", "Summer", f"Su{bad}mer") == {2}


@pytest.mark.parametrize("bad", ["\\u000b", "\\u0085", "\x85", "\\uffff", "\ufffe"])
def test_rule_02_json_holds_no_such_character_either(bad: str) -> None:
    assert found("json", "Summer", f"Su{bad}mer") == {2}
    assert found("json", "Summer", "Su\\\\u000bmer") == set()


def test_rule_03_markup_characters_are_escaped_exactly_once() -> None:
    assert found("rss", "Summer", "Summer &#x26; &#x3C;b>") == set()
    assert found("rss", "Summer", "Summer &amp;") == {3}
    assert found("rss", "Summer", "Summer &lt;b&gt;") == {3}
    assert found("rss", "Summer", "Summer & ") == {3}
    assert found("atom", "Summer", "Summer &nbsp; ") == {3}
    assert body("<p>A & B</p>") == {3}
    assert body('<p><a href="https://a.example/?a=1&b=2">A &amp; B &copy; &#169;</a></p>') == set()


def test_rule_04_atom_titles_are_text_and_html_says_so() -> None:
    assert found("atom", "<title>", '<title type="html">') == {4}
    assert found("atom", '<content type="html">', '<content type="CDATA">') == {4}
    assert found("atom", "<summary>", '<summary type="xhtml">') == {4}
    assert found("atom", "Summer ends", "Summer <b>ends</b>") == {4}


def test_rule_05_cdata_ends_where_it_says() -> None:
    assert found("atom", "Summer ends", "Summer ]]> ends") == {5}
    assert found("atom", "Summer ends", "<![CDATA[Summer ]]]]><![CDATA[> ends]]>") == set()


@pytest.mark.parametrize("bad", ["<p>A</p> &am", "A &#82", "A &", "A &quo…"])
def test_rule_06_no_text_is_cut_within_a_reference(bad: str) -> None:
    assert 6 in body(bad)
    assert body("A &amp;…") == set()
    assert found("json", "Summer", "Summer \\ud83d") == {6}


@pytest.mark.parametrize(
    "bad",
    [
        "<p>open",
        "<p><b>crossed</p></b>",
        "</p>",
        "<script>x</script>",
        "<style>x</style>",
        "<object></object>",
        "<svg></svg>",
        '<p onclick="x()">a</p>',
        '<p style="color:red">a</p>',
        '<a href="javascript:x()">a</a>',
        '<iframe src="https://evil.example/embed"></iframe>',
        "<!-- a -->",
        "a < b",
    ],
)
def test_rule_07_html_is_balanced_and_harmless(bad: str) -> None:
    assert body(bad) == {7}
    assert found("atom", "&lt;b&gt;", f"{escape(bad)}&lt;b&gt;") == {7}


def test_rule_07_what_newsrooms_use_is_allowed() -> None:
    good = '<p>a<br><img src="https://a.example/i.jpg" alt="a &lt; b > c"></p><iframe src="https://player.vimeo.com/video/1"></iframe>'
    assert body(good) == set()


@pytest.mark.parametrize(
    "bad", ["/a", "//a.example/b", "a.html", "#top", "data:image/png;base64,x", "ftp://a.example/b"]
)
def test_rule_08_every_address_is_absolute(bad: str) -> None:
    assert body(f'<p><img src="{bad}"></p>') == {8}
    assert body(f'<p><img src="https://a.example/b" srcset="{bad} 2x"></p>') == {8}
    assert found("atom", f'href="{BASE}/a/ete', f'href="{bad}') == {8}
    assert found("rss", f"<link>{BASE}/a/ete", f"<link>{bad}") == {8}
    assert found("json", f'"url":"{BASE}/a/ete', f'"url":"{bad}') == {8}


def test_rule_08_nothing_relies_on_xml_base() -> None:
    assert found("atom", "<title>", f'<title xml:base="{BASE}">') == {8}
    assert found("rss", "<title>", "<title xml:base=''>Title</title><x xml:base='a'/><title>") >= {8}


@pytest.mark.parametrize("bad", ["/é", "/a b", "/%zz", "/a\u202eb", '/"'])
def test_rule_09_addresses_are_ascii(bad: str) -> None:
    assert found("rss", f"<link>{BASE}/a/ete", f"<link>{BASE}{bad}") == ({9} if bad != "/&" else {3})
    assert body(f"<p><a href='{BASE}{bad}'>a</a></p>") >= {9}
    assert found("rss", f"<link>{BASE}/a", "<link>https://é.example/a") == {9}


def test_rule_10_namespaces_are_declared_at_the_root_alone() -> None:
    assert found("atom", "<title>", '<title xmlns:x="https://x.example/">') == {10}
    assert found("atom", "<dc:source>", "<dx:source>") == {10}
    assert found("rss", "</item>", "<x:y>1</x:y></item>") == {10}


@pytest.mark.parametrize("bad", ["", "https://a.example/1", "7", "urn:uuid:a b", "tag:é"])
def test_rule_11_an_id_is_an_iri_that_outlives_every_move(bad: str) -> None:
    assert found("rss", PLAIN.id, bad) - {12} == {11}
    assert found("atom", PLAIN.id, bad) - {20} == {11}


def test_rule_12_the_guid_says_that_it_is_no_link() -> None:
    assert found("rss", ' isPermaLink="false"', "") == {12}
    assert found("rss", ' isPermaLink="false"', ' isPermaLink="true"') == {12}


def test_rule_12_the_id_is_the_same_in_every_format() -> None:
    others = {**MADE, "json": MADE["json"].replace(PLAIN.id.encode(), b"urn:uuid:other")}
    assert [fault.rule for _, fault in check_entry(others)] == [12]


def test_rule_14_published_is_the_same_in_every_format() -> None:
    others = {**MADE, "json": MADE["json"].replace(b"2026-11-03T08", b"2026-11-03T07", 1)}
    assert [fault.rule for _, fault in check_entry(others)] == [14]


def test_rule_15_nothing_changes_before_it_is_published() -> None:
    assert found("json", '"date_modified":"2026', '"date_modified":"2025') == {15}
    assert found("atom", "<updated>2026", "<updated>2025") == {15}


@pytest.mark.parametrize(
    "bad", ["2026-11-03t08:15:00z", "2026-11-03T08:15:00.5Z", "2026-11-03 08:15:00Z", "2026-13-03T08:15:00Z", "now"]
)
def test_rule_17_dates_of_atom_and_json_have_one_form(bad: str) -> None:
    assert found("atom", "<published>2026-11-03T08:15:00", f"<published>{bad}") == {17}
    assert found("json", '"date_published":"2026-11-03T08:15:00', f'"date_published":"{bad}') == {17}


@pytest.mark.parametrize(
    "bad",
    [
        "Wed, 03 Nov 2026 08:15:00 GMT",
        "Tue, 03 Nov 26 08:15:00 GMT",
        "Tue, 03 Nov 2026 08:15:00 +0000",
        "mar., 03 nov. 2026 08:15:00 GMT",
    ],
)
def test_rule_17_dates_of_rss_have_one_form(bad: str) -> None:
    assert found("rss", "Tue, 03 Nov 2026 08:15:00 GMT", bad) == {17}


def test_rule_18_each_atom_entry_has_its_author() -> None:
    assert found("atom", "<name>Desk</name>", "<name> </name>") == {18}
    assert found("atom", "<author><name>Desk</name></author>", "") == set()


def test_rule_19_alternates_are_pages_and_differ() -> None:
    assert found("atom", 'type="text/html"', 'type="audio/mpeg"') == {19}
    assert found("atom", 'rel="enclosure" type="audio/mpeg"', 'rel="alternate" type="text/html"') == {19}


def test_rule_20_an_atom_entry_is_complete() -> None:
    assert found("atom", "<title>Summer ends</title>", "") == {20}
    assert found("atom", "<title>Summer ends</title>", "<title/>") == {20}
    assert found("atom", "<title>", "<title>a</title><title>") == {20}
    assert found("atom-summary", 'rel="alternate"', 'rel="related"') == {20}


def test_rule_21_enclosures_have_type_and_length() -> None:
    assert found("atom", ' length="12345"', "") == {21}
    assert found("atom", 'type="audio/mpeg" length', 'type="" length') == {21}


def test_rule_22_link_relations_are_registered() -> None:
    assert found("atom", 'rel="via"', 'rel="source-of"') == {22}
    assert found("atom", 'rel="via"', 'rel="https://rel.example/x"') == set()


def test_rule_23_categories_have_scheme_and_label() -> None:
    assert found("atom", f' scheme="{BASE}/feeds/section"', "") == {23}
    assert found("atom", ' label="Météo"', "") == {23}


def test_rule_24_a_source_is_whole() -> None:
    assert found("atom", "</entry>", "<source><title>S</title></source></entry>") == {24}


def test_rule_26_the_summary_comes_before_the_full_text() -> None:
    good = MADE["rss"].decode()
    start, end = good.index("<description>"), good.index("</description>") + len("</description>")
    said = good[start:end]
    assert found("rss", f"{said}", "") == set()
    moved = (good[:start] + good[end:]).replace("</item>", f"{said}</item>").encode()
    assert {fault.rule for fault in check_fragment("rss", moved)} == {26}


def test_rule_27_one_enclosure_and_the_picture_in_the_body() -> None:
    enclosure = '<enclosure url="https://news.example/a.mp3" length="12345" type="audio/mpeg"/>'
    assert found("rss", enclosure, enclosure * 2) == {27}
    assert found("rss", ' length="12345"', "") == {27}
    assert found(
        "rss", '&lt;img src="https://news.example/i/1.jpg"', '&lt;img src="https://news.example/i/other.jpg"'
    ) == {27}


def test_rule_28_people_are_creators() -> None:
    assert found("rss", "</item>", "<author>Zoé</author></item>") == {28}
    assert found("rss", "</item>", "<author>zoe@a.example (Zoé)</author></item>") == set()
    assert found("rss", "</item>", "<dc:date>2026-11-03T08:15:00Z</dc:date></item>") == {28}


def test_rule_30_an_item_of_json_feed_is_complete() -> None:
    assert found("json", '"id":', '"identity":') == {30}
    assert found("json", '"content_html"', '"html"') >= {30}
    assert found("json", '"authors"', '"author"') == {30}
    assert found("json", '"revision"', '"a.b"') == {30}
    assert found("json", '"_wireroom"', '"_other"') == {30}
    assert found("json", '"mime_type":"audio/mpeg"', '"mime_type":""') == {30}


def test_rule_31_languages_are_tags() -> None:
    assert found("json", '"language":"en"', '"language":"en_GB"') == {31}
    assert found("json", '"language":"en"', '"language":"en-GB"') == set()
    assert found("rss", "<dc:language>en<", "<dc:language>english (UK)<") == {31}
    assert found("atom", ' xml:lang="en"', "") == {31}


@pytest.mark.parametrize("bad", ["\u202e", "\u202a", "\u2067", "\u2069", "\u2069\u2067"])
def test_rule_32_no_overrides_and_no_lone_isolates(bad: str) -> None:
    assert found("atom", "Summer", f"Su{bad}mmer") == {32}
    assert found("rss", "It was &lt;b", f"It {bad}was &lt;b") == {32}
    assert found("json", "Summer", "Su\u2068mm\u2069er") == set()


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_rule_32_right_to_left_text_stands_in_its_block(name: str) -> None:
    assert found(name, ' dir="rtl"', "", ARABIC_MADE) == {32}


def test_rule_38_a_tombstone_has_id_and_time() -> None:
    assert found("atom", ' when="2026', ' when="yesterday 2026', GONE) == {17}
    assert found("atom", f'ref="{STORY.id}"', "", GONE) >= {38}


def test_rule_39_a_stub_tells_nothing_of_the_story() -> None:
    assert found("json", '"content_text"', '"summary":"It was long.","content_text"', GONE) == {39}
