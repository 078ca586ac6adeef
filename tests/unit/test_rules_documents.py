"""Each rule of docs/feed-rules.md that a document's bytes can show: broken alone in a good document, it alone is found."""

from datetime import timedelta

import pytest

from schemas.feed import FeedLink
from services.syndicate.formats import FORMATS
from services.syndicate.rules import CURES, RULES, Expected, check_document
from tests.golden.entries import ARABIC, BASE, CASES, LATER, PUBLISHED, STORY, head

HUB = "https://hub.example/"
BEFORE = ARABIC.model_copy(update={"published": PUBLISHED - timedelta(hours=1)})
WITHDRAWN = CASES["withdrawn"][0].model_copy(update={"id": "urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-333333333333"})


def made(name: str, *, archive: bool = False, links: tuple[FeedLink, ...] = (), **more: object) -> bytes:
    shape = FORMATS[name]
    above = head(name, LATER, hub_urls=(HUB,), ttl_minutes=5, lang="fr", archive=archive, links=links, **more)
    return shape.document(above, [one for entry in (STORY, WITHDRAWN, BEFORE) if (one := shape.entry(entry))])


EXPECTED = {
    name: Expected(
        self_url=f"{BASE}/feeds/section/actualites.{name}",
        max_age_s=300,
        items=3,
        now=LATER + timedelta(hours=1),
        hub_urls=(HUB,),
    )
    for name in ("rss", "atom", "json")
}


def found(name: str, old: str, new: str, good: bytes | None = None) -> set[int]:
    """Rules that are broken once `old` is `new` in a whole document."""
    whole = good or made(name)
    assert check_document(name, whole, EXPECTED[name]) == []
    assert old.encode() in whole, whole.decode()
    return {fault.rule for fault in check_document(name, whole.replace(old.encode(), new.encode(), 1), EXPECTED[name])}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_what_we_join_breaks_no_rule(name: str, case: str) -> None:
    entries = [entry.model_copy(update={"publisher": "Le Fil"}) for entry in CASES[case]]
    for variant in FORMATS[name].renders().values():
        above = head(name, max((entry.updated for entry in entries), default=PUBLISHED))
        whole = FORMATS[name].document(above, [one for entry in entries if (one := variant(entry))])
        assert check_document(name, whole, Expected(self_url=f"{BASE}/feeds/section/actualites.{name}")) == []


def test_every_rule_has_a_cure() -> None:
    assert set(RULES) <= set(CURES)


@pytest.mark.parametrize("name", ["rss", "atom"])
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "\ufeff<?xml version='1.0' encoding='UTF-8'?>",
        "\n<?xml version='1.0' encoding='UTF-8'?>",
        "<?xml version='1.0' encoding='UTF-16'?>",
        "<?xml version='1.0' encoding='UTF-8'?><!DOCTYPE x>",
    ],
)
def test_rule_01_a_document_begins_with_its_declaration(name: str, bad: str) -> None:
    assert found(name, "<?xml version='1.0' encoding='UTF-8'?>\n", bad) == {1}


def test_rule_01_json_has_no_mark() -> None:
    assert found("json", '{"version"', '\ufeff{"version"') == {1}


def test_rule_03_titles_within_a_document_are_plain() -> None:
    assert found("rss", "&#x26;", "&amp;") == {3}


@pytest.mark.parametrize("uri", ["https://www.w3.org/2005/Atom", "http://search.yahoo.com/mrss"])
def test_rule_10_namespaces_are_exact(uri: str) -> None:
    right = {"https://www.w3.org/2005/Atom": "http://www.w3.org/2005/Atom"}.get(uri, "http://search.yahoo.com/mrss/")
    assert 10 in found("rss", right, uri)


def test_rule_13_no_id_stands_twice() -> None:
    for name in ("rss", "atom", "json"):
        assert found(name, BEFORE.id, STORY.id) == {13}


def test_rule_15_nothing_lies_ahead() -> None:
    assert found("json", '"date_modified":"2026-11-03T10', '"date_modified":"2026-11-05T10') == {15}


def test_rule_16_the_feed_changed_when_its_last_entry_did() -> None:
    assert found("atom", "<updated>2026-11-03T10:15:00Z", "<updated>2026-11-03T10:15:01Z") == {16}
    assert found("atom", "<updated>2026-11-03T10:15:00Z", "<updated>2026-11-03T10:14:59Z") == {16}
    assert found("rss", "<lastBuildDate>Tue, 03 Nov 2026 10", "<lastBuildDate>Tue, 03 Nov 2026 06") == {16}


def test_rule_16_tombstones_count() -> None:
    assert found("atom", 'when="2026-11-03T10:15:00Z"', 'when="2026-11-03T10:15:07Z"') == {16}


def test_rule_17_dates_of_heads() -> None:
    assert found("rss", "<lastBuildDate>Tue", "<lastBuildDate>Wed") == {17}


def test_rule_18_an_atom_feed_has_one_id_title_and_time_and_its_author() -> None:
    for old, new in (
        ("<title>", "<title>x</title><title>"),
        ("<author><name>Le Fil</name></author>", ""),
        ("<id>urn:uuid:0d9f3a5e-6c1b-5c5e-9d3c-5d3f5b1f0a11</id>", ""),
        ("<subtitle>", "<strapline/><subtitle>"),
    ):
        assert found("atom", old, new) == {18}


def test_rule_04_the_feeds_title_is_text() -> None:
    assert found("atom", "<title>", '<title type="html">') == {4}


