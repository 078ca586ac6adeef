"""The enrich worker on a real store and real pool processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from schemas.article import Article
from schemas.enrichment import Enrichment
from schemas.jobs import OutboxRow
from services.bus.entry import Batch, Entry
from services.enrich.pool import Pool
from services.enrich.worker import enrich_articles
from services.store import Store
from tests import pool_tasks as tasks
from tests.stores import START, Newsroom, article, published, retracted

FERRY = "The ferry came back on Tuesday morning, the harbour office said. Many people had waited."


class Relayed:
    """A relay that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[OutboxRow] = []

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        self.rows += rows


class Deadly:
    """A pool in which some articles end their process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.workers = pool.workers
        self.chunks: list[list[str]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        assert fn.__name__ == "enrich_chunk"
        articles: list[Article] = args[0]
        self.chunks.append([each.id for each in articles])
        return self._pool.submit(tasks.deadly_chunk, *args, **kwargs)


class Desk(NamedTuple):
    """What a test drives."""

    room: Newsroom
    pool: Deadly
    relay: Relayed

    async def enrich(self, *event_ids: str, entries: Sequence[Entry] = (), off: frozenset[str] = frozenset()) -> None:
        thin = [
            Entry(f"1-{n}", {}, f'{{"event_id":"{event_id}","article_id":"a","revision":1,"facts":1}}'.encode())
            for n, event_id in enumerate(event_ids)
        ]
        await enrich_articles(
            Batch("article.accepted", "enrich", [*thin, *entries], START),
            store=self.room.store,
            relay=self.relay,
            pool=self.pool,
            off=off,
            clock=lambda: self.room.now,
        )

    async def enrichment(self, article_id: str) -> Enrichment | None:
        stored = await self.room.store.articles.get(article_id)
        assert stored is not None
        return stored.enrichment

    async def dead(self) -> list[tuple[str, str | None]]:
        page = await self.room.store.dead_letters.list()
        return sorted((letter.cause, letter.article_id) for letter in page.items)


@pytest.fixture(scope="module")
def processes() -> Iterator[Pool]:
    pool = Pool(2)
    pool.start()
    yield pool
    pool.stop()


@pytest.fixture
def desk(store: Store, processes: Pool) -> Desk:
    return Desk(Newsroom(store), Deadly(processes), Relayed())


async def test_an_article_is_enriched_recorded_and_passed_on(desk: Desk) -> None:
    event_id = await desk.room.take(published(article("a1", "Ferry\x01 returns", content_text=FERRY)))
    await desk.enrich(event_id)
    made = await desk.enrichment("a1")
    assert made is not None
    assert (made.title, made.lang, made.words, made.dropped_chars) == ("Ferry returns", "en", 15, 1)
    assert made.steps["language"].ms >= 0
    assert [(row.stream, row.event_id) for row in desk.relay.rows] == [("article.enriched", event_id)]


async def test_a_repeat_changes_nothing(desk: Desk) -> None:
    event_id = await desk.room.take(published(article(content_text=FERRY)))
    await desk.enrich(event_id)
    before = await desk.enrichment("a1")
    await desk.enrich(event_id, event_id)
    assert await desk.enrichment("a1") == before
    assert len(desk.relay.rows) == 1
    assert len(desk.pool.chunks) == 1


async def test_a_retraction_is_passed_on_without_enrichment(desk: Desk) -> None:
    event_id = await desk.room.take(retracted("a1"))
    await desk.enrich(event_id)
    assert desk.pool.chunks == []
    assert [row.event_id for row in desk.relay.rows] == [event_id]


async def test_a_step_that_is_off_leaves_no_trace(desk: Desk) -> None:
    await desk.enrich(await desk.room.take(published(article(content_text=FERRY))), off=frozenset({"summary"}))
    made = await desk.enrichment("a1")
    assert made is not None
    assert made.summary == ""
    assert "summary" not in made.steps


async def test_an_article_that_ends_two_processes_is_dead_and_no_neighbour_is_harmed(desk: Desk) -> None:
    room = desk.room
    ids = [
        await room.take(published(article(f"a{n}", "deadly" if n == 5 else "Ferry", content_text=FERRY)))
        for n in range(12)
    ]
    await desk.enrich(*ids)
    assert await desk.dead() == [("poison", "a5")]
    assert {row.event_id for row in desk.relay.rows} == set(ids) - {ids[5]}
    for n in range(12):
        assert (await desk.enrichment(f"a{n}") is None) is (n == 5)
    assert await room.sums() == {"accepted": 12, "waiting": 11, "dead": 1}
    assert desk.pool.chunks.count(["a5"]) == 2, "alone twice, after it ended the process with its neighbours"


async def test_a_process_killed_by_somebody_else_costs_no_article(desk: Desk, tmp_path: Path) -> None:
    event_id = await desk.room.take(published(article("a1", str(tmp_path / "killed once"), content_text=FERRY)))
    await desk.enrich(event_id)
    assert await desk.dead() == []
    assert await desk.enrichment("a1") is not None


async def test_an_unreadable_message_is_a_dead_letter_with_its_bytes(desk: Desk) -> None:
    event_id = await desk.room.take(published(article(content_text=FERRY)))
    garbage = Entry("7-1", {b"data": b"\xff\x00"}, None, 1, "unreadable")
    await desk.enrich(event_id, entries=[garbage, Entry("7-2", {b"data": b"{}"}, b"{}")])
    page = await desk.room.store.dead_letters.list()
    assert {(letter.stage, letter.cause, letter.raw) for letter in page.items} == {
        ("enrich", "unreadable", b"\xff\x00"),
        ("enrich", "unreadable", b"{}"),
    }
    assert await desk.enrichment("a1") is not None


async def test_a_batch_is_spread_in_small_pieces_and_a_long_article_goes_alone(desk: Desk) -> None:
    room = desk.room
    few = [await room.take(published(article(f"f{n}", content_text=FERRY))) for n in range(2)]
    await desk.enrich(*few)
    assert sorted(desk.pool.chunks) == [["f0"], ["f1"]]
    many = [await room.take(published(article(f"m{n}", content_text=FERRY))) for n in range(10)]
    long = await room.take(published(article("long", content_text=FERRY * 1_000)))
    desk.pool.chunks.clear()
    await desk.enrich(*many, long)
    assert max(map(len, desk.pool.chunks)) == 4
    assert ["long"] in desk.pool.chunks
    assert sorted(name for chunk in desk.pool.chunks for name in chunk) == sorted(
        [*(f"m{n}" for n in range(10)), "long"]
    )


async def test_an_empty_batch_does_nothing(desk: Desk) -> None:
    await desk.enrich()
    await desk.enrich("nobody knows it")
    assert desk.relay.rows == []
