"""One article against many saved filters: the index, beside trying each filter.

Filters are drawn as partners make them: mostly topics, names, words and phrases, some sections by language, few
broad ones; the rarer thing is asked for by fewer. Words come from 50,000 by their rank (Zipf), an article has 800 of them.
"""

import gc
import random
import time
import tracemalloc
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate

from services.filters import FilterIndex, Query, Subject, parse
from tests.bench.measure import Row, percentile, progress

COUNTS = (1_000, 10_000, 100_000)
ARTICLES = 200
_SECTIONS = 20
_LANGUAGES = ("en", "fr", "de", "es", "ru", "ar", "zh", "ja", "pt", "pt-br", "it", "he", "tr")
_WORDS = 50_000
_TAGS, _AUTHORS, _SOURCES = 20_000, 5_000, 500
_COMMON = 2_000  # the commonest words tell nobody anything, and nobody asks for them


class _World:
    """Names and words, each drawn by its rank."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        letters = "etaoinshrdlu"
        self.words = ["".join(letters[n // 12**k % 12] for k in range(4 + n % 5)) for n in range(1, _WORDS + 1)]
        self._words = list(accumulate(1 / n for n in range(1, _WORDS + 1)))
        self._names = list(accumulate(1 / (n + 50) for n in range(_TAGS)))  # no name is on every second article

    def name(self, kind: str, count: int) -> str:
        return f"{kind}{bisect(self._names, self.random.uniform(0, self._names[count - 1]), 0, count - 1)}"

    def word(self, beyond: int = _COMMON) -> str:
        drawn = self.random.uniform(self._words[beyond - 1] if beyond else 0, self._words[-1])
        return self.words[bisect(self._words, drawn, 0, _WORDS - 1)]

    def filter(self) -> str:
        kinds: tuple[tuple[int, Callable[[], str]], ...] = (
            (20, lambda: f"tag:{self.name('t', _TAGS)}"),
            (15, self.word),
            (10, lambda: f'"{self.word()} {self.word()}"'),
            (10, lambda: f"author:{self.name('a', _AUTHORS)}"),
            (8, lambda: f"source:{self.name('s', _SOURCES)} section:{self.name('n', _SECTIONS)}"),
            (10, lambda: f"section:{self.name('n', _SECTIONS)} lang:{self.random.choice(_LANGUAGES)} {self.word()}"),
            (
                8,
                lambda: (
                    f"tag:({self.name('t', _TAGS)} OR {self.name('t', _TAGS)} OR {self.name('t', _TAGS)}) -section:n1"
                ),
            ),
            (6, lambda: f"lang:(fr OR en) title:{self.word()} published:>2026-01-01"),
            (
                5,
                lambda: (
                    f"section:{self.name('n', _SECTIONS)} lang:{self.random.choice(_LANGUAGES)} -tag:{self.name('t', _TAGS)}"
                ),
            ),
            (4, lambda: f"{self.word()[:5]}* section:{self.name('n', _SECTIONS)}"),
            (2, lambda: f"lang:{self.random.choice(_LANGUAGES)}"),
            (1, lambda: f"section:{self.name('n', _SECTIONS)} has:image urgency:<=2"),
            (1, lambda: f"-section:{self.name('n', _SECTIONS)}"),
        )
        return self.random.choices([made for _, made in kinds], [share for share, _ in kinds])[0]()

    def article(self, n: int) -> Subject:
        text = " ".join(self.word(0) for _ in range(800))
        return Subject(
            id=f"a{n}",
            section=(self.name("n", _SECTIONS),),
            tag=tuple({f"{self.name('t', _TAGS)}" for _ in range(5)}),
            language=self.random.choice(_LANGUAGES),
            source=(f"{self.name('s', _SOURCES)}",),
            author=(f"{self.name('a', _AUTHORS)}",),
            has=("image",) if n % 2 else (),
            title=" ".join(self.word(0) for _ in range(9)),
            body_html=f"<p>{text}</p>",
            published=datetime(2026, 5, 1 + n % 28, tzinfo=UTC),
            urgency=1 + n % 9,
            words=800,
        )


def filtering() -> Iterator[Row]:
    """Match the same articles against ever more filters; then the same by trying every one."""
    world = _World(7)
    lines = [world.filter() for _ in range(max(COUNTS))]
    articles = [world.article(n) for n in range(ARTICLES)]
    for count in COUNTS:
        progress(f"matching {ARTICLES} articles against {count:,} filters")
        yield _row(lines[:count], articles)


def _row(lines: list[str], articles: list[Subject]) -> Row:
    mib = _mib(lines)
    index = _filed(lines)
    gc.collect()
    gc.freeze()  # as after a start: the collector need not walk what stays
    took: list[float] = []
    matched = asked = 0
    for one in map(_unread, articles):
        begun = time.process_time()
        found = index.match(one)
        took.append(time.process_time() - begun)
        matched += len(found)
        asked += index.candidates(one)
    queries = [parse.__wrapped__(line) for line in lines]
    each = _each(queries, index, articles[: max(1, 1_000_000 // len(lines))])
    gc.unfreeze()
    mean = sum(took) / len(took)
    return Row(
        f"match one article, {len(lines):,} filters", mean * 1e6, "µs", mean * 1e6, "trying each filter", each / mean,
        "≤ 2,000 at 100,000",
        note=f"words of the text included; p99 {percentile(took, 0.99) * 1e6:,.0f} µs; {asked / len(took):,.0f} filters tried, "
        f"{matched / len(took):,.0f} match; {mib:,.1f} MiB, {mib * 2**20 / len(lines):,.0f} bytes a filter",
    )  # fmt: skip


def _filed(lines: list[str]) -> FilterIndex[int]:
    index = FilterIndex[int]()
    for n, line in enumerate(lines):
        index.put(n, parse.__wrapped__(line))
    return index


def _mib(lines: list[str]) -> float:
    """Measure an index of its own: the allocator is slow for a while after it was watched."""
    gc.collect()
    tracemalloc.start()
    index = _filed(lines)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    return used if len(index) else 0.0


def _each(queries: list[Query], index: FilterIndex[int], articles: list[Subject]) -> float:
    """Try every filter on each of some articles: seconds an article. Both ways must agree."""
    total = 0.0
    for one in articles[:20]:
        fresh = _unread(one)
        begun = time.process_time()
        by_hand = {n: why for n, query in enumerate(queries) if (why := query.test(fresh)) is not None}
        total += time.process_time() - begun
        assert index.match(one) == by_hand, "the index found something else"
    return total / len(articles[:20])


def _unread(article: Subject) -> Subject:
    """Give it without the words that were read before."""
    return replace(article)
