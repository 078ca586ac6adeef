"""Taking events in: P1, the receipts, and what a list shows. On SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from schemas.article import Author, RetractionKind, Source
from schemas.event import EventType, ThinEvent
from schemas.jobs import Accepted
from services.store import Store
from tests.stores import START, Newsroom, OpenAgain, article, published, retracted


def outcomes(accepted: list[Accepted]) -> list[tuple[str, int]]:
    return [(each.receipt.outcome, each.receipt.revision) for each in accepted]


async def test_an_accepted_event_is_there_for_another_process_when_the_await_ends(
    room: Newsroom, open_again: OpenAgain
) -> None:
    [accepted] = await room.accept(published(article()))
    other = await open_again(readonly=True).articles.get("a1")
    assert other is not None
    assert other.article == article(revision=1)
    assert (other.status, other.first_accepted_at) == ("received", START)
    [row] = accepted.rows
    assert row.stream == "article.accepted"
    assert ThinEvent.model_validate_json(row.payload) == ThinEvent(
        event_id=accepted.receipt.event_id, article_id="a1", revision=1, facts=1
    )
    assert await room.sums() == {"accepted": 1, "waiting": 1}


async def test_the_same_content_again_gets_the_same_answer_and_changes_nothing(room: Newsroom) -> None:
    [first] = await room.accept(published(article()))
    before = await room.store.articles.get("a1")
    room.later(hours=1)
    [again] = await room.accept(published(article()))
    assert again.receipt == first.receipt.model_copy(update={"outcome": "repeat"})
    assert again.rows == []
    assert await room.store.articles.get("a1") == before
    assert await room.sums() == {"accepted": 1, "waiting": 1}


async def test_an_event_key_seen_before_is_answered_with_the_event_that_stands(room: Newsroom) -> None:
    [first] = await room.accept(published(article(), event_key="wire/7"))
    [again] = await room.accept(published(article("other", "Something else"), event_key="wire/7"))
    assert again.receipt.outcome == "repeat"
    assert (again.receipt.article_id, again.receipt.event_id) == ("a1", first.receipt.event_id)
    assert await room.store.articles.get("other") is None


async def test_each_item_of_a_batch_stands_alone_and_sees_those_before_it(room: Newsroom) -> None:
    accepted = await room.accept(
        published(article(title="One")),
        published(article(title="Two")),
        published(article(title="Two")),
        published(article(title="One", revision=2)),
        published(article("b1", revision=5)),
        published(article("b1", "Older", revision=3)),
        published(article("c1"), event_key="k"),
        published(article("d1"), event_key="k"),
    )
    assert outcomes(accepted) == [
        ("accepted", 1),
        ("accepted", 2),
        ("repeat", 2),
        ("conflict", 2),
        ("accepted", 5),
        ("stale", 3),
        ("accepted", 1),
        ("repeat", 1),
    ]
    assert accepted[2].receipt.event_id == accepted[3].receipt.event_id == accepted[1].receipt.event_id
    assert [len(each.rows) for each in accepted] == [1, 1, 0, 0, 1, 1, 1, 0]
    stored = await room.store.articles.get("b1")
    assert stored is not None
    assert stored.article == article("b1", revision=5)
    assert await room.sums() == {"accepted": 5, "waiting": 5}


async def test_a_stated_revision_is_compared_with_what_is_kept_under_it(room: Newsroom) -> None:
    await room.accept(published(article(title="One", revision=1)), published(article(title="Two", revision=2)))
    accepted = await room.accept(published(article(title="One", revision=1)), published(article(title="X", revision=1)))
    assert outcomes(accepted) == [("repeat", 1), ("conflict", 1)]


async def test_a_retraction_may_come_before_its_article(room: Newsroom) -> None:
    [gone] = await room.accept(retracted(kind=RetractionKind.TAKEDOWN, reason="wrong"))
    assert gone.receipt.outcome == "accepted"
    stored = await room.store.articles.get("a1")
    assert stored is not None
    assert (stored.status, stored.article) == ("takedown", None)
    assert stored.state.is_retracted
    await room.accept(published(article(revision=1)))
    stored = await room.store.articles.get("a1")
    assert stored is not None
    assert stored.status == "takedown"


async def test_a_repeated_retraction_names_the_one_that_stands(room: Newsroom) -> None:
    await room.accept(published(article()))
    [first] = await room.accept(retracted(reason="wrong"))
    [again] = await room.accept(retracted(reason="wrong"))
    assert again.receipt == first.receipt.model_copy(update={"outcome": "repeat"})


async def test_what_no_database_can_hold_never_crashes_the_store(room: Newsroom) -> None:
    odd = article("nul\x00id", "title \x00", tags=("t\x00",), extensions={"k\x00": ["\x00", {"\udfff": "\ud800"}]})
    [accepted] = await room.accept(published(odd, content_hash="h\x00", event_key="k\x00", traceparent="\x00"))
    assert accepted.receipt.outcome == "accepted"
    assert await room.store.articles.get("nul\x00id") is not None
    [again] = await room.accept(published(odd, content_hash="h\x00", event_key="k\x00"))
    assert again.receipt.outcome == "repeat"
    await room.accept(retracted("nul\x00id", reason="\x00"))
    stored = await room.store.articles.get("nul\x00id")
    assert stored is not None
    assert stored.state.is_retracted


async def test_large_batches_are_one_transaction(room: Newsroom) -> None:
    many = [published(article(f"a{n:04}", revision=n % 7 + 1)) for n in range(1_100)]
    accepted = await room.accept(*many)
    assert {each.receipt.outcome for each in accepted} == {"accepted"}
    assert outcomes(await room.accept(*many)) == [("repeat", n % 7 + 1) for n in range(1_100)]
    assert await room.sums() == {"accepted": 1_100, "waiting": 1_100}


async def test_a_list_walks_every_article_once_last_changed_first(room: Newsroom) -> None:
    for n in range(7):
        await room.accept(published(article(f"a{n}")))
        room.later(seconds=n % 2)  # some share an instant
    seen: list[str] = []
    cursor = None
    while True:
        page = await room.store.articles.list(limit=3, cursor=cursor)
        seen += [each.id for each in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"a{n}" for n in (6, 5, 4, 3, 2, 1, 0)]


async def test_a_list_is_filtered_by_what_the_newest_revision_says(room: Newsroom) -> None:
    await room.accept(
        published(article("a1", sections=("Actualités",), tags=("x",), language="fr-CA")),
        published(article("b1", sections=("Sport",), authors=(Author(name="Ana Ruiz"),), source=Source(name="AFP"))),
    )
    await room.accept(published(article("a1", "Moved", sections=("Sport",))))

    async def found(**filters: str) -> list[str]:
        return sorted(each.id for each in (await room.store.articles.list(filters=filters)).items)

    assert await found(section="sport") == ["a1", "b1"]
    assert await found(section="actualites") == []
    assert await found(author="ana-ruiz") == await found(source="afp") == ["b1"]
    assert await found(section="sport", tag="x") == []
    with pytest.raises(ValueError, match="no filter"):
        await found(colour="red")
    with pytest.raises(ValueError, match="cursor"):
        await room.store.articles.list(cursor="bm90IG91cnM")


async def test_a_list_is_cut_by_time_and_status(room: Newsroom) -> None:
    await room.accept(published(article("a1")))
    room.later(minutes=1)
    await room.accept(published(article("b1")), retracted("b1"))
    since = await room.store.articles.list(since=START + timedelta(seconds=1))
    until = await room.store.articles.list(until=START + timedelta(seconds=1))
    withdrawn = await room.store.articles.list(status="withdrawn")
    assert [[each.id for each in page.items] for page in (since, until, withdrawn)] == [["b1"], ["a1"], ["b1"]]
    assert await room.store.articles.count() == {"received": 1, "withdrawn": 1}


async def test_a_trace_tells_every_stage_of_every_event(room: Newsroom, store: Store) -> None:
    await room.endpoint()
    first = await room.through(published(article()))
    room.later(seconds=1)
    second = await room.take(retracted())
    trace = await store.trace("a1")
    assert trace is not None
    assert [(each.id, each.type, each.state) for each in trace.events] == [
        (first, EventType.PUBLISHED, "done"),
        (second, EventType.RETRACTED, "waiting"),
    ]
    assert {each.stage: each.state for each in trace.events[0].work} == {
        "enrich": "done",
        "syndicate": "done",
        "deliver": "done",
    }
    assert [each.stream for each in trace.events[1].messages] == ["article.accepted"]
    assert [each.feed for each in trace.feeds] == ["all", "section/world"]
    assert [each.cause for each in trace.deliveries] == ["superseded"]
    assert await store.trace("unknown") is None
