"""What is owed to partners: fan-out, mailboxes, leases, attempts. P3 and P4 of deliveries."""

from datetime import timedelta
from functools import partial
from hashlib import sha256

from schemas.delivery import WorkState
from schemas.jobs import OWED_EARLIER, FanOut, Owed
from schemas.subscription import EndpointState
from services.store.fan_out import PART, fan_out, parts
from tests.stores import START, Newsroom, article, envelope, published, retracted

MINUTE = timedelta(minutes=1)


async def states(room: Newsroom, endpoint_id: str = "w1") -> list[str]:
    page = await room.store.deliveries.list(webhook=endpoint_id)
    return [one.state.value if one.cause is None else f"{one.state}: {one.cause}" for one in reversed(page.items)]


async def test_a_fan_out_fixes_bytes_hash_and_sequence_for_good(room: Newsroom) -> None:
    await room.endpoint()
    first = await room.through(published(article()))
    second = await room.through(published(article("b1")))
    one, two = await room.store.deliveries.take("w1", 10, (), room.now)
    assert (one.event_id, one.sequence, two.event_id, two.sequence) == (first, 1, second, 2)
    assert one.body == b'{"sequence":1,"matched":"(\'all\',)"[' + first.encode() + b"]}"
    assert one.body_sha256 == sha256(one.body).hexdigest()
    assert await room.store.deliveries.body(one.id) == one.body
    assert (one.webhook_id, one.attempt, one.article_id, one.revision) == (one.id, 1, "a1", 1)
    assert await room.sums() == {"accepted": 2, "waiting": 2}


async def test_a_repeated_fan_out_changes_nothing(room: Newsroom) -> None:
    await room.endpoint()
    event_id = await room.through(published(article()))
    again = FanOut(event_id, "a1", 1, b"other", [Owed("w1", "p1")], envelope)
    assert await room.store.deliveries.fan_out([again, again], room.now, room.new_id) == []
    assert len(await room.pending()) == 1


async def test_a_thin_body_is_its_head_alone(room: Newsroom) -> None:
    await room.endpoint()
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    thin = FanOut(event_id, "a1", 1, b"", [Owed("w1", "p1")], lambda _, sequence: (b"thin %d" % sequence, None))
    assert await room.store.deliveries.fan_out([thin], room.now, room.new_id) == ["w1"]
    [pending] = await room.store.deliveries.take("w1", 10, (), room.now)
    assert (pending.body, pending.body_sha256) == (b"thin 1", sha256(b"thin 1").hexdigest())


async def test_an_event_nobody_wants_is_done(room: Newsroom) -> None:
    await room.through(published(article()), to=())
    assert await room.sums() == {"accepted": 1, "done": 1}


async def test_a_large_fan_out_reaches_every_endpoint_once(room: Newsroom) -> None:
    names = [f"w{n:04}" for n in range(PART * 2 + 10)]
    for name in names:
        await room.endpoint(name)
    first = await room.take(published(article()))
    second = await room.take(published(article("b1")))
    await room.enrich(first, second)
    assert await room.fan_out(first, second, to=names) == names
    await room.syndicate(first, second)
    for name in (names[0], names[PART - 1], names[PART], names[-1]):
        assert [one.sequence for one in await room.store.deliveries.take(name, 10, (), room.now)] == [1, 2]
    assert (await room.store.stats(room.now)).deliveries.owed == 2 * len(names)
    assert await room.sums() == {"accepted": 2, "waiting": 2}


async def test_a_fan_out_cut_short_by_a_crash_is_finished_by_its_repeat(room: Newsroom) -> None:
    names = [f"w{n:04}" for n in range(PART + 10)]
    for name in names:
        await room.endpoint(name)
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    plan = FanOut(event_id, "a1", 1, b"x", [Owed(name, "p1") for name in names], envelope)
    first = partial(fan_out, step=parts([plan])[0], now=room.now, new_id=room.new_id)
    assert await room.store.database.write(first) == names[:PART]
    await room.store.work.retry("deliver", [event_id], "x", room.now, room.now)
    assert list(await room.store.deliveries.load([event_id])) == [event_id]
    assert await room.fan_out(event_id, to=names) == names[PART:]
    assert (await room.store.stats(room.now)).deliveries.owed == len(names)
    assert [one.sequence for one in await room.store.deliveries.take(names[0], 10, (), room.now)] == [1]
    await room.sums()


