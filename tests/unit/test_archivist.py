"""Which feeds the archivist looks after, and when."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from schemas.jobs import OutboxRow
from services.store.archives import Sealed
from services.store.errors import StoreUnavailable
from services.syndicate.archivist import Archivist
from tests.buses import eventually

T0 = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)


def announced(number: int, name: str, stream: str = "feed.updated") -> OutboxRow:
    return OutboxRow(number, stream, f'{{"feed":"{name}","version":{number}}}'.encode(), None)


class Pages:
    """Archives by the number of pages that each feed could give, and what was asked of them."""

    def __init__(self, **pages: int) -> None:
        self.pages = pages
        self.asked: list[list[str]] = []
        self.sealed: list[list[str]] = []
        self.published: list[OutboxRow] = []
        self.away = False

    async def ripe(self, names: Sequence[str]) -> Sequence[str]:
        self.asked.append(list(names))
        if self.away:
            raise StoreUnavailable("gone")
        return [name for name in names if self.pages.get(name)]

    async def long(self) -> Sequence[str]:
        return [name for name, pages in self.pages.items() if pages > 5]

    async def seal(self, names: Sequence[str], now: datetime) -> Sealed:
        assert now == T0
        self.sealed.append(list(names))
        for name in names:
            self.pages[name] -= 1
        rows = [announced(len(self.sealed), name) for name in names]
        return Sealed(len(names), rows, [name for name in names if self.pages[name]])

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        self.published += rows


def archivist(pages: Pages, **more: float) -> Archivist:
    return Archivist(pages, pages, clock=lambda: T0, **more)


async def test_what_moved_is_looked_at_and_sealed_to_the_end_and_announced() -> None:
    pages = Pages(a=3, b=0, c=1)
    made = archivist(pages)
    made.moved([announced(1, "a"), announced(2, "b"), announced(3, "c"), announced(4, "d", "article.enriched")])
    assert await made.work(0.0) == 4
    assert pages.asked == [["a", "b", "c"]]
    assert pages.sealed == [["a", "c"], ["a"], ["a"]]
    assert len(pages.published) == 4


async def test_a_feed_that_moves_all_the_time_is_looked_at_now_and_then() -> None:
    pages = Pages(a=0)
    made = archivist(pages, again_s=5)
    for second in range(11):
        made.moved([announced(second + 1, "a")])
        await made.work(float(second))
    assert len(pages.asked) == 3


async def test_what_failed_is_looked_at_again() -> None:
    pages = Pages(a=1)
    made = archivist(pages)
    made.moved([announced(1, "a")])
    pages.away = True
    with pytest.raises(StoreUnavailable):
        await made.work(0.0)
    pages.away = False
    assert await made.work(1.0) == 1


async def test_at_the_start_all_long_feeds_are_looked_at_and_then_what_moves() -> None:
    pages = Pages(a=7, b=1)
    made = archivist(pages, every_s=0.01, again_s=0.0)
    running = asyncio.create_task(made.run())
    await eventually(lambda: pages.pages["a"] == 0)
    assert pages.pages["b"] == 1
    made.moved([announced(1, "b")])
    await eventually(lambda: pages.pages["b"] == 0)
    running.cancel()
