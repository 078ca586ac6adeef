"""What lemon24/reader, a feed reader of its own, makes of our documents from poll to poll."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from schemas.feed import Entry
from services.syndicate.formats.content import full_html, shown_title
from tests.golden.entries import ARABIC, HOSTILE, LATER, MIXED, STORY
from tests.lemon24 import UpdatedFeed, make_reader
from tests.rendered import FEEDS, document

CORRECTED = STORY.model_copy(
    update={"revision": 2, "updated": LATER.replace(hour=20), "correction_note": "It was 40 degrees."}
)
WITHDRAWN = STORY.model_copy(
    update={
        "state": "withdrawn",
        "reason": "Wrong figures.",
        "updated": LATER.replace(hour=21),
        "gone_at": LATER.replace(hour=21),
    }
)


def _words(html: str) -> list[str]:
    """What is read of it: the reader's sanitizer orders attributes in its own way."""
    return LexborHTMLParser(html).text().split()


class Poller:
    """A reader with one subscription, whose feed is a file."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._file = folder / f"feed.{name}" if name != "json" else folder / "feed.json"
        self.reader: Any = make_reader(":memory:", feed_root=str(folder))
        self.reader.add_feed(self._file.name)

    def poll(self, entries: Sequence[Entry]) -> UpdatedFeed:
        self._file.write_bytes(document(self._name, entries))
        result = self.reader.update_feed(self._file.name)
        assert isinstance(result, UpdatedFeed)
        return result


@pytest.fixture(params=FEEDS)
def poller(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Poller]:
    made = Poller(tmp_path, request.param)
    yield made
    made.reader.close()


def test_titles_texts_authors_and_dates_come_back(poller: Poller) -> None:
    stories = {entry.id: entry for entry in (STORY, ARABIC, MIXED, HOSTILE)}
    assert poller.poll(list(stories.values())).new == len(stories)
    found = {entry.id: entry for entry in poller.reader.get_entries()}
    assert set(found) == set(stories)
    for name, entry in found.items():
        said = stories[name]
        assert entry.title == shown_title(said)
        assert entry.link == said.url
        assert entry.published == said.published
        texts = [_words(content.value) for content in entry.content]
        assert _words(full_html(said)) in texts
        assert any(f'dir="{said.direction}"' in content.value for content in entry.content)
    # Of several authors this reader takes one of RSS and Atom (feedparser: the last).
    assert found[STORY.id].authors_str.split(", ")[-1] in {author.name for author in STORY.authors}
    assert {one.href for one in found[STORY.id].enclosures} == {"https://news.example/a.mp3"}


def test_the_feed_is_described(poller: Poller) -> None:
    poller.poll([STORY])
    (feed,) = poller.reader.get_feeds()
    assert (feed.title, feed.link) == ("Le Fil: Actualités", "https://news.example/feeds/section/actualites")
    assert feed.subtitle == "Actualités: the latest from Le Fil."


def test_a_correction_is_one_changed_entry_and_never_a_second_one(poller: Poller) -> None:
    assert poller.poll([STORY, ARABIC]).new == 2
    again = poller.poll([CORRECTED, ARABIC])
    assert (again.new, again.modified) == (0, 1)
    (entry,) = [one for one in poller.reader.get_entries() if one.id == STORY.id]
    assert "It was 40 degrees." in entry.content[0].value


@pytest.mark.parametrize("name", ["rss", "json"])
def test_after_a_retraction_a_reader_shows_the_stub_and_not_the_text(name: str, tmp_path: Path) -> None:
    """In Atom it is a tombstone, which few readers know: those keep what they have (docs/feed-formats.md)."""
    poller = Poller(tmp_path, name)
    poller.poll([STORY])
    again = poller.poll([WITHDRAWN])
    assert (again.new, again.modified) == (0, 1)
    (entry,) = poller.reader.get_entries()
    assert entry.title == f"Retracted: {STORY.title}"
    shown = " ".join([entry.summary or "", *(content.value for content in entry.content)])
    assert "Wrong figures." in shown
    assert "chaud" not in shown
    poller.reader.close()
