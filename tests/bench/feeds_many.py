"""10,000 saved feeds: their memory, what a publish costs beside them, and what searches cost and find.

Articles go through the real syndicate stage into SQLite on disk; CPU is of this process, which renders too.
"""

import asyncio
import gc
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from schemas.definition import Definition
from schemas.feed import Entry
from services.filters import parse, subject_of_entry
from services.filters.indexed import index
from services.store import Store, search
from services.store.tables import article
from services.syndicate.joiner import Site
from services.syndicate.saved import SavedFilters
from tests.bench.measure import Row, progress, rss_mb
from tests.bench.news import articles
from tests.feed_desk import BASE, T0, Desk

FEEDS = 10_000
PUBLISHED = 40
LIBRARY = 100_000
_SITE = Site(BASE, "Bench", UUID(int=7), T0)


def many_feeds() -> Iterator[Row]:
    """Publish beside 10,000 saved feeds; index and search 100,000 articles."""
    with ThreadPoolExecutor(1) as pool:
        yield from asyncio.run(_publishing(pool))
        yield from asyncio.run(_searching())


@asynccontextmanager
async def _store() -> AsyncGenerator[Store]:
    with tempfile.TemporaryDirectory() as directory:
        async with Store.open(str(Path(directory) / "bench.sqlite")) as store:
            await store.migrate()
            yield store


async def _publishing(pool: Executor) -> list[Row]:
    async with _store() as store:
        desk = Desk(store, pool, _SITE)
        told = articles(PUBLISHED * 5 + 5)
        await _spent(desk, told, 5)
        progress("publishing without saved feeds")
        alone = await _spent(desk, told, PUBLISHED)
        progress(f"defining {FEEDS:,} feeds")
        begun = time.perf_counter()
        for n in range(FEEDS):
            await store.saved_feeds.define(Definition(f"f/{n}", f"Feed {n}", _filter(n), searches=n % 4 == 0), desk.now)
        defined = (time.perf_counter() - begun) / FEEDS
        gc.collect()
        before = rss_mb(os.getpid())
        desk.saved = SavedFilters(store.saved_feeds)
        begun = time.process_time()
        await desk.saved.refresh()
        loaded = time.process_time() - begun
        gc.collect()
        grown = rss_mb(os.getpid()) - before
        rows = [
            Row(f"{FEEDS:,} saved feeds: memory of their filters", grown, "MiB", None),
            Row(f"{FEEDS:,} saved feeds: read at a start", loaded, "s CPU"),
            Row("a saved feed defined", defined * 1e3, "ms", None, note="SQLite, one commit each"),
            Row("publish beside no saved feed", 1 / alone, "articles/s CPU", alone * 1e6),
        ]
        for matching in (0, 10, 100):
            progress(f"publishing beside {FEEDS:,} saved feeds, {matching} of which match")
            spent = await _spent(desk, told, PUBLISHED, tags=[f"m{matching}"] if matching else [])
            rows.append(
                Row(
                    f"publish beside {FEEDS:,} saved feeds, {matching} match",
                    1 / spent,
                    "articles/s CPU",
                    spent * 1e6,
                    "no saved feed",
                    alone / spent,
                )
            )
        return rows


def _filter(n: int) -> str:
    """Draw a filter: ten match what is tagged m10, a hundred m100; the others ask for what others ask for, too."""
    if n < 110:
        return f"tag:{'m10' if n < 10 else 'm100'} -tag:never{n}"
    return (
        f'"word{n} of{n}"',
        f"tag:t{n} lang:(fr OR en)",
        f"author:a{n} section:s{n % 20}",
        f"source:s{n % 500} -tag:x{n}",
    )[n % 4]


async def _spent(desk: Desk, told: Iterator[dict[str, Any]], count: int, tags: list[str] | None = None) -> float:
    """CPU seconds that the syndicate stage takes for an article; they come one at a time."""
    spent = 0.0
    for each in islice(told, count):
        desk.now += timedelta(seconds=1)
        await desk.accept({**each, "tags": [*each["tags"], *(tags or ())]})
        begun = time.process_time()
        await desk.syndicate()
        spent += time.process_time() - begun
    desk.updates.clear()
    return spent / count


async def _searching() -> list[Row]:
    async with _store() as store:
        entries = [_entry(n, each) for n, each in enumerate(articles(400, size=3_000))]
        progress("reading words of entries")
        begun = time.process_time()
        kept = [index(subject_of_entry(entry)) for entry in entries]
        read = (time.process_time() - begun) / len(entries)
        progress(f"writing {LIBRARY:,} articles into the index of words")
        begun, before = time.process_time(), _size(store)
        for start in range(0, LIBRARY, 1_000):
            await store.database.write(lambda connection, start=start: _keep(connection, start, kept))
        written, after = (time.process_time() - begun) / LIBRARY, _size(store)
        rows = [
            Row("one article read for searches", read * 1e6, "µs CPU", read * 1e6, note="in the process pool"),
            Row("one article written for searches", written * 1e6, "µs CPU", written * 1e6),
            Row("one article kept for searches", (after - before) / LIBRARY / 1024, "KiB on disk"),
        ]
        for name, line in _QUESTIONS.items():
            progress(f"asking {LIBRARY:,} articles: {line}")
            memory, begun = rss_mb(os.getpid()), time.perf_counter()
            found = sum([len(part.hits) async for part in store.search.scan(parse(line), asyncio.to_thread)])
            took = time.perf_counter() - begun
            grown = rss_mb(os.getpid()) - memory
            rows.append(Row(f"{name} over {LIBRARY:,} articles", took, "s", note=f"{found:,} match, {grown:+.0f} MiB"))
        return rows


_QUESTIONS = {
    "a word that few hold": "w77",
    "a phrase in Chinese": "地铁",
    "sections and languages": "section:nothing OR lang:(sv OR da)",
    "an exclusion of a word": "-nothing lang:sv",
}


def _entry(n: int, told: dict[str, Any]) -> Entry:
    return Entry.model_validate(
        {
            "id": f"urn:x:{n}",
            "article_id": f"a{n}",
            "revision": 1,
            "title": told["title"],
            "content_html": told["content_html"],
            "lang": told["language"],
            "published": T0,
            "updated": T0,
        }
    )


def _keep(connection: Connection, start: int, kept: list[Any]) -> None:
    numbers = range(start, start + 1_000)
    connection.execute(
        insert(article),
        [
            {
                "id": f"a{n}", "version": 1, "status": "published", "shown": 1, "newest": 1, "retracted": 0,
                "reinstated": 0, "first_accepted_at": T0, "changed_at": T0,
            }
            for n in numbers
        ],
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for n in numbers:
        one = kept[n % len(kept)]
        facets = json.dumps([f"a{n}", *json.loads(one.facets)[1:]]).encode()
        rows.append(search.row_of(f"a{n}", 1, T0, one._replace(facets=facets, words=f"{one.words}w{n % 5_000}\x1f")))
    search.keep(connection, rows)


def _size(store: Store) -> int:
    place: Any = store.database
    return sum(file.stat().st_size for file in place.path.parent.iterdir() if not file.name.endswith("-shm"))
