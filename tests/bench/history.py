"""A feed of 10,000, 100,000 and 1,000,000 articles: what its documents cost must not depend on how many came before.

The store is SQLite on disk, filled by SQL with what the stages would have left; documents are joined anew for each
reading, without what an earlier one remembered.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from schemas.feed import Entry
from schemas.history import PAGE, Place
from services.store import Store
from services.syndicate import history
from services.syndicate.document import Document
from services.syndicate.formats import FRAGMENTS
from services.syndicate.joiner import Joiner, Site
from tests.bench.measure import Row, progress
from tests.feed_desk import BASE, T0

SIZES = (10_000, 100_000, 1_000_000)
KEPT = 100  # items that the subscription document holds
ROUNDS = 40
_SITE = Site(BASE, "Bench", UUID(int=7), T0)
_MINUTE = 60_000_000  # microseconds: one article a minute

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last) "
_FILL = (
    "INSERT INTO article (id, version, status, shown, newest, retracted, reinstated, first_accepted_at, changed_at) "
    + _NUMBERS
    + "SELECT printf('a%07d', i), 1, 'published', 1, 1, 0, 0, :start + i * :step, :start + i * :step FROM n",
    "INSERT INTO entry (article_id, version, made, entry_id, data, published, updated, moved_at, key, size) "
    + _NUMBERS
    + "SELECT printf('a%07d', i), 1, 1, printf('urn:x:%07d', i), x'7b7d', :start + i * :step, :start + i * :step, "
    "  :start + i * :step, printf('%032x', i), length(:atom) FROM n",
    "INSERT INTO fragment (article_id, format, version, data) "
    + _NUMBERS
    + "SELECT printf('a%07d', i), 'atom', 1, CAST(replace(:atom, 'urn:x:0000000', printf('urn:x:%07d', i)) AS BLOB) FROM n",
    "INSERT INTO membership (feed, article_id, first_seen, moved_at, version, sealed) "
    + _NUMBERS
    + "SELECT 'all', printf('a%07d', i), :start + i * :step, :start + i * :step, i, "
    "  CASE WHEN i <= :sealed THEN (i - 1) / 25 + 1 END FROM n",
    "INSERT INTO archive_item (feed, page, article_id, version, updated, sealed_at) "
    + _NUMBERS
    + "SELECT 'all', (i - 1) / 25 + 1, printf('a%07d', i), 1, :start + i * :step, :start + i * :step FROM n WHERE i <= :sealed",
)  # fmt: skip
_HEADS = (
    (
        "INSERT INTO feed (name, title, kind, version, changed_at, items) "
        "VALUES ('all', 'All', 'all', :version, :at, :items) "
        "ON CONFLICT (name) DO UPDATE SET version = :version, changed_at = :at, items = :items"
    ),
    (
        "INSERT INTO archive (feed, generation, items, changed_at) VALUES ('all', 1, :sealed, :at) "
        "ON CONFLICT (feed) DO UPDATE SET items = :sealed"
    ),
)


def long_history() -> Iterator[Row]:
    """Joins of the subscription document, of sealed pages, of what moved; and sealing one page."""
    with tempfile.TemporaryDirectory() as directory:
        yield from asyncio.run(_measured(Path(directory) / "bench.sqlite"))


async def _measured(path: Path) -> list[Row]:
    rows: list[Row] = []
    first: dict[str, float] = {}
    async with Store.open(str(path)) as store:
        await store.migrate()
        done = 0
        for size in SIZES:
            progress(f"a feed of {size:,} articles")
            await store.database.write(_filling(done + 1, size))
            done = size
            for name, spent in (await _timed(store, size)).items():
                base = first.setdefault(name, spent)
                baseline = "" if size == SIZES[0] else f"{SIZES[0]:,} articles"
                ratio = None if size == SIZES[0] else spent / base
                rows.append(Row(f"{name}, {size:,} articles", spent * 1e3, "ms", None, baseline, ratio, "flat"))
    return rows


def _filling(first: int, last: int) -> Callable[[Connection], None]:
    sealed = (last - KEPT) // PAGE * PAGE
    start = int(T0.timestamp()) * 1_000_000
    fragment = (FRAGMENTS["atom"](_entry()) or b"").decode()
    given = {
        "first": first,
        "last": last,
        "start": start,
        "step": _MINUTE,
        "sealed": sealed,
        "atom": fragment,
    }

    def fill(connection: Connection) -> None:
        if first > 1:  # what was kept before is sealed now
            connection.execute(text("UPDATE membership SET sealed = (version - 1) / 25 + 1 WHERE sealed IS NULL"))
            old = text(
                "INSERT OR IGNORE INTO archive_item (feed, page, article_id, version, updated, sealed_at) "
                "SELECT 'all', sealed, article_id, 1, moved_at, moved_at FROM membership WHERE version > :before"
            )
            connection.execute(old, {"before": first - 1 - 2 * KEPT})
        for statement in _FILL:
            connection.execute(text(statement), given)
        changed = start + last * _MINUTE
        head: dict[str, Any] = {"version": last, "at": changed, "items": last, "sealed": sealed}
        for statement in _HEADS:
            connection.execute(text(statement), head)

    return fill


def _entry() -> Entry:
    words = "The harbour reopened on Tuesday morning, the mayor said, and the ferries run again. " * 12
    return Entry(
        id="urn:x:0000000", article_id="a", revision=1, title="The harbour reopens", url=f"{BASE}/a",
        summary=words[:80], content_html=f"<p>{words}</p>", lang="en", published=T0, updated=T0, publisher="Bench",
    )  # fmt: skip


async def _timed(store: Store, size: int) -> dict[str, float]:
    """Find the median of each, in seconds."""
    chosen = random.Random(7)
    pages = (size - KEPT) // PAGE

    async def subscription() -> None:
        made = await Joiner(store.feeds, _SITE, 1_000_000).join("all", ("atom",))
        assert isinstance(made, dict)
        assert KEPT <= made["atom"].identity.data.count(b"</entry>") < KEPT + PAGE

    async def page() -> None:
        name = history.Sealed(1, chosen.randint(1, pages)).name
        made = await Joiner(store.feeds, _SITE, 1_000_000).page("all", "atom", name)
        assert isinstance(made, Document)
        assert made.identity.data.count(b"</entry>") == PAGE

    async def moved() -> None:
        place = Place(chosen.randint(1, size - 99))
        found = await Joiner(store.feeds, _SITE, 1_000_000).delta("all", "atom", place, 50)
        assert getattr(found, "items", 0) == 50

    async def looked() -> None:
        assert await store.archives.ripe(["all"]) == []

    return {
        "subscription document": await _median(subscription),
        "sealed page": await _median(page),
        "50 items that moved": await _median(moved),
        "is there anything to seal?": await _median(looked),
        "sealing 3 pages": await _sealing(store, size),
    }


async def _median(work: Callable[[], Awaitable[None]]) -> float:
    spent: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await work()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


async def _sealing(store: Store, size: int) -> float:
    """Seal what lies days before the newest item, in a transaction that is undone."""
    from services.store.archives import seal

    spent: list[float] = []

    def undone(connection: Connection) -> None:
        connection.execute(
            text("UPDATE membership SET moved_at = moved_at - 999999999999 WHERE sealed IS NULL AND version < :v"),
            {"v": size},
        )
        started = time.perf_counter()
        assert seal(connection, ["all"], T0 + timedelta(days=9_999)).pages >= 2
        spent.append(time.perf_counter() - started)
        raise _UndoneError

    for _ in range(9):
        try:
            await store.database.write(undone)
        except _UndoneError:
            continue
    return statistics.median(spent)


class _UndoneError(Exception):
    """The transaction was only for its time."""


if __name__ == "__main__":
    for row in long_history():
        print(" | ".join(row.cells()))
