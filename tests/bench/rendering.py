"""One new entry in a feed of 50: rendered once and joined, against feedgen rendering the whole document."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from feedgen.feed import FeedGenerator

from schemas.feed import Entry, FeedHead
from services.syndicate.formats import FORMATS
from tests.bench.measure import Row, progress
from tests.bench.news import articles

ENTRIES = 50
ROUNDS = 30
_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def rendering() -> Iterator[Row]:
    """RSS and Atom."""
    progress("rendering one entry and joining fifty")
    entries = [_entry(n, article) for n, article in enumerate(articles(ENTRIES, size=3_300))]
    head = FeedHead(
        name="all", id="urn:uuid:0", title="All", description="All", home_url="https://n.example/feeds/all",
        self_url="https://n.example/feeds/all.rss", updated=_NEW_YEAR, publisher="Bench",
    )  # fmt: skip
    for name in ("rss", "atom"):
        form = FORMATS[name]
        fragments = [form.entry(entry) for entry in entries]
        begun = time.process_time()
        for _ in range(ROUNDS):
            fragments[0] = form.entry(entries[0])
            form.document(head, [fragment for fragment in fragments if fragment])
        ours = (time.process_time() - begun) / ROUNDS
        begun = time.process_time()
        for _ in range(ROUNDS):
            _whole(entries, name)
        theirs = (time.process_time() - begun) / ROUNDS
        yield Row(
            f"one entry + join, {name}", ours * 1e3, "ms CPU", ours * 1e6, "feedgen, 50 entries", theirs / ours, "≥ 30×"
        )


def _entry(n: int, article: dict[str, object]) -> Entry:
    at = _NEW_YEAR + timedelta(minutes=n)
    return Entry(
        id=f"urn:uuid:{n}", article_id=str(n), revision=1, title=str(article["title"]), url=str(article["url"]),
        summary="A summary.", content_html=str(article["content_html"]), published=at, updated=at,
    )  # fmt: skip


def _whole(entries: list[Entry], name: str) -> bytes:
    feed = FeedGenerator()
    feed.id("urn:uuid:0")
    feed.title("All")
    feed.link(href="https://n.example/feeds/all", rel="alternate")
    feed.description("All")
    feed.updated(_NEW_YEAR)
    for entry in entries:
        one = feed.add_entry(order="append")
        one.id(entry.id)
        one.title(entry.title)
        one.link(href=entry.url)
        one.summary(entry.summary)
        one.content(entry.content_html, type="html")
        one.published(entry.published)
        one.updated(entry.updated)
    return bytes(feed.rss_str() if name == "rss" else feed.atom_str())
