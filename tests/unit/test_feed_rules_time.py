"""Rules 14–17, 31–33 of docs/feed-rules.md: time, language and order, alike in all formats."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import pytest

from schemas.feed import Entry
from schemas.jobs import WindowItem
from schemas.records import FeedRow
from services.syndicate.formats import FORMATS
from services.syndicate.formats.text import isolated
from services.syndicate.heads import Site, feed_head
from services.syndicate.window import ordered
from tests.golden.entries import ARABIC, PUBLISHED, STORY
from tests.rendered import (
    ATOM,
    DC,
    XML,
    atom_entry,
    bodies,
    document,
    json_feed,
    json_item,
    planned,
    rss_item,
    xml,
)

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)
LATER = PUBLISHED + timedelta(hours=5)


def _again(before: Entry, article: dict[str, Any]) -> Entry:
    """The same article as its next revision arrives, five hours later."""
    return planned({"updated_at": LATER, **article}, previous=before, first_accepted_at=LATER)


def test_rule_14_published_never_moves_and_updated_only_with_what_a_reader_should_see() -> None:
    base = {"content_text": "The ferry came back on Tuesday morning.", "updated_at": PUBLISHED}
    before = planned(base)
    assert (before.published, before.updated) == (PUBLISHED, PUBLISHED)
    small: list[dict[str, Any]] = [{"tags": ["ferry"]}, {"urgency": 2}, {"sections": ["Harbour"]}, {"rights": "© X"}]
    for change in small:
        after = _again(before, {**base, **change, "updated_at": LATER})
        assert (after.published, after.updated) == (PUBLISHED, PUBLISHED), change
    large: list[dict[str, Any]] = [
        {"title": "Other"},
        {"content_text": "The ferry came back on Wednesday."},
        {"correction_note": "It was Wednesday."},
    ]
    for change in large:
        after = _again(before, {**base, **change, "published_at": LATER, "updated_at": PUBLISHED + timedelta(hours=1)})
        assert (after.published, after.updated) == (PUBLISHED, PUBLISHED + timedelta(hours=1)), change
        assert atom_entry(after).findtext(f"{ATOM}published") == "2026-11-03T08:15:00+00:00"


def test_rule_15_updated_is_never_before_published_and_nothing_lies_ahead() -> None:
    came = PUBLISHED + timedelta(hours=1)
    ahead = planned({"published_at": PUBLISHED + timedelta(days=9), "updated_at": PUBLISHED + timedelta(days=9)})
    assert (ahead.published, ahead.updated) == (came, came)
    backwards = planned({"updated_at": PUBLISHED - timedelta(days=1)})
    item = json_item(backwards)
    assert item["date_modified"] >= item["date_published"]
    assert atom_entry(backwards).findtext(f"{ATOM}updated") >= atom_entry(backwards).findtext(f"{ATOM}published")


def test_rule_16_a_feed_is_dated_by_its_entries_never_by_the_clock() -> None:
    row = FeedRow(name="tag/x", title="X", kind="tag", version=1, changed_at=LATER, items=2)
    site = Site("https://news.example", "Le Fil", UUID(int=7), PUBLISHED)
    for name, dated in (
        ("atom", "<updated>2026-11-03T09:15:00Z</updated>"),
        ("rss", "<lastBuildDate>Tue, 03 Nov 2026 09:15:00 GMT</lastBuildDate>"),
        ("ninjs", '"versioncreated":"2026-11-03T09:15:00Z"'),
        ("newsml", "<sent>2026-11-03T09:15:00Z</sent>"),
    ):
        above = feed_head(row, site, name, [PUBLISHED, PUBLISHED + timedelta(hours=1), PUBLISHED])
        assert dated in FORMATS[name].document(above, []).decode()


def test_rule_17_dates_are_in_each_formats_own_form() -> None:
    odd = datetime(2026, 2, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    entry = STORY.model_copy(update={"published": odd, "updated": odd})
    atom, item = atom_entry(entry), json_item(entry)
    for text in (
        atom.findtext(f"{ATOM}published"),
        atom.findtext(f"{ATOM}updated"),
        item["date_published"],
        item["date_modified"],
    ):
        assert RFC3339.fullmatch(text)
        assert datetime.fromisoformat(text) == odd.replace(microsecond=0)
    channel = xml("rss", entry).find("channel")
    for text in (channel.findtext("lastBuildDate"), channel.findtext("item/pubDate")):
        assert RFC822.fullmatch(text)
        assert parsedate_to_datetime(text) == odd.replace(microsecond=0)
        assert text.startswith("Sun, 01 Feb 2026")
    for name in ("ninjs", "newsml", "ndjson"):
        assert document(name, [entry]).count(b"2026-02-01T23:59:59Z") >= 2


def test_rule_31_feed_and_entries_name_their_language() -> None:
    atom, channel, feed = xml("atom", ARABIC, lang="ar"), xml("rss", ARABIC, lang="ar"), json_feed(ARABIC, lang="ar")
    assert atom.get(f"{XML}lang") == atom.find(f"{ATOM}entry").get(f"{XML}lang") == "ar"
    assert channel.findtext("channel/language") == channel.findtext(f"channel/item/{DC}language") == "ar"
    assert feed["language"] == feed["items"][0]["language"] == "ar"
    assert b'xml:lang="ar"' in document("newsml", [ARABIC])
    assert json.loads(document("ninjs", [ARABIC]))["associations"][0]["language"] == "ar"


def test_rule_31_a_feed_of_several_languages_says_so_and_no_entry_inherits_one() -> None:
    unknown = STORY.model_copy(update={"lang": "und"})
    for name in ("rss", "atom", "json"):
        assert b"mul" in document(name, [ARABIC, STORY])
    assert atom_entry(unknown).get(f"{XML}lang") == "und"
    assert "language" not in json_item(unknown)
    assert rss_item(unknown).find(f"{DC}language") is None


def test_rule_32_a_body_carries_its_own_direction_into_any_feed() -> None:
    for body in bodies(ARABIC):
        assert body.startswith('<div dir="rtl" lang="ar">')
        assert body.endswith("</div>")
    for body in bodies(STORY):  # in a right-to-left feed it still reads from the left
        assert body.startswith('<div dir="ltr" lang="fr">')
    assert rss_item(ARABIC, "summary").findtext("description").startswith('<div dir="rtl" lang="ar">')


@pytest.mark.parametrize(
    ("title", "direction", "shown"),
    [
        ("عنوان الخبر", "rtl", "عنوان الخبر"),
        ("Plain – title", "ltr", "Plain – title"),
        ("عودة NASA إلى القمر", "rtl", "\u2068عودة NASA إلى القمر\u2069"),
        ("NASA تعود إلى القمر", "rtl", "\u2068\u200fNASA تعود إلى القمر\u2069"),
        ("The word שלום means peace", "ltr", "\u2068The word שלום means peace\u2069"),
        ("שלום is a word", "ltr", "\u2068\u200eשלום is a word\u2069"),
        ("2026: ٢٠٢٦", "ltr", "2026: ٢٠٢٦"),
    ],
)
def test_rule_32_a_title_is_isolated_only_where_directions_mix(title: str, direction: str, shown: str) -> None:
    assert isolated(title, direction) == shown
    entry = ARABIC.model_copy(update={"title": title, "direction": direction})
    assert rss_item(entry).findtext("title") == atom_entry(entry).findtext(f"{ATOM}title") == shown
    assert json_item(entry)["title"] == shown


def test_rule_32_no_override_embedding_or_lone_isolate_gets_into_a_line() -> None:
    trap = "a\u202eb\u202cc\u2066d \u2069\u2069e\u2067"
    entry = STORY.model_copy(update={"title": trap, "rights": None})
    for text in (rss_item(entry).findtext("title"), json_item(entry)["title"]):
        assert not re.search("[\u202a-\u202e]", text)
        assert text == "abc\u2066d \u2069e"


def test_rule_33_newest_first_ties_by_id_and_alike_in_all_formats() -> None:
    moments = [PUBLISHED, PUBLISHED, PUBLISHED + timedelta(hours=1), PUBLISHED - timedelta(hours=1)]
    ids = ["urn:x:b", "urn:x:a", "urn:x:d", "urn:x:c"]
    items = [WindowItem(name, 1, PUBLISHED, at, at, name) for name, at in zip(ids, moments, strict=True)]
    order = [item.entry_id for item in ordered(items)]
    assert order == ["urn:x:d", "urn:x:a", "urn:x:b", "urn:x:c"]
    entries = [STORY.model_copy(update={"id": name}) for name in order]
    for name in FORMATS:
        assert re.findall(r"urn:x:[a-d]", document(name, entries).decode()) == order
