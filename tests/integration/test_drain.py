"""Deliveries on their way: a real store, real requests, partners of every manner."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from schemas.delivery import Cause, Outcome, WorkState
from schemas.jobs import Result
from schemas.subscription import BodyFormat, EndpointState
from services.deliver.requests import owe_test, replay_one, retry_one
from services.deliver.signing import make_secret
from services.store import StoreUnavailable
from tests import receivers
from tests.delivering import World, eventually, world
from tests.receivers import Receiver, status


@pytest.fixture(params=["sqlite", "postgresql"])
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[World]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/wireroom.db" if sqlite else request.getfixturevalue("postgres_url")
    async with world(url) as made:
        yield made


def said(seen: receivers.Seen) -> dict[str, Any]:
    return json.loads(seen.body)["data"]


async def test_an_event_reaches_its_endpoint_once_and_is_verified(here: World) -> None:
    async with Receiver() as partner:
        endpoint = await here.endpoint(partner.url, section=("actualites",), headers={"X-Desk": "paris"})
        await here.drain().start()
        await here.send(sections=("Actualités",), url="https://news.example/1")
        (delivery,) = await here.settled()
    (seen,) = partner.seen
    Webhook(endpoint.secret).verify(seen.body, seen.headers)
    assert seen.headers["webhook-id"] == delivery.webhook_id
    assert "." not in delivery.webhook_id
    assert seen.headers["x-desk"] == "paris"
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body)["type"] == "article.published"
    assert said(seen)["matched"] == ["section:actualites"]
    assert said(seen)["sequence"] == 1
    assert (delivery.state, delivery.tries) == (WorkState.DONE, 1)
    (attempt,) = delivery.attempts
    assert (attempt.n, attempt.outcome, attempt.status, attempt.cause) == (1, Outcome.OK, 200, None)


async def test_an_event_that_nobody_wants_is_owed_to_nobody(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url, section=("sport",))
        await here.drain().start()
        await here.send(sections=("Actualités",))
        assert await here.settled() == []
    assert partner.seen == []


async def test_a_repeated_message_owes_nothing_twice(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        event = await here.publish()
        for _ in range(3):
            await here.fan_out(event)
        await here.drain().start()
        assert len(await here.settled()) == 1
    assert len(partner.seen) == 1


async def test_an_endpoint_made_just_before_an_event_gets_it(here: World) -> None:
    async with Receiver() as first, Receiver() as second:
        await here.endpoint(first.url)
        await here.drain().start()
        await here.send("a-1")
        await here.endpoint(second.url)
        await here.send("a-2")
        await second.got(1)
        await first.got(2)
    assert [said(seen)["id"] for seen in second.seen] == ["a-2"]


async def test_the_thin_form_stays_thin(here: World) -> None:
    async with Receiver() as full, Receiver() as thin:
        await here.endpoint(full.url)
        await here.endpoint(thin.url, form=BodyFormat.THIN)
        await here.drain().start()
        await here.send(content_text="x" * 10_000)
        await here.settled()
    assert set(said(thin.seen[0])) == {"id", "uri", "revision", "sequence", "article", "matched"}
    assert len(thin.seen[0].body) < 400
    assert len(full.seen[0].body) > 400
    for seen in (*full.seen, *thin.seen):
        assert json.loads(seen.body)["data"]["id"] == "a-1"


async def test_retries_send_the_same_bytes_under_the_same_id_with_a_new_time(here: World) -> None:
    answers = [status(503, connection="close"), receivers.reset(), receivers.close_after(b"junk\r\n\r\n"), status(200)]
    async with Receiver(*answers) as partner:
        endpoint = await here.endpoint(partner.url)
        await here.drain().start()
        await here.send(content_text='odd  "bytes" é 政')
        (delivery,) = await here.settled()
    assert len(partner.seen) == 4
    assert len({seen.body for seen in partner.seen}) == 1
    assert len({seen.headers["webhook-id"] for seen in partner.seen}) == 1
    times = [int(seen.headers["webhook-timestamp"]) for seen in partner.seen]
    assert times == sorted(times)
    for seen in partner.seen:
        Webhook(endpoint.secret).verify(seen.body, seen.headers)
        assert sha256(seen.body).hexdigest() == delivery.body_sha256
    assert [(a.n, a.status, a.cause) for a in delivery.attempts] == [
        (1, 503, Cause.STATUS),
        (2, None, Cause.RESET),
        (3, None, Cause.PROTOCOL),
        (4, 200, None),
    ]


async def test_no_retry_comes_before_its_time(here: World) -> None:
    store: Any = Noting(here.store.deliveries)
    async with Receiver(status(500)) as partner:
        await here.endpoint(partner.url)
        await here.drain(store=store, schedule_s=(0.2, 0.4)).start()
        await here.send()
        (delivery,) = await here.settled()
    first, second, third = (seen.at for seen in partner.seen)
    assert second - first >= 0.2
    assert third - second >= 0.4
    soon, later = store.pauses  # as asked for, however busy the machine is
    assert soon < 0.25
    assert later < 0.5
    assert delivery.state is WorkState.DEAD


async def test_after_the_last_try_it_is_dead_with_its_cause_and_listed(here: World) -> None:
    async with Receiver(status(500, b"no, thanks")) as partner:
        await here.endpoint(partner.url)
        await here.drain().start()
        await here.send()
        (delivery,) = await here.settled()
    assert len(partner.seen) == 5
    assert (delivery.state, delivery.cause, delivery.tries) == (WorkState.DEAD, "status 500", 5)
    assert delivery.attempts[-1].body == b"no, thanks"
    letters = await here.store.dead_letters.list(stage="deliver")
    assert [letter.delivery_id for letter in letters.items] == [delivery.id]
    assert (await here.store.stats(here.clock())).dead == 1


async def test_a_dead_delivery_may_be_tried_again_by_hand(here: World) -> None:
    async with Receiver(*[status(500)] * 5, status(200)) as partner:
        await here.endpoint(partner.url)
        await here.drain().start()
        await here.send()
        (delivery,) = await here.settled()
        assert delivery.state is WorkState.DEAD
        assert await retry_one(delivery.id, store=here.store.deliveries, clock=here.clock, wake=here.wake)
        (delivery,) = await here.settled()
    assert delivery.state is WorkState.DONE
    assert len({seen.body for seen in partner.seen}) == 1


async def test_gone_disables_the_endpoint_and_holds_the_rest(here: World) -> None:
    async with Receiver(status(410)) as partner, Receiver() as other:
        endpoint = await here.endpoint(partner.url)
        await here.endpoint(other.url)
        for article in ("a-1", "a-2", "a-3"):
            await here.fan_out(await here.publish(article))
        await here.drain(in_flight=1).start()
        records = await here.settled()
        await here.send("a-4")
        await other.got(4)
    assert len(partner.seen) == 1
    mine = [record for record in records if record.endpoint_id == endpoint.id]
    assert {record.state for record in mine} == {WorkState.HELD}
    after = await here.store.endpoints.get(endpoint.id)
    assert after is not None
    assert (after.state, after.state_reason) == (EndpointState.DISABLED, "answered 410 Gone")


async def test_held_deliveries_go_out_in_order_when_their_endpoint_resumes(here: World) -> None:
    async with Receiver() as partner:
        endpoint = await here.endpoint(partner.url)
        await here.drain(in_flight=1).start()
        await here.store.endpoints.pause(endpoint.id, here.clock())
        await here.send("a-1", "a-2", "a-3")
        assert {record.state for record in await here.settled()} == {WorkState.HELD}
        assert partner.seen == []
        await here.store.endpoints.resume(endpoint.id, here.clock())
        here.wake(())
        await partner.got(3)
    assert [said(seen)["id"] for seen in partner.seen] == ["a-1", "a-2", "a-3"]
    assert [said(seen)["sequence"] for seen in partner.seen] == [1, 2, 3]


@pytest.mark.parametrize("code", [429, 503, 500])
async def test_retry_after_holds_the_whole_mailbox(here: World, code: int) -> None:
    async with Receiver(status(code, retry_after="60"), status(200)) as partner, Receiver() as other:
        await here.endpoint(partner.url)
        await here.endpoint(other.url)
        await here.drain(in_flight=1).start()
        await here.send("a-1")
        await partner.got(1)
        await here.send("a-2", "a-3")
        await other.got(3)
        here.clock.ahead(55)
        here.wake(())
        await here.send("a-4")
        await other.got(4)
        assert len(partner.seen) == 1
        here.clock.ahead(10)
        here.wake(())
        await partner.got(5)


async def test_too_many_requests_costs_no_try(here: World) -> None:
    async with Receiver(*[status(429)] * 8, status(200)) as partner:
        await here.endpoint(partner.url)
        await here.drain(schedule_s=(0.02, 10.0)).start()
        await here.send()
        # Eight 429 within the span of the schedule leave the first try unspent.
        (delivery,) = await here.settled()
    assert (delivery.state, delivery.tries) == (WorkState.DONE, 1)
    assert [attempt.n for attempt in delivery.attempts] == [1] * 9
    assert delivery.attempts[0].outcome is Outcome.THROTTLED
    assert len(partner.seen) == 9


async def test_nothing_but_too_many_requests_for_the_whole_span_is_dead(here: World) -> None:
    async with Receiver(status(429)) as partner:
        await here.endpoint(partner.url)
        await here.drain(schedule_s=(0.05, 0.05)).start()
        await here.send()
        (delivery,) = await here.settled()
    assert (delivery.state, delivery.cause) == (WorkState.DEAD, "status 429")


async def test_a_refused_address_is_recorded_and_nothing_is_dialled(here: World) -> None:
    endpoint = await here.endpoint("https://10.0.0.1/hook")
    await here.drain().start()
    await here.send()
    (delivery,) = await here.settled()
    assert (delivery.state, delivery.cause) == (WorkState.DEAD, "blocked_address")
    assert {attempt.outcome for attempt in delivery.attempts} == {Outcome.BLOCKED}
    assert "10.0.0.1" not in delivery.attempts[0].detail
    assert delivery.endpoint_id == endpoint.id


# --- neighbours


async def test_hanging_neighbours_delay_nobody(here: World) -> None:
    async with Receiver(receivers.hang()) as stuck, Receiver() as partner:
        for _ in range(40):
            await here.endpoint(stuck.url)
        await here.drain().start()
        for n in range(10):
            await here.fan_out(await here.publish(f"stuck-{n}"))
        await stuck.got(40 * 8)
        await here.endpoint(partner.url)
        for n in range(10):
            await here.fan_out(await here.publish(f"quick-{n}"))
        async with asyncio.timeout(2):
            await partner.got(10)


async def test_no_endpoint_gets_more_at_once_than_its_cap(here: World) -> None:
    async with Receiver(receivers.slow(0.02, status(200))) as partner:
        await here.endpoint(partner.url)
        for n in range(30):
            await here.fan_out(await here.publish(f"a-{n}"))
        await here.drain(in_flight=3).start()
        await here.settled()
    assert partner.most_open == 3
    assert len(partner.seen) == 30


async def test_when_all_slots_are_taken_subscribers_take_turns(here: World) -> None:
    gate = asyncio.Event()
    async with Receiver(receivers.held(gate, status(200))) as busy, Receiver() as partner:
        for _ in range(5):
            await here.endpoint(busy.url, subscriber="busy")
        drain = here.drain(in_flight_all=4, in_flight=8)
        await drain.start()
        for n in range(20):
            await here.fan_out(await here.publish(f"a-{n}"))
        await busy.got(4)
        await here.endpoint(partner.url, subscriber="small")
        await here.send("b-1")

        async def all_open() -> bool:
            return drain.stats().mailboxes == 6

        await eventually(all_open)  # its mailbox stands in the queue for a slot
        gate.set()
        await partner.got(1)
        assert len(busy.seen) < 60
        await here.settled()
    assert busy.most_open <= 4


async def test_first_tries_never_wait_behind_retries(here: World) -> None:
    async with Receiver(*[status(500)] * 5, status(200)) as partner:
        await here.endpoint(partner.url)
        old = [f"old-{n}" for n in range(5)]
        for article in old:
            await here.fan_out(await here.publish(article))
        drain = here.drain(in_flight=5, schedule_s=(30.0,))
        await drain.start()
        await partner.got(5)
        await drain.stop()
        for n in range(3):
            await here.fan_out(await here.publish(f"new-{n}"))
        here.clock.ahead(60)  # now the retries are due, and older
        await here.drain(in_flight=1, schedule_s=(30.0,), owner="later").start()
        await partner.got(13)
    order = [said(seen)["id"] for seen in partner.seen[5:]]
    assert order[:3] == ["new-0", "new-1", "new-2"]
    assert sorted(order[3:]) == old


# --- retractions


async def test_a_retraction_stops_what_still_waits(here: World) -> None:
    gate = asyncio.Event()
    async with Receiver(receivers.held(gate, status(200)), status(200)) as partner:
        await here.endpoint(partner.url)
        await here.drain(in_flight=1).start()
        await here.send("first")
        await partner.got(1)  # its answer keeps the only place
        await here.send("a-1", revision=1)
        await here.send("a-1", revision=2, title="Corrected")
        retraction = await here.retract("a-1", reason="wrong")
        gate.set()
        await here.fan_out(retraction)
        records = await here.settled()
    assert [(json.loads(seen.body)["type"], said(seen)["id"]) for seen in partner.seen] == [
        ("article.published", "first"),
        ("article.retracted", "a-1"),
    ]
    assert [(record.state, record.cause) for record in records if record.article_id == "a-1"] == [
        (WorkState.DONE, "superseded"),
        (WorkState.DONE, "superseded"),
        (WorkState.DONE, None),
    ]


async def test_a_failed_revision_is_not_retried_after_its_retraction(here: World) -> None:
    async with Receiver(status(500), status(200)) as partner:
        await here.endpoint(partner.url)
        await here.drain(schedule_s=(30.0,) * 4).start()
        await here.send("a-1")
        await partner.got(1)

        async def recorded() -> bool:
            return bool((await here.deliveries())[0].attempts)

        await eventually(recorded)
        await here.fan_out(await here.retract("a-1"))
        await partner.got(2)
        here.clock.ahead(60)
        here.wake(())
        await here.settled()
    assert [json.loads(seen.body)["type"] for seen in partner.seen] == ["article.published", "article.retracted"]


async def test_a_takedown_sends_no_headline(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        await here.drain().start()
        await here.send("a-1", title="Secret headline")
        await partner.got(1)
        await here.fan_out(await here.retract("a-1", kind="takedown", reason="court order"))
        await partner.got(2)
    assert b"Secret headline" not in partner.seen[1].body
    assert said(partner.seen[1])["kind"] == "takedown"


async def test_the_retraction_of_an_embargoed_article_goes_to_nobody(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        await here.drain().start()
        await here.publish("a-1", embargo_until=here.clock() + timedelta(hours=1))
        await here.fan_out(await here.retract("a-1"))
        assert await here.settled() == []
    assert partner.seen == []


async def test_a_correction_reaches_an_endpoint_whose_filter_no_longer_matches(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url, section=("sport",))
        await here.drain().start()
        await here.send("a-1", sections=("Sport",))
        await here.send("a-1", sections=("Politics",))
        await partner.got(2)
    assert json.loads(partner.seen[1].body)["type"] == "article.updated"
    assert said(partner.seen[1])["matched"] == ["owed an earlier revision"]


# --- requests by people


async def test_a_test_event_arrives_signed_and_is_recorded(here: World) -> None:
    async with Receiver() as partner:
        endpoint = await here.endpoint(partner.url, section=("nothing",))
        await here.drain().start()
        delivery_id = await owe_test(
            endpoint.id, store=here.store.deliveries, clock=here.clock, new_id=here.new_id, wake=here.wake
        )
        assert delivery_id is not None
        await partner.got(1)
        await here.settled()
    (seen,) = partner.seen
    Webhook(endpoint.secret).verify(seen.body, seen.headers)
    assert json.loads(seen.body)["type"] == "wireroom.test"
    record = await here.store.deliveries.get(delivery_id)
    assert record is not None
    assert record.attempts[0].outcome is Outcome.OK
    assert (await here.store.stats(here.clock())).accepted == 0


async def test_a_replay_sends_the_same_bytes_under_the_same_id(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        await here.drain().start()
        await here.send()
        (delivery,) = await here.settled()
        new = await replay_one(
            delivery.id, store=here.store.deliveries, clock=here.clock, new_id=here.new_id, wake=here.wake
        )
        assert new not in {None, delivery.id}
        await partner.got(2)
    first, second = partner.seen
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_a_replay_of_what_was_taken_back_sends_the_retraction(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        await here.drain().start()
        await here.send()
        (delivery,) = await here.settled()
        await here.fan_out(await here.retract())
        await here.settled()
        await replay_one(delivery.id, store=here.store.deliveries, clock=here.clock, new_id=here.new_id, wake=here.wake)
        await partner.got(3)
    assert [json.loads(seen.body)["type"] for seen in partner.seen[1:]] == ["article.retracted"] * 2
    assert partner.seen[1].body == partner.seen[2].body


# --- changes while a mailbox is open


async def test_a_new_url_and_secret_take_effect_while_the_mailbox_is_busy(here: World) -> None:
    async with Receiver(receivers.hang()) as old, Receiver() as new:
        endpoint = await here.endpoint(old.url)
        await here.drain(timeout_s=30, fresh_s=0.0).start()
        await here.send("a-0")
        await old.got(1)  # hangs, so the mailbox stays open
        await here.store.endpoints.update(endpoint.id, url=new.url)
        changed = await here.store.endpoints.rotate(endpoint.id, make_secret(b"n" * 32))
        assert changed is not None
        await here.send("a-1")
        await new.got(1)
        Webhook(changed.secret).verify(new.seen[0].body, new.seen[0].headers)


async def test_a_deleted_endpoint_gets_nothing_more(here: World) -> None:
    gate = asyncio.Event()
    async with Receiver(receivers.held(gate, status(200))) as partner:
        endpoint = await here.endpoint(partner.url)
        await here.drain(in_flight=1).start()
        await here.send("a-1", "a-2")
        await partner.got(1)
        await here.store.endpoints.delete(endpoint.id, here.clock())
        gate.set()
        await here.send("a-3")
        await here.settled()
    assert len(partner.seen) == 1


# --- stopping, crashing, losing leases


async def test_stopping_hands_unfinished_work_back_at_once(here: World) -> None:
    async with Receiver(receivers.hang(), status(200)) as partner:
        await here.endpoint(partner.url)
        first = here.drain(in_flight=1, grace_s=0.2, lease_s=60.0)
        await first.start()
        await here.send("a-1", "a-2")
        await partner.got(1)
        async with asyncio.timeout(3):
            await first.stop()
        assert first.stats() == (0, 0, 0)
        await here.drain(owner="next", lease_s=60.0).start()
        records = await here.settled()
    assert {record.state for record in records} == {WorkState.DONE}
    cut = records[0].attempts[0]
    assert (cut.cause, records[0].tries) == (Cause.INTERNAL, 1)
    assert len(partner.seen) == 3


async def test_stopping_lets_requests_under_way_finish(here: World) -> None:
    gate = asyncio.Event()
    async with Receiver(receivers.held(gate, status(200))) as partner:
        await here.endpoint(partner.url)
        drain = here.drain(in_flight=1, grace_s=5.0)
        await drain.start()
        await here.send("a-1", "a-2")
        await partner.got(1)
        stopping = asyncio.create_task(drain.stop())
        await asyncio.sleep(0)
        gate.set()
        await stopping
        done, waiting = await here.deliveries()
    assert (done.state, waiting.state) == (WorkState.DONE, WorkState.WAITING)
    assert len(partner.seen) == 1


async def test_the_lease_of_a_dead_owner_lapses(here: World) -> None:
    gone = await here.endpoint("http://127.0.0.1:9/")
    await here.fan_out(await here.publish())
    now = here.clock()
    assert await here.store.deliveries.lease(gone.id, "dead", now + timedelta(seconds=30), now) is not None
    async with Receiver() as partner:
        await here.store.endpoints.update(gone.id, url=partner.url)
        await here.drain(owner="alive").start()
        here.wake(())
        await asyncio.sleep(0.2)
        assert partner.seen == []
        here.clock.ahead(31)
        here.wake(())
        await partner.got(1)


async def test_the_leases_of_an_earlier_life_are_taken_over_at_once(here: World) -> None:
    async with Receiver() as partner:
        endpoint = await here.endpoint(partner.url)
        await here.fan_out(await here.publish())
        now = here.clock()
        await here.store.deliveries.lease(endpoint.id, "here", now + timedelta(hours=1), now)
        await here.drain(owner="here").start()
        await partner.got(1)


async def test_a_long_request_keeps_its_lease_and_is_sent_once(here: World) -> None:
    async with Receiver(receivers.slow(1.5, status(200))) as partner:
        await here.endpoint(partner.url)
        for owner in ("one", "two"):
            await here.drain(owner=owner, lease_s=0.5).start()
        await here.send()
        (delivery,) = await here.settled()
    assert len(partner.seen) == 1
    assert delivery.state is WorkState.DONE


async def test_a_late_answer_under_a_lost_lease_changes_nothing(here: World) -> None:
    gate = asyncio.Event()
    async with Receiver(receivers.held(gate, status(500)), status(200)) as partner:
        endpoint = await here.endpoint(partner.url)
        await here.drain(owner="zombie", lease_s=60.0).start()
        await here.send()
        await partner.got(1)
        here.clock.ahead(120)  # it could not renew: its lease lapsed
        now = here.clock()
        fence = await here.store.deliveries.lease(endpoint.id, "other", now + timedelta(seconds=60), now)
        assert fence is not None
        gate.set()

        async def given_up() -> bool:
            return here.drains[0].stats().mailboxes == 0

        await eventually(given_up)
        (delivery,) = await here.deliveries()
        assert (delivery.state, delivery.attempts) == (WorkState.WAITING, ())


async def test_two_processes_share_the_work_and_send_each_once(here: World) -> None:
    async with Receiver() as partner:
        for _ in range(10):
            await here.endpoint(partner.url)
        for owner in ("one", "two"):
            await here.drain(owner=owner).start()
        for n in range(10):
            await here.fan_out(await here.publish(f"a-{n}"))
        await here.settled()
    ids = [seen.headers["webhook-id"] for seen in partner.seen]
    assert len(ids) == len(set(ids)) == 100


class AwayAtTimes:
    """The store's deliveries, whose `record` is away for the first tries."""

    def __init__(self, real: Any, away: int) -> None:
        self._real = real
        self.away = away

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def record(self, done: Sequence[Result], now: datetime) -> list[bool]:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("restarting")
        return await self._real.record(done, now)