def test_rule_19_self_is_where_it_was_read() -> None:
    assert found("atom", 'actualites.atom"', 'other.atom"') == {19}
    assert found("atom", 'rel="alternate" type="text/html"', 'rel="alternate" type="text/plain"') == {19}


def test_rule_22_relations_of_heads() -> None:
    assert found("atom", 'rel="hub"', 'rel="pubsub"') == {22, 53}


def test_rule_25_a_channel_is_complete() -> None:
    for old, new in (
        ("<link>https://news.example/feeds/section/actualites</link>", ""),
        ("<description>Actualités", "<other>1</other><description> </description><x>Actualités"),
        ('version="2.0"', 'version="0.91"'),
        ("<link>https://news.example/feeds/section/actualites", "<link>https://news.example/feeds/a.rss"),
    ):
        assert 25 in check_rules("rss", old, new)
    assert found("rss", "actualites.rss", "other.rss") == {25}
    assert found("rss", "<language>fr", "<language>en_GB") == {31}


def check_rules(name: str, old: str, new: str) -> set[int]:
    whole = made(name)
    assert old.encode() in whole
    changed = whole.replace(old.encode(), new.encode(), 1)
    if "<x>" in new:
        changed = changed.replace(b"</description><atom:link", b"</x><atom:link", 1)
    return {fault.rule for fault in check_document(name, changed, EXPECTED[name])}


def test_rule_29_ttl_is_max_age_and_the_rhythm_is_spelt_right() -> None:
    assert found("rss", "<ttl>5", "<ttl>60") == {29}
    assert found("rss", "<ttl>5", "<ttl>1.5") == {29}
    assert found("rss", "hourly", "Hourly") == {29}
    assert found("rss", "<ttl>", "<skipHours><hour>24</hour></skipHours><ttl>") == {29}
    assert found("rss", "<ttl>", "<sy:UpdatePeriod>hourly</sy:UpdatePeriod><ttl>") == {29}


def test_rule_30_a_json_feed_is_complete() -> None:
    assert found("json", "version/1.1", "version/1") == {30}
    assert found("json", '"feed_url"', f'"next_url":"{BASE}/feeds/section/actualites.json","feed_url"') == {30}
    assert found("json", "actualites.json", "other.json") == {30}
    assert found("json", '"description"', '"wireroom"') == {30}


def test_rule_31_heads_state_their_language() -> None:
    assert found("atom", ' xml:lang="fr"', "") == {31}
    assert found("json", '"language":"fr","hubs"', '"hubs"') == {31}


def test_rule_33_newest_first_and_ties_by_id() -> None:
    for name in ("rss", "atom", "json"):
        shape = FORMATS[name]
        above = head(name, LATER, hub_urls=(HUB,), lang="fr")
        backwards = shape.document(above, [shape.entry(one) or b"" for one in (BEFORE, STORY)])
        assert {fault.rule for fault in check_document(name, backwards)} == {33}
    tie = ARABIC.model_copy(update={"id": "urn:uuid:00000000"})
    tied = FORMATS["rss"].document(
        head("rss", LATER, lang="fr"), [FORMATS["rss"].entry(one) or b"" for one in (STORY, tie)]
    )
    assert {fault.rule for fault in check_document("rss", tied)} == {33}


def test_rule_34_a_window_is_neither_too_short_nor_too_large() -> None:
    whole = made("rss")
    assert {fault.rule for fault in check_document("rss", whole, Expected(items=31))} == {34}
    long = STORY.model_copy(update={"content_html": "<p>" + "x" * 20_000 + "</p>"})
    many = [FORMATS["rss"].entry(long.model_copy(update={"id": f"urn:uuid:{n:012}"})) or b"" for n in range(55)]
    too_large = FORMATS["rss"].document(head("rss", LATER, lang="fr"), many)
    assert {fault.rule for fault in check_document("rss", too_large)} == {34}
    waits_for_a_page = FORMATS["rss"].document(head("rss", LATER, lang="fr"), many[:54])
    assert check_document("rss", waits_for_a_page) == []


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_rule_35_an_archive_says_so_and_leads_back(name: str) -> None:
    links = (
        FeedLink("current", f"{BASE}/feeds/a.{name}"),
        FeedLink("next-archive", f"{BASE}/feeds/a/archive/1/26-50.{name}"),
    )
    good = made(name, archive=True, links=links)
    assert found(name, "<fh:archive/>", "<fh:archive/>", good) == set()
    assert found(name, 'rel="current"', 'rel="related"', good) == {35}
    unmarked = good.replace(b"<fh:archive/>", b"")
    assert {fault.rule for fault in check_document(name, unmarked, Expected(archive=True))} == {35}


def test_rule_36_complete_means_without_other_pages() -> None:
    links = (FeedLink("next", f"{BASE}/feeds/a/page/x.atom"),)
    assert found("atom", "<entry", "<fh:complete/><entry", made("atom", links=links)) == {36}
    assert found("atom", "<entry", "<fh:complete/><entry") == set()


def test_rule_38_tombstones_stand_once_and_win_over_what_is_older() -> None:
    whole = made("atom")
    tombstone = whole[whole.index(b"<at:deleted-entry") : whole.index(b"</at:deleted-entry>")] + b"</at:deleted-entry>"
    assert found("atom", tombstone.decode(), tombstone.decode() * 2) == {38}
    assert found("atom", f'ref="{WITHDRAWN.id}"', f'ref="{STORY.id}"') == {38}


def test_rule_53_the_hub_is_named() -> None:
    for name in ("rss", "atom"):
        assert found(name, HUB, "https://other.example/") == {53}
    assert found("json", HUB, "https://other.example/") == {53}