async def test_who_was_owed_an_earlier_revision_gets_the_correction_and_the_retraction(room: Newsroom) -> None:
    await room.endpoint()
    await room.endpoint("w2")
    first = await room.through(published(article(revision=1)))
    late = await room.take(published(article(title="New", revision=3)))
    await room.enrich(late)
    assert (await room.store.deliveries.load([late]))[late].owed == {"w1"}
    await room.endpoint("w3")
    nobody = FanOut(late, "a1", 3, b"x", [Owed("w3", "p1")], envelope)  # decided before w1 was owed anything
    assert await room.store.deliveries.fan_out([nobody], room.now, room.new_id) == ["w1", "w3"]
    older = await room.take(published(article(title="Between", revision=2)))
    await room.enrich(older)
    assert (await room.store.deliveries.load([older]))[older].owed == {"w1"}  # w3 was owed a later one
    await room.fan_out(older, to=("w2",))
    gone = await room.take(retracted(revision=2))
    await room.enrich(gone)
    assert (await room.store.deliveries.load([gone]))[gone].owed == {"w1", "w2"}
    body = [one.body for one in await room.store.deliveries.take("w1", 10, (), room.now)]
    assert first
    assert all(OWED_EARLIER.encode() in each or b"all" in each for each in body)


async def test_a_correction_in_the_same_batch_finds_who_its_first_revision_is_owed_to(room: Newsroom) -> None:
    await room.endpoint()
    first = await room.take(published(article()))
    second = await room.take(published(article(title="Corrected")))
    await room.enrich(first, second)
    plans = [
        FanOut(first, "a1", 1, b"1", [Owed("w1", "p1", ("tag",))], envelope),
        FanOut(second, "a1", 2, b"2", [], envelope),
    ]
    await room.store.deliveries.fan_out(plans, room.now, room.new_id)
    assert [one.revision for one in await room.store.deliveries.take("w1", 10, (), room.now)] == [1, 2]


async def test_a_retraction_supersedes_what_waits_in_the_transaction_that_accepts_it(room: Newsroom) -> None:
    await room.endpoint()
    await room.endpoint("w2", state=EndpointState.PAUSED)
    await room.through(published(article()), to=("w1", "w2"))
    await room.through(published(article("b1")))
    await room.take(retracted())
    assert await states(room) == ["done: superseded", "waiting"]
    assert await states(room, "w2") == ["done: superseded"]
    assert len(await room.pending()) == 1
    assert await room.sums() == {"accepted": 3, "done": 1, "waiting": 2}


async def test_content_that_a_retraction_overtook_is_never_fanned_out(room: Newsroom) -> None:
    await room.endpoint()
    first = await room.take(published(article(revision=1)))
    await room.enrich(first)
    jobs = await room.store.deliveries.load([first])
    gone = await room.take(retracted(revision=1))
    assert jobs
    plan = FanOut(first, "a1", 1, b"x", [Owed("w1", "p1")], envelope)
    assert await room.store.deliveries.fan_out([plan], room.now, room.new_id) == []
    back = await room.take(published(article(title="Back", revision=2), reinstate=True))
    old = await room.take(published(article("z", revision=9)))
    await room.enrich(gone, back, old)
    assert await room.fan_out(gone, back) == ["w1"]
    assert [one.revision for one in await room.store.deliveries.take("w1", 10, (), room.now)] == [1, 2]


async def test_a_plan_that_calls_its_event_superseded_owes_nothing(room: Newsroom) -> None:
    await room.endpoint()
    event_id = await room.take(published(article()))
    await room.enrich(event_id)
    await room.syndicate(event_id)
    assert await room.fan_out(event_id, superseded=True) == []
    assert await room.sums() == {"accepted": 1, "done": 1}


