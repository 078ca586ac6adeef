"""What a pool process runs: a few articles at a time. The clock of the steps' cost is read here, not in the core.

Kept apart from the worker, so that a pool process loads neither store nor bus.
"""

import time
from collections.abc import Sequence

from schemas.article import Article
from schemas.enrichment import Enrichment
from services.enrich.core import Failed, enrich_batch


def enrich_chunk(articles: Sequence[Article], off: frozenset[str]) -> list[Enrichment | Failed]:
    """Enrich each, in order. Milliseconds are CPU of this thread, so a busy machine does not blur them."""
    return enrich_batch(articles, off=off, timer=time.thread_time)


def prepare() -> None:
    """Load the language model and whatever else the first article would wait for (1.4 s)."""
    html = "<p>Warm-up: nobody reads this <a href='https://wireroom.invalid/'>sentence</a>.</p>"
    enrich_chunk((Article(id="warm-up", title="Warm-up", content_html=html),), frozenset())
    enrich_chunk(
        (Article(id="warm-up", title="Разогрев", content_text="Это предложение никто не прочтёт."),), frozenset()
    )
