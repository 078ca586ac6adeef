"""The pure chain: CPU of enrichment per article, step by step."""

import time
from collections import defaultdict
from collections.abc import Iterator

import nh3

from schemas.article import Article
from schemas.enrichment import Enrichment
from services.enrich.chunk import enrich_chunk, prepare
from tests.bench.measure import Row, percentile, progress
from tests.bench.news import articles

COUNT = 240


def enriching() -> Iterator[Row]:
    """Enrich in this process, one article after another."""
    progress(f"enriching {COUNT} articles of 5 KB in one process")
    prepare()
    made = [Article.model_validate(article) for article in articles(COUNT)]
    enrich_chunk(made[:12], frozenset())
    each: list[float] = []
    steps: defaultdict[str, float] = defaultdict(float)
    for article in made:
        begun = time.process_time()
        (said,) = enrich_chunk([article], frozenset())
        each.append(time.process_time() - begun)
        assert isinstance(said, Enrichment)
        for name, run in said.steps.items():
            steps[name] += run.ms
    mean = sum(each) / len(each)
    cleaner = nh3.Cleaner()
    begun = time.process_time()
    for article in made:
        cleaner.clean(article.content_html or "")
    baseline = (time.process_time() - begun) / len(made)
    yield Row(
        "enrich, pure chain", mean * 1000, "ms CPU/article", mean * 1e6, "nh3 alone", mean / baseline, "≤ 5 ms",
        note=f"p99 {percentile(each, 0.99) * 1000:.1f} ms; {1 / mean:.0f} articles/s on one core; ratio is cost against sanitising alone",
    )  # fmt: skip
    for name, total in sorted(steps.items(), key=lambda step: -step[1]):
        yield Row(f"  step {name}", total / len(made), "ms/article")