async def test_results_wait_while_the_store_is_away_and_nothing_is_sent_twice(here: World) -> None:
    async with Receiver() as partner:
        for _ in range(3):
            await here.endpoint(partner.url)
        store = AwayAtTimes(here.store.deliveries, 3)
        await here.drain(store=store).start()
        await here.send("a-1", "a-2", "a-3")
        records = await here.settled()
    assert store.away == 0
    assert len(partner.seen) == 9
    assert all(len(record.attempts) == 1 for record in records)


class Gated(AwayAtTimes):
    """The store's deliveries, whose `record` waits for a gate; `renew` is away, leases are counted."""

    def __init__(self, real: Any) -> None:
        super().__init__(real, 0)
        self.gate = asyncio.Event()
        self.leases = 0

    async def record(self, done: Sequence[Result], now: datetime) -> list[bool]:
        await self.gate.wait()
        return await super().record(done, now)

    async def lease(self, endpoint_id: str, owner: str, until: datetime, now: datetime) -> int | None:
        self.leases += 1
        return await self._real.lease(endpoint_id, owner, until, now)

    async def renew(self, endpoint_id: str, fence: int, until: datetime) -> bool:
        raise StoreUnavailable(f"restarting: {endpoint_id} {fence} {until}")


async def test_a_slow_store_slows_a_mailbox_down_and_does_not_stop_it_at_once(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        store = Gated(here.store.deliveries)
        await here.send(*[f"a-{n}" for n in range(8)])
        await here.drain(store=store, in_flight=1, lease_s=60.0).start()
        await partner.got(4, 3)
        await asyncio.sleep(0.2)
        assert len(partner.seen) == 4  # so many results wait to be written, and no more are made
        store.gate.set()
        await partner.got(8)


async def test_a_lease_that_cannot_be_renewed_is_not_used_beyond_its_end(here: World) -> None:
    async with Receiver(receivers.slow(0.1, status(200))) as partner:
        await here.endpoint(partner.url)
        store = Gated(here.store.deliveries)
        store.gate.set()
        await here.drain(store=store, in_flight=1, lease_s=0.3).start()
        await here.send(*[f"a-{n}" for n in range(10)])
        await here.settled()
    assert len(partner.seen) == 10
    assert store.leases >= 2


class Noting(AwayAtTimes):
    """Notes how long each delivery is to wait for its next try."""

    def __init__(self, real: Any) -> None:
        super().__init__(real, 0)
        self.pauses: list[float] = []

    async def record(self, done: Sequence[Result], now: datetime) -> list[bool]:
        self.pauses += [(result.next_attempt_at - now).total_seconds() for result in done if result.next_attempt_at]
        return await super().record(done, now)


class OneBadResult(AwayAtTimes):
    """The store's deliveries; results of one endpoint cannot be written."""

    bad = ""

    async def record(self, done: Sequence[Result], now: datetime) -> list[bool]:
        if any(result.endpoint_id == self.bad for result in done):
            raise RuntimeError("a bug")
        return await self._real.record(done, now)


async def test_a_result_that_cannot_be_written_harms_no_neighbour_and_is_no_loop(here: World) -> None:
    async with Receiver() as unlucky, Receiver() as partner:
        store = OneBadResult(here.store.deliveries, 0)
        store.bad = (await here.endpoint(unlucky.url)).id
        await here.endpoint(partner.url)
        await here.drain(store=store).start()
        await here.send("a-1", "a-2", "a-3")
        await partner.got(3)

        async def others_done() -> bool:
            return sum(record.state is WorkState.DONE for record in await here.deliveries()) == 3

        await eventually(others_done)
        await asyncio.sleep(0.3)
    assert len(unlucky.seen) <= 3


async def test_a_wake_up_is_enough_and_the_timer_is_not_needed(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        await here.drain(poll_s=60.0).start()
        for n in range(5):
            await here.send(f"a-{n}")
            await partner.got(n + 1, 2)


async def test_an_event_does_not_wait_for_an_earlier_one_that_hangs(here: World) -> None:
    async with Receiver(receivers.hang(), status(200)) as partner:
        await here.endpoint(partner.url)
        await here.drain(timeout_s=30).start()
        await here.send("a-1")
        await partner.got(1)
        await here.send("a-2")
        await partner.got(2, 3)


async def test_the_timer_is_enough_when_a_wake_up_is_lost(here: World) -> None:
    async with Receiver() as partner:
        await here.endpoint(partner.url)
        await here.drain().start()
        here.wake = lambda _ids: None  # type: ignore[method-assign]
        await here.send("a-1")
        await partner.got(1, 2)


async def test_hundreds_of_endpoints_get_an_event(here: World) -> None:
    async with Receiver() as partner:
        await asyncio.gather(*(here.endpoint(partner.url) for _ in range(300)))
        await here.drain().start()
        await here.send()
        records = await here.settled(30)
    assert len(records) == 300
    assert len({seen.headers["webhook-id"] for seen in partner.seen}) == len(partner.seen) == 300
