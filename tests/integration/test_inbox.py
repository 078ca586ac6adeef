"""The inbox: each entry judged alone, the good committed together, the bad kept with cause and bytes."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest

from schemas.jobs import OutboxRow
from schemas.topics import INBOX
from services.bus.entry import Batch, read_entry
from services.ingest.worker import ingest_inbox
from services.store import Store
from tests.http_api import START


class Recorded:
    def __init__(self) -> None:
        self.rows: list[OutboxRow] = []

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        self.rows.extend(rows)


class Inbox:
    """A store on disk, and the worker beside it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.relay = Recorded()
        self.numbers = count(1)

    async def read(self, *entries: Mapping[str, str | bytes], first: int = 1) -> None:
        made = [
            read_entry(f"{number}-0", {k.encode(): v.encode() if isinstance(v, str) else v for k, v in fields.items()})
            for number, fields in enumerate(entries, first)
        ]
        batch = Batch(INBOX.name, "ingest", made, START)
        await ingest_inbox(
            batch, store=self.store, relay=self.relay, clock=lambda: START, new_id=lambda: f"e{next(self.numbers)}"
        )

    async def dead(self) -> list[tuple[str, bytes | None]]:
        page = await self.store.dead_letters.list()
        return [(letter.cause, letter.raw) for letter in reversed(page.items)]


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncGenerator[Inbox]:
    async with Store.open(str(tmp_path / "wireroom.sqlite")) as store:
        await store.migrate()
        yield Inbox(store)


def article(article_id: str, **more: object) -> dict[str, str]:
    return {"data": json.dumps({"id": article_id, "title": "t", **more})}


async def test_garbage_is_kept_with_cause_and_bytes_and_harms_no_neighbour(inbox: Inbox) -> None:
    huge = json.dumps({"id": "huge", "title": "t", "extensions": {"x": "y" * 1_100_000}})
    await inbox.read(
        article("a"),
        {"data": b"\xff\xfe garbage"},
        {"data": "{" * 10_000},
        article("b", embargo_untill="x"),
        {"data": huge},
        article("a", revision=1, title="other"),
        article("c"),
        {"nonsense": "yes"},
    )
    assert [letter for letter, _ in await inbox.dead()] == [
        "unreadable",
        "unreadable",
        "refused",
        "too large",
        "refused",
        "conflict",
    ]
    raw = [kept for _, kept in await inbox.dead()]
    assert raw[0] == b"\xff\xfe garbage"
    assert len(raw[3] or b"") == 1024 * 1024
    assert [row.event_id for row in inbox.relay.rows] == ["e1", "e2"]
    assert [await inbox.store.articles.get(name) is not None for name in "abc"] == [True, False, True]
    stats = await inbox.store.stats(START)
    assert (stats.accepted, stats.waiting) == (2, 2)


async def test_a_batch_read_again_changes_nothing(inbox: Inbox) -> None:
    event = {"type": "article.retracted", "id": "event-1", "data": {"id": "a", "reason": "r"}}
    entries = [article("a"), article("a", title="second"), article("a"), {"data": json.dumps(event)}]
    await inbox.read(*entries)
    before = await inbox.store.trace("a")
    await inbox.read(*entries)
    await inbox.read({"data": json.dumps(event)}, first=99)
    assert await inbox.store.trace("a") == before
    assert before is not None
    assert [(one.revision, one.type) for one in before.events] == [
        (1, "article.published"),
        (2, "article.updated"),
        (3, "article.updated"),
        (4, "article.retracted"),
    ]


async def test_bare_fields_and_foreign_forms_are_taken(inbox: Inbox) -> None:
    cloud = {
        "specversion": "1.0",
        "id": "1",
        "source": "/x",
        "type": "article.published",
        "data": {"id": "cloud", "title": "t"},
    }
    await inbox.read(
        {"id": "bare", "title": "Überschrift", "revision": "7", "tags": "a, b"},
        {"__data__": json.dumps({"id": "own", "title": "t"})},
        {"data": json.dumps(cloud)},
        {"type": "article.retracted", "data": json.dumps({"id": "bare", "kind": "takedown"})},
        {"type": "article.retracted", "id": "own", "kind": "withdraw"},
    )
    assert await inbox.dead() == []
    found = {name: await inbox.store.articles.get(name) for name in ("bare", "own", "cloud")}
    assert {name: one and one.status for name, one in found.items()} == {
        "bare": "takedown",
        "own": "withdrawn",
        "cloud": "received",
    }
    bare = found["bare"]
    assert bare is not None
    assert bare.article is not None
    assert (bare.article.revision, bare.article.tags, bare.article.title) == (7, ("a", "b"), "Überschrift")


async def test_an_empty_batch_is_nothing(inbox: Inbox) -> None:
    await inbox.read()
    assert (inbox.relay.rows, await inbox.dead()) == ([], [])
