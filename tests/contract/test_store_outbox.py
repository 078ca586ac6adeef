"""Messages: what the sweeper finds, and when a row is spent. P5 rests on it."""

from datetime import timedelta

from schemas.dead_letter import DeadLetter
from tests.stores import START, Newsroom, article, published, retracted

SOON = timedelta(seconds=1)
LATE = timedelta(seconds=3)


async def test_a_fresh_row_is_left_to_its_maker_for_a_moment(room: Newsroom) -> None:
    [accepted] = await room.accept(published(article()))
    assert await room.store.outbox.due(START + SOON, 10) == []
    assert await room.store.outbox.due(START + LATE, 10) == accepted.rows
    await room.store.outbox.mark_added([(accepted.rows[0].id, "7-0")], START + LATE)
    assert await room.store.outbox.due(START + LATE, 10) == []


async def test_rows_that_are_due_come_oldest_first_and_not_too_many(room: Newsroom) -> None:
    ids: list[str] = []
    for n in range(5):
        ids.append(await room.take(published(article(f"a{n}"))))
        room.later(seconds=1)
    due = await room.store.outbox.due(room.later(seconds=9), 3)
    assert [row.event_id for row in due] == ids[:3]


async def test_a_row_is_overdue_while_some_group_has_not_settled_it(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    [row] = await room.store.outbox.due(START + LATE, 10)
    await room.store.outbox.mark_added([(row.id, "5-1")], START)
    assert await room.store.outbox.overdue(START, 10) == []  # added no sooner than that
    [found] = await room.store.outbox.overdue(START + SOON, 10)
    assert (found.id, found.entry_id) == (row.id, "5-1")
    await room.syndicate(event_id)
    assert [each.id for each in await room.store.outbox.overdue(START + SOON, 10) if each.event_id] == [row.id]
    await room.fan_out(event_id)
    assert [each for each in await room.store.outbox.overdue(START + SOON, 10) if each.event_id] == []


async def test_a_row_is_gone_when_every_group_settled_its_event(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    assert (await room.store.outbox.stats(room.now)).rows == 1
    await room.enrich(event_id)
    assert (await room.store.outbox.stats(room.now)).rows == 1  # the other stream's
    await room.fan_out(event_id)
    assert (await room.store.outbox.stats(room.now)).rows == 1
    await room.syndicate(event_id, feeds=())
    assert (await room.store.outbox.stats(room.now)).rows == 0


async def test_a_feed_hint_is_spent_once_it_is_on_its_stream(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    [job] = (await room.store.feeds.load([event_id])).values()
    assert job
    await room.syndicate(event_id)
    hints = [row for row in await room.store.outbox.due(START + LATE, 10) if row.stream == "feed.updated"]
    assert len(hints) == 2
    await room.store.outbox.mark_added([(row.id, "1-1") for row in hints], room.now)
    assert [row.stream for row in await room.store.outbox.due(START + LATE, 10)] == ["article.enriched"]


async def test_marking_a_row_that_is_gone_never_hits_another(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    [row] = await room.store.outbox.due(START + LATE, 10)
    await room.enrich(event_id)
    await room.syndicate(event_id, feeds=())
    await room.fan_out(event_id)
    await room.take(published(article("b1")))
    await room.store.outbox.mark_added([(row.id, "1-1")], room.now)
    assert len(await room.store.outbox.due(START + LATE, 10)) == 1


async def test_rows_are_due_again_when_streams_came_back_empty(room: Newsroom) -> None:
    events = [await room.take(published(article(name))) for name in ("a1", "b1", "c1")]
    rows = await room.store.outbox.due(START + LATE, 10)
    await room.store.outbox.mark_added([(row.id, f"{row.id}-0") for row in rows], START)
    await room.store.outbox.forget_entries([rows[0].id])
    assert [row.event_id for row in await room.store.outbox.due(START + LATE, 10)] == events[:1]
    await room.store.outbox.forget_entries()
    assert sorted(row.event_id or "" for row in await room.store.outbox.due(START + LATE, 10)) == sorted(events)


async def test_two_sweepers_release_an_embargo_once(room: Newsroom) -> None:
    event_id = await room.take(published(article(embargo_until=START + SOON)))
    await room.enrich(event_id)
    before = await room.store.articles.get("a1")
    assert before is not None
    now = room.later(seconds=1)
    assert len(await room.store.outbox.due(now, 10)) == len(await room.store.outbox.due(now, 10)) == 1
    after = await room.store.articles.get("a1")
    assert after is not None
    assert after.version == before.version + 1
    assert await room.sums() == {"accepted": 1, "waiting": 1}


async def test_work_to_be_tried_later_returns_to_the_outbox_until_then(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    [row] = await room.store.outbox.due(START + LATE, 10)
    await room.store.outbox.mark_added([(row.id, "1-1")], START)
    await room.store.work.retry("enrich", [event_id, "unknown"], "pool broke", START + timedelta(minutes=5), START)
    assert await room.store.outbox.overdue(START + LATE, 10) == []
    assert await room.store.outbox.due(START + timedelta(minutes=4), 10) == []
    [again] = await room.store.outbox.due(START + timedelta(minutes=5), 10)
    assert again.id == row.id
    trace = await room.store.trace("a1")
    assert trace is not None
    assert (trace.events[0].work[0].tries, trace.events[0].work[0].cause) == (1, "pool broke")
    assert list(await room.store.enrichments.load([event_id])) == [event_id]  # a try sooner does no harm


async def test_figures_tell_how_many_rows_no_stream_holds_and_since_when(room: Newsroom) -> None:
    await room.take(published(article()))
    await room.take(published(article("b1")))
    [first, _] = await room.store.outbox.due(START + LATE, 10)
    await room.store.outbox.mark_added([(first.id, "1-1")], START)
    stats = await room.store.outbox.stats(START + LATE)
    assert (stats.rows, stats.unadded, stats.oldest_at) == (2, 1, START + timedelta(seconds=2))
    assert (await room.store.outbox.stats(START)).oldest_at is None


def dead(event_id: str | None, stage: str = "enrich", cause: str = "poison", **fields: object) -> DeadLetter:
    return DeadLetter.model_validate(
        {"stage": stage, "cause": cause, "detail": "why", "at": START, "event_id": event_id, **fields}
    )


async def test_work_given_up_is_dead_with_its_cause_once(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    await room.store.work.give_up([dead(event_id), dead("unknown")], room.now)
    await room.store.work.give_up([dead(event_id)], room.now)
    assert await room.sums() == {"accepted": 1, "dead": 1}
    [letter] = (await room.store.dead_letters.list()).items
    assert (letter.stage, letter.cause, letter.article_id, letter.event_id) == ("enrich", "poison", "a1", event_id)
    assert (await room.store.outbox.stats(room.now)).rows == 0
    stats = await room.store.stats(room.now)
    assert [(each.stage, each.cause, each.count) for each in stats.dead_letters] == [("enrich", "poison", 1)]


async def test_settled_work_cannot_be_given_up_and_dead_work_not_settled(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    await room.store.work.give_up([dead(event_id)], room.now)
    assert await room.sums() == {"accepted": 1, "waiting": 1}
    await room.store.work.give_up([dead(event_id, "deliver")], room.now)
    assert await room.fan_out(event_id) == []
    await room.syndicate(event_id)
    assert await room.sums() == {"accepted": 1, "dead": 1}


async def test_a_retried_letter_lets_its_work_wait_with_a_message(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    await room.store.work.give_up([dead(event_id, "deliver"), dead(event_id, "syndicate")], room.now)
    letters = (await room.store.dead_letters.list(stage="deliver")).items
    retried = await room.store.dead_letters.retry([letter.id for letter in letters] * 2, room.now)
    assert [(row.stream, row.event_id) for row in retried.rows] == [("article.enriched", event_id)]
    assert await room.sums() == {"accepted": 1, "dead": 1}
    [other] = (await room.store.dead_letters.list()).items
    retried = await room.store.dead_letters.retry([other.id], room.now)
    assert len(retried.rows) == 1
    assert (await room.store.outbox.stats(room.now)).rows == 1
    assert await room.sums() == {"accepted": 1, "waiting": 1}
    assert (await room.store.dead_letters.retry([other.id], room.now)).rows == []
    closed = await room.store.dead_letters.get(other.id)
    assert closed is not None
    assert closed.closed == "retried"


async def test_bytes_that_never_became_an_event_are_kept_and_handed_back(room: Newsroom) -> None:
    await room.store.dead_letters.add([dead(None, "ingest", "unreadable", raw=b"\xff\x00{", detail="\x00")])
    [letter] = (await room.store.dead_letters.list(cause="unreadable")).items
    assert letter.raw == b"\xff\x00{"
    retried = await room.store.dead_letters.retry([letter.id], room.now)
    assert [each.raw for each in retried.raw] == [b"\xff\x00{"]
    assert (await room.store.dead_letters.list()).items == []


async def test_trash_closes_letters_and_leaves_the_sum_as_it_is(room: Newsroom) -> None:
    events = [await room.take(published(article(f"a{n}"))) for n in range(3)]
    await room.store.work.give_up([dead(each) for each in events], room.now)
    page = await room.store.dead_letters.list(limit=2)
    rest = await room.store.dead_letters.list(limit=2, cursor=page.next)
    ids = [letter.id for letter in page.items + rest.items]
    assert ids == sorted(ids, reverse=True)
    assert await room.store.dead_letters.trash(ids[:2], room.now) == 2
    assert await room.store.dead_letters.trash(ids[:2], room.now) == 0
    assert len((await room.store.dead_letters.list()).items) == 1
    assert await room.sums() == {"accepted": 3, "dead": 3}


async def test_a_retraction_counts_like_any_event(room: Newsroom) -> None:
    await room.through(published(article()))
    await room.through(retracted())
    assert await room.sums() == {"accepted": 2, "done": 2}
