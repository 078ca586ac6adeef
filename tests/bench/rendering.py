"""One article changes: its fragments rendered once and joined into every feed it touches.

Against feedgen, which renders whole documents: 50 entries for each feed. Compression is reported by itself.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from feedgen.feed import FeedGenerator
from xxhash import xxh3_128_hexdigest

from schemas.feed import Entry, FeedHead
from services.syndicate.codings import CODINGS
from services.syndicate.formats import FORMATS, FRAGMENTS
from tests.bench.measure import Row, progress
from tests.bench.news import articles

ENTRIES = 50
TOUCHED = 20  # feeds that one article touches, in the comparison with feedgen
PUBLISHED = 100  # and in the largest publish that has a limit of its own
ROUNDS = 30
SIZE = 1_450  # characters of text in each of twelve languages: 3.3 KB of HTML on average
SERVED = ("rss", "atom", "json")
_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def rendering() -> Iterator[Row]:
    """Fragments of every format; fan-out to 20 feeds beside feedgen; a publish that touches 100 feeds."""
    progress("rendering one entry in every format")
    entries = [_entry(n, article) for n, article in enumerate(articles(ENTRIES, size=SIZE))]
    for name, render in FRAGMENTS.items():
        spent = _cpu(lambda render=render: [render(entry) for entry in entries]) / ENTRIES
        yield Row(f"one entry, {name}", spent * 1e6, "µs CPU", spent * 1e6)
    progress(f"one entry in {TOUCHED} feeds of {ENTRIES}, beside feedgen")
    for name in ("rss", "atom"):
        yield _against_feedgen(name, entries)
    progress(f"one publish that touches {PUBLISHED} feeds")
    yield from _publish(entries)


def _cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call: the median of rounds, as neighbours and the allocator disturb some."""
    spent: list[float] = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return sorted(spent)[ROUNDS // 2]


def _heads(name: str, count: int) -> list[FeedHead]:
    return [
        FeedHead(
            name=f"tag/{n}", id=f"urn:uuid:{n}", title=f"Tag {n}", description="All", publisher="Bench",
            home_url=f"https://n.example/feeds/tag/{n}", self_url=f"https://n.example/feeds/tag/{n}.{name}",
            updated=_NEW_YEAR,
        )
        for n in range(count)
    ]  # fmt: skip


def _against_feedgen(name: str, entries: Sequence[Entry]) -> Row:
    """One new fragment and 20 joins against 20 whole renders; no compression on either side."""
    form, heads = FORMATS[name], _heads(name, TOUCHED)
    kept = [fragment for entry in entries[1:] if (fragment := form.entry(entry))]

    def change() -> None:
        new = form.entry(entries[0]) or b""
        for head in heads:
            form.document(head, [new, *kept])

    ours = _cpu(change)
    theirs = _cpu(lambda: _whole(entries, name)) * TOUCHED
    each = f"{TOUCHED} × feedgen, {ENTRIES} entries"
    return Row(
        f"one entry + {TOUCHED} joins, {name}", ours * 1e3, "ms CPU", ours * 1e6, each, theirs / ours, "≥ 100×",
        note="fragments equal feedgen's bytes where those are right: tests/unit/test_feed_fragments.py",
    )  # fmt: skip


def _publish(entries: Sequence[Entry]) -> Iterator[Row]:
    kept = {name: [made for entry in entries if (made := FORMATS[name].entry(entry))] for name in SERVED}
    heads = {name: _heads(name, PUBLISHED) for name in SERVED}

    def joins(finish: Callable[[bytes], object]) -> None:
        for name in SERVED:
            for head in heads[name]:
                finish(FORMATS[name].document(head, kept[name]))

    tagged = _cpu(lambda: joins(xxh3_128_hexdigest))
    each = tagged / (PUBLISHED * len(SERVED)) * 1e6
    yield Row(
        f"joins and ETags of {PUBLISHED} feeds, {', '.join(SERVED)}", tagged * 1e3, "ms CPU", each, aim="≤ 100 ms"
    )
    document = FORMATS["rss"].document(heads["rss"][0], kept["rss"])
    packed = _cpu(lambda: CODINGS["gzip"].compress(document))
    size = len(document) // 1024
    yield Row(
        f"its gzip, {PUBLISHED * len(SERVED)} × {size} KB",
        packed * PUBLISHED * len(SERVED) * 1e3,
        "ms CPU",
        packed * 1e6,
    )


def _entry(n: int, article: dict[str, object]) -> Entry:
    at = _NEW_YEAR + timedelta(minutes=n)
    return Entry(
        id=f"urn:uuid:{n}", article_id=str(n), revision=1, title=str(article["title"]), url=str(article["url"]),
        summary="A summary.", content_html=str(article["content_html"]), published=at, updated=at,
    )  # fmt: skip


def _whole(entries: Sequence[Entry], name: str) -> bytes:
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