async def test_a_paused_endpoint_collects_and_sends_when_it_is_resumed(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    await room.store.endpoints.pause("w1", room.now, "holiday")
    await room.through(published(article("b1")))
    assert await states(room) == ["held: paused", "held"]
    assert await room.store.deliveries.due(room.later(hours=1), 10) == []
    assert await room.store.deliveries.next_due(room.now) is None
    assert (await room.store.stats(room.now)).deliveries.oldest_due is None
    assert await room.sums() == {"accepted": 2, "held": 2}
    resumed = await room.store.endpoints.resume("w1", room.now)
    assert resumed is not None
    assert (resumed.state, resumed.state_reason) == (EndpointState.ACTIVE, None)
    assert await states(room) == ["waiting", "waiting"]
    assert [box.endpoint.id for box in await room.store.deliveries.due(room.now, 10)] == ["w1"]
    assert [one.sequence for one in await room.store.deliveries.take("w1", 10, (), room.now)] == [1, 2]
    assert await room.sums() == {"accepted": 2, "waiting": 2}


async def test_deleting_an_endpoint_ends_its_deliveries_with_their_cause(room: Newsroom) -> None:
    await room.endpoint()
    event_id = await room.through(published(article()))
    assert await room.store.endpoints.delete("w1", room.now)
    assert not await room.store.endpoints.delete("w1", room.now)
    assert await states(room) == ["done: endpoint deleted"]
    assert await room.store.deliveries.due(room.now, 10) == []
    second = await room.through(published(article(title="New")))
    assert event_id != second
    assert await room.sums() == {"accepted": 2, "done": 2}
    assert await room.store.endpoints.get("w1") is None


async def test_due_names_mailboxes_that_may_be_drained_now(room: Newsroom) -> None:
    for name in ("w1", "w2", "w3"):
        await room.endpoint(name)
    await room.through(published(article()), to=("w1",))
    room.later(seconds=1)
    await room.through(published(article("b1")), to=("w1", "w2"))
    boxes = await room.store.deliveries.due(room.now, 10)
    assert [(box.endpoint.id, box.oldest_due) for box in boxes] == [("w1", START), ("w2", room.now)]
    assert await room.store.deliveries.due(START - MINUTE, 10) == []
    assert len(await room.store.deliveries.due(room.now, 1)) == 1
    await room.lease("w1", "other")
    assert [box.endpoint.id for box in await room.store.deliveries.due(room.now, 10, "me")] == ["w2"]
    assert len(await room.store.deliveries.due(room.now, 10, "other")) == 2
    room.later(minutes=1)
    assert len(await room.store.deliveries.due(room.now, 10, "me")) == 2  # the lease lapsed by itself


async def test_a_lease_has_one_owner_and_its_fence_grows(room: Newsroom) -> None:
    await room.endpoint()
    deliveries = room.store.deliveries
    first = await room.lease(owner="one")
    assert await deliveries.lease("w1", "two", room.now + MINUTE, room.now) is None
    assert await deliveries.renew("w1", first, room.now + MINUTE)
    assert await deliveries.lease("w1", "two", room.now + MINUTE, room.now + timedelta(seconds=59)) is None
    second = await deliveries.lease("w1", "two", room.now + 2 * MINUTE, room.now + MINUTE)
    assert second is not None
    assert second > first
    assert not await deliveries.renew("w1", first, room.now + 9 * MINUTE)
    assert not await deliveries.release("w1", first)
    assert await deliveries.release("w1", second)
    assert not await deliveries.renew("w1", second, room.now + 9 * MINUTE)
    assert await deliveries.lease("unknown", "two", room.now + MINUTE, room.now) is None


async def test_a_result_under_a_lost_lease_changes_nothing(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [delivery] = await room.pending()
    old = await room.lease(owner="zombie")
    room.later(minutes=1)
    new = await room.lease(owner="me")
    assert await room.store.deliveries.record([room.result(delivery, old)], room.now) == [False]
    assert await states(room) == ["waiting"]
    assert await room.store.deliveries.record([room.result(delivery, new)], room.now) == [True]
    assert await states(room) == ["done"]
    record = await room.store.deliveries.get(delivery)
    assert record is not None
    assert len(record.attempts) == 1


async def test_an_attempt_is_kept_with_everything_it_was(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [delivery] = await room.pending()
    result = room.result(delivery, await room.lease())
    assert await room.store.deliveries.record([result], room.now) == [True]
    assert await room.store.deliveries.record([result], room.later(seconds=1)) == [True]  # a repeat
    record = await room.store.deliveries.get(delivery)
    assert record is not None
    assert record.attempts == (result.attempt,)
    assert (record.state, record.tries, record.finished_at) == (WorkState.DONE, 1, START)
    assert await room.sums() == {"accepted": 1, "done": 1}


async def test_a_failed_delivery_waits_for_its_next_try_and_first_tries_go_before_it(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [first] = await room.pending()
    fence = await room.lease()
    failed = room.result(first, fence, WorkState.WAITING, next_attempt_at=START + MINUTE, cause="status")
    await room.store.deliveries.record([failed], room.now)
    assert await room.pending() == []
    assert await room.store.deliveries.release("w1", fence)
    assert await room.store.deliveries.next_due(room.now) == START + MINUTE
    await room.through(published(article("b1")))
    assert await room.store.deliveries.next_due(room.now) == START
    room.later(minutes=1)
    taken = await room.store.deliveries.take("w1", 10, (), room.now)
    assert [(one.sequence, one.attempt) for one in taken] == [(2, 1), (1, 2)]
    assert [one.sequence for one in await room.store.deliveries.take("w1", 1, {taken[0].id}, room.now)] == [1]
    assert [one.sequence for one in await room.store.deliveries.take("w1", 1, (), room.now)] == [2]


async def test_a_429_costs_no_try_and_pauses_the_whole_endpoint(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    await room.through(published(article("b1")))
    first, _ = await room.pending()
    fence = await room.lease()
    throttled = room.result(
        first,
        fence,
        WorkState.WAITING,
        next_attempt_at=START + 5 * MINUTE,
        pause_endpoint_until=START + 5 * MINUTE,
        counts_try=False,
    )
    await room.store.deliveries.record([throttled], room.now)
    await room.store.deliveries.release("w1", fence)
    assert await room.store.deliveries.due(START + 4 * MINUTE, 10) == []
    assert await room.store.deliveries.next_due(room.now) == START + 5 * MINUTE
    [box] = await room.store.deliveries.due(START + 5 * MINUTE, 10)
    assert box.endpoint.paused_until == START + 5 * MINUTE
    record = await room.store.deliveries.get(first)
    assert record is not None
    assert (record.tries, len(record.attempts)) == (0, 1)


async def test_the_last_failure_is_a_dead_letter_and_can_be_retried(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [delivery] = await room.pending()
    fence = await room.lease()
    await room.store.deliveries.record(
        [room.result(delivery, fence, WorkState.DEAD, cause="gone on too long")], room.now
    )
    assert await room.sums() == {"accepted": 1, "dead": 1}
    [letter] = (await room.store.dead_letters.list()).items
    assert (letter.stage, letter.cause, letter.delivery_id) == ("deliver", "gone on too long", delivery)
    await room.store.deliveries.release("w1", fence)
    retried = await room.store.dead_letters.retry([letter.id], room.later(hours=1))
    assert (retried.deliveries, retried.rows, retried.raw) == ([delivery], [], [])
    assert await room.pending() == [delivery]
    assert [box.endpoint.id for box in await room.store.deliveries.due(room.now, 10)] == ["w1"]
    assert (await room.store.dead_letters.list()).items == []
    assert await room.sums() == {"accepted": 1, "waiting": 1}


async def test_a_410_disables_the_endpoint_and_holds_all_it_has(room: Newsroom) -> None:
    await room.endpoint()
    for name in ("a1", "b1", "c1"):
        await room.through(published(article(name)))
    first, second, _ = await room.pending()
    fence = await room.lease()
    results = [
        room.result(first, fence, WorkState.HELD, cause="410", disable_endpoint="answered 410"),
        room.result(second, fence, WorkState.WAITING, next_attempt_at=START + MINUTE),
    ]
    assert await room.store.deliveries.record(results, room.now) == [True, True]
    endpoint = await room.store.endpoints.get("w1")
    assert endpoint is not None
    assert (endpoint.state, endpoint.state_reason) == (EndpointState.DISABLED, "answered 410")
    assert sorted(await states(room)) == ["held", "held: 410", "held: endpoint disabled"]
    assert await room.sums() == {"accepted": 3, "held": 3}
    await room.store.endpoints.resume("w1", room.now)
    assert await room.sums() == {"accepted": 3, "waiting": 3}


async def test_a_result_of_a_delivery_superseded_meanwhile_is_kept_as_an_attempt_only(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [delivery] = await room.pending()
    fence = await room.lease()
    await room.take(retracted())
    failed = room.result(delivery, fence, WorkState.WAITING, next_attempt_at=START + MINUTE)
    assert await room.store.deliveries.record([failed], room.now) == [True]
    assert await states(room) == ["done: superseded"]
    record = await room.store.deliveries.get(delivery)
    assert record is not None
    assert len(record.attempts) == 1
    await room.sums()


async def test_a_replay_sends_the_same_bytes_under_the_same_webhook_id(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [first] = await room.store.deliveries.take("w1", 10, (), room.now)
    await room.store.deliveries.record([room.result(first.id, await room.lease())], room.now)
    new = await room.store.deliveries.replay(first.id, room.now, room.new_id)
    [again] = await room.store.deliveries.take("w1", 10, (), room.now)
    assert (again.id, again.webhook_id, again.body, again.sequence) == (new, first.id, first.body, 1)
    record = await room.store.deliveries.get(again.id)
    assert record is not None
    assert record.replay_of == first.id
    assert await room.sums() == {"accepted": 1, "waiting": 1}
    assert await room.store.deliveries.replay("unknown", room.now, room.new_id) is None


async def test_a_replay_of_what_was_taken_back_sends_the_retraction(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [content] = await room.pending()
    gone = await room.take(retracted())
    assert await room.store.deliveries.replay(content, room.now, room.new_id) is None  # not owed yet
    await room.enrich(gone)
    await room.fan_out(gone)
    [first] = await room.store.deliveries.take("w1", 10, (), room.now)
    await room.store.deliveries.record([room.result(first.id, await room.lease())], room.now)
    assert await room.store.deliveries.replay(content, room.now, room.new_id) is not None
    [again] = await room.store.deliveries.take("w1", 10, (), room.now)
    assert (again.webhook_id, again.body) == (first.id, first.body)


async def test_a_retry_wakes_a_delivery_and_refuses_what_is_over(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    [delivery] = await room.pending()
    fence = await room.lease()
    failed = room.result(delivery, fence, WorkState.WAITING, next_attempt_at=START + MINUTE)
    await room.store.deliveries.record([failed], room.now)
    assert await room.store.deliveries.retry(delivery, room.now)
    assert await room.pending() == [delivery]
    dead = room.result(delivery, fence, WorkState.DEAD, cause="x", n=2)
    await room.store.deliveries.record([dead], room.now)
    await room.take(retracted())
    assert not await room.store.deliveries.retry(delivery, room.now)
    [letter] = (await room.store.dead_letters.list()).items
    assert (await room.store.dead_letters.retry([letter.id], room.now)).deliveries == []
    assert (await room.store.dead_letters.list()).items == [letter]  # it stays dead, and listed
    assert not await room.store.deliveries.retry("unknown", room.now)
    await room.sums()


async def test_a_test_event_is_sent_like_any_other_and_belongs_to_no_event(room: Newsroom) -> None:
    await room.endpoint()
    made = await room.store.deliveries.test("w1", b"ping", envelope, room.now, room.new_id)
    [one] = await room.store.deliveries.take("w1", 10, (), room.now)
    assert (one.id, one.sequence) == (made, 1)
    assert b"ping" in one.body
    await room.store.deliveries.record([room.result(one.id, await room.lease())], room.now)
    record = await room.store.deliveries.get(one.id)
    assert record is not None
    assert (record.event_id, record.state) == (None, WorkState.DONE)
    assert (await room.store.stats(room.now)).deliveries.done == 1
    assert await room.sums() == {}
    assert await room.store.deliveries.test("unknown", b"ping", envelope, room.now, room.new_id) is None


async def test_a_subscriber_sees_and_moves_its_own_deliveries_only(room: Newsroom) -> None:
    await room.endpoint("w1", "p1")
    await room.endpoint("w2", "p2")
    await room.through(published(article()), to=("w1", "w2"))
    theirs = room.store.deliveries.of("p2")
    [foreign] = await room.pending("w1")
    [own] = await room.pending("w2")
    assert [one.id for one in (await theirs.list()).items] == [own]
    assert (await theirs.list(webhook="w1")).items == []
    assert await theirs.get(foreign) is None
    assert await theirs.body(foreign) is None
    assert not await theirs.retry(foreign, room.now)
    assert await theirs.replay(foreign, room.now, room.new_id) is None
    assert await theirs.test("w1", b"x", envelope, room.now, room.new_id) is None
    assert await theirs.retry(own, room.now)


async def test_a_list_is_filtered_and_walks_everything_once(room: Newsroom) -> None:
    await room.endpoint()
    for n in range(5):
        await room.through(published(article(f"a{n}")))
        room.later(seconds=n % 2)
    [first, *_] = await room.pending()
    await room.store.deliveries.record([room.result(first, await room.lease())], room.now)
    page = await room.store.deliveries.list(limit=3)
    rest = await room.store.deliveries.list(limit=3, cursor=page.next)
    assert [one.article_id for one in page.items + rest.items] == ["a4", "a3", "a2", "a1", "a0"]
    done = await room.store.deliveries.list(state=WorkState.DONE)
    assert [(one.article_id, len(one.attempts)) for one in done.items] == [("a0", 1)]
    assert [one.article_id for one in (await room.store.deliveries.list(article="a3")).items] == ["a3"]
