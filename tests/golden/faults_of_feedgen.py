"""feedgen's faults, one case each: what it writes by itself, beside what we write.

Both are pinned. A release that cures a fault changes its first file: then our cure may go.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from schemas.article import Author, Enclosure, Image
from schemas.feed import Entry
from services.syndicate.formats import FORMATS
from tests.golden.entries import BASE, PUBLISHED, head

AT = datetime(2026, 11, 3, 8, 15, 0, 123_456, tzinfo=UTC)
ID = "tag:news.example,2026:1"
URL = f"{BASE}/a"
MP3 = f"{BASE}/a.mp3"


class Fault(NamedTuple):
    feedgen: Callable[[], bytes]
    ours: Callable[[], bytes]


def _entry(**more: object) -> Any:
    entry: Any = FeedEntry()
    entry.id(ID)
    entry.title("Title")
    entry.updated(PUBLISHED)
    for name, value in more.items():
        getattr(entry, name)(value)
    return entry


def _feed() -> Any:
    feed: Any = FeedGenerator()
    feed.id("tag:news.example,2026:feed")
    feed.title("Feed")
    feed.description("Feed")
    feed.link(href=f"{BASE}/", rel="alternate")
    feed.updated(PUBLISHED)
    feed.lastBuildDate(PUBLISHED)
    feed.generator("feedgen")
    return feed


def _ours(format_name: str, **more: object) -> bytes:
    said = {"id": ID, "article_id": "1", "revision": 1, "title": "Title", "published": PUBLISHED, "updated": PUBLISHED}
    return FORMATS[format_name].entry(Entry.model_validate({**said, **more})) or b"nothing"


def _outcome(work: Callable[[], bytes]) -> bytes:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - which one is what is pinned
        return type(error).__name__.encode()


def _alone(element: Any) -> bytes:
    return etree.tostring(element, encoding="UTF-8", xml_declaration=False)


def _two_links() -> bytes:
    entry = _entry(content="x")
    entry.link(href=URL, rel="alternate", type="text/html")
    entry.link(href=MP3, rel="enclosure", type="audio/mpeg", length="5")
    return _alone(entry.atom_entry())


def _prefixes() -> bytes:
    entry = _entry(description="Summary")
    entry.content("<p>x</p>", type="html")
    return _alone(entry.rss_entry())


def _channel_link() -> bytes:
    feed = _feed()
    feed.link(href=f"{BASE}/feed.rss", rel="self")
    feed.link(href="https://hub.example/", rel="hub")
    return feed.rss_str()


def _cdata() -> bytes:
    entry = _entry()
    entry.content("<p>]]></p>", type="CDATA")
    return _alone(entry.atom_entry())


def _order() -> bytes:
    feed = _feed()
    for title in ("new", "old"):
        entry = feed.add_entry()
        entry.id(title)
        entry.title(title)
        entry.guid(title)
    return feed.rss_str()


def _joined_order() -> bytes:
    rss = FORMATS["rss"]
    made = [_ours("rss", title=title, id=title) for title in ("new", "old")]
    return rss.document(head("rss"), made)


def _no_email() -> bytes:
    entry = _entry()
    entry.author({"name": "Zoé"})
    return _alone(entry.rss_entry())


def _syndication() -> bytes:
    feed = _feed()
    feed.load_extension("syndication")
    feed.syndication.update_period("hourly")
    return feed.rss_str()


def _text_input() -> bytes:
    feed = _feed()
    feed.textInput(title="t", description="d", name="n", link=f"{BASE}/")
    return feed.rss_str()


def _language() -> bytes:
    return _alone(_entry(content="x").atom_entry())


def _source() -> bytes:
    entry = _entry(content="x")
    entry.source(url="https://agence.example/", title="Agence")
    return _alone(entry.atom_entry())


def _media() -> bytes:
    entry = _entry()
    entry.load_extension("media")
    entry.media.content(url=f"{BASE}/i.jpg", medium="image")
    return _alone(entry.rss_entry())


def _media_integers() -> bytes:
    entry = _entry()
    entry.load_extension("media")
    entry.media.content(url=f"{BASE}/i.jpg", medium="image", width=640)
    return _alone(entry.rss_entry())


def _enclosures() -> bytes:
    entry = _entry()
    entry.enclosure(MP3, 5, "audio/mpeg")
    entry.enclosure(f"{BASE}/b.mp3", 6, "audio/mpeg")
    return _alone(entry.rss_entry())


def _xhtml() -> bytes:
    entry = _entry()
    entry.content("one<br>two", type="xhtml")
    return _alone(entry.atom_entry())


def _bad_character() -> bytes:
    return _alone(_entry(description="a\x0bb").rss_entry())


def _empty_title() -> bytes:
    entry = _entry(content="x")
    entry.title("")
    return _alone(entry.atom_entry())


def _subtitle() -> bytes:
    feed = _feed()
    feed.subtitle("subtitle")
    feed.description("description")
    return feed.atom_str()


def _dates() -> bytes:
    return _alone(_entry(content="x", updated=AT, published=AT).atom_entry())


_PICTURE = {"images": (Image(url=f"{BASE}/i.jpg", width=640),)}
_SOUNDS = tuple(Enclosure(url=url, type="audio/mpeg", length=size) for url, size in ((MP3, 5), (f"{BASE}/b.mp3", 6)))

FAULTS: dict[str, Fault] = {
    "entry_links_lose_rel_and_type": Fault(
        _two_links,
        lambda: _ours("atom", url=URL, enclosures=_SOUNDS[:1], content_html="x"),
    ),
    "an_element_alone_has_made_up_prefixes": Fault(
        _prefixes, lambda: _ours("rss", summary="Summary", content_html="<p>x</p>")
    ),
    "the_channels_link_is_the_last_one_added": Fault(
        _channel_link, lambda: FORMATS["rss"].document(head("rss", hub_urls=("https://hub.example/",)), [])
    ),
    "cdata_content_is_an_invalid_type_in_atom": Fault(_cdata, lambda: _ours("atom", content_html="<p>]]></p>")),
    "a_control_character_raises": Fault(_bad_character, lambda: _ours("rss", summary="a\x0bb")),
    "entries_are_prepended": Fault(_order, _joined_order),
    "an_author_without_email_vanishes_from_rss": Fault(_no_email, lambda: _ours("rss", authors=(Author(name="Zoé"),))),
    "syndication_elements_are_misspelt": Fault(_syndication, lambda: FORMATS["rss"].document(head("rss"), [])),
    "text_input_is_written_as_attributes": Fault(_text_input, lambda: FORMATS["rss"].document(head("rss"), [])),
    "an_entry_has_no_language": Fault(_language, lambda: _ours("atom", content_html="x", lang="pt-BR")),
    "a_source_has_no_id_and_no_date": Fault(
        _source, lambda: _ours("atom", content_html="x", source={"name": "Agence", "url": "https://agence.example/"})
    ),
    "a_lone_picture_is_wrapped_in_a_group": Fault(_media, lambda: _ours("rss", images=(Image(url=f"{BASE}/i.jpg"),))),
    "whole_numbers_in_media_raise": Fault(_media_integers, lambda: _ours("rss", **_PICTURE)),
    "of_several_enclosures_the_last_stays": Fault(_enclosures, lambda: _ours("rss", enclosures=_SOUNDS)),
    "html_as_xhtml_raises": Fault(_xhtml, lambda: _ours("atom", content_html="one<br>two")),
    "an_empty_title_raises": Fault(_empty_title, lambda: _ours("atom", title=" ", state="takedown", gone_at=AT)),
    "subtitle_and_description_overwrite_each_other": Fault(
        _subtitle, lambda: FORMATS["atom"].document(head("atom"), [])
    ),
    "atom_dates_have_microseconds": Fault(_dates, lambda: _ours("atom", content_html="x", published=AT, updated=AT)),
}


def written() -> dict[str, bytes]:
    """What is pinned, by file name."""
    files: dict[str, bytes] = {}
    for name, fault in FAULTS.items():
        files[f"{name}.feedgen.xml"] = _outcome(fault.feedgen)
        files[f"{name}.ours.xml"] = _outcome(fault.ours)
    return files
