"""Whatever happens, in whatever order, and twice: P4's sums close and agree with the rows, P3 holds."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from schemas.dead_letter import DeadLetter
from schemas.delivery import WorkState
from schemas.lifecycle import Submission
from services.store import Store
from services.store.supersede import is_superseded
from tests.servers_postgres import PostgresServer
from tests.stores import ALL, SECTION, Newsroom, article, envelope, published, retracted

ARTICLES = st.sampled_from(["a1", "b1"])
ENDPOINTS = ["w1", "w2"]
REVISIONS = st.one_of(st.none(), st.integers(1, 5))
HOURS = st.one_of(st.none(), st.integers(0, 3))
STATES = st.sampled_from([WorkState.DONE, WorkState.WAITING, WorkState.DEAD, WorkState.HELD])
STAGES = st.sampled_from(["enrich", "syndicate", "deliver"])

TOLD = st.fixed_dictionaries(
    {
        "name": ARTICLES,
        "title": st.sampled_from("xyz"),
        "revision": REVISIONS,
        "embargo": HOURS,
        "expiry": HOURS,
        "back": st.booleans(),
    }
)


class Books(RuleBasedStateMachine):
    """A newsroom, its stages and its partners, each of them clumsy."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.events: list[str] = []
        self.deliveries: list[str] = []

    def open(self) -> Store:
        raise NotImplementedError

    def run(self, doing: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await doing

        return self.runner.run(wait())

    @initialize()
    def begin(self) -> None:
        self.room = Newsroom(self.open())
        self.run(self.room.store.migrate())
        for name in ENDPOINTS:
            self.run(self.room.endpoint(name))

    def teardown(self) -> None:
        self.run(self.room.store.close())
        self.runner.close()

    def accept(self, *submissions: Submission) -> None:
        for accepted in self.run(self.room.accept(*submissions)):
            if accepted.rows:
                self.events.append(accepted.receipt.event_id)

    @rule(told=TOLD, again=st.booleans())
    def publish(self, told: dict[str, Any], again: bool) -> None:  # noqa: FBT001
        content = article(
            told["name"],
            told["title"],
            revision=told["revision"],
            embargo_until=self.in_hours(told["embargo"]),
            expires_at=self.in_hours(told["expiry"]),
        )
        one = published(content, reinstate=told["back"] and content.revision is not None)
        self.accept(*[one] * (1 + again))

    def in_hours(self, hours: int | None) -> datetime | None:
        return None if hours is None else self.room.now + timedelta(hours=hours)

    @rule(name=ARTICLES, revision=REVISIONS)
    def retract(self, name: str, revision: int | None) -> None:
        self.accept(retracted(name, revision=revision))

    @rule(data=st.data())
    def enrich(self, data: st.DataObject) -> None:
        self.run(self.room.enrich(*self.some(data, self.events)))

    @rule(data=st.data(), feeds=st.sampled_from([(ALL,), (ALL, SECTION), ()]), left=st.booleans())
    def syndicate(self, data: st.DataObject, feeds: Any, left: bool) -> None:  # noqa: FBT001
        chosen = self.some(data, [*self.events, *(f"{event}x" for event in self.events)])
        self.run(self.room.syndicate(*chosen, feeds=feeds, left=left))

    @rule(data=st.data(), to=st.lists(st.sampled_from(ENDPOINTS), unique=True), superseded=st.booleans())
    def fan_out(self, data: st.DataObject, to: list[str], superseded: bool) -> None:  # noqa: FBT001
        self.run(self.room.fan_out(*self.some(data, self.events), to=to, superseded=superseded))

    @rule(name=st.sampled_from(ENDPOINTS), states=st.lists(STATES, max_size=4), gone=st.booleans(), again=st.booleans())
    def send(self, name: str, states: list[WorkState], gone: bool, again: bool) -> None:  # noqa: FBT001
        fence = self.run(self.room.lease(name))
        pending = self.run(self.room.pending(name))
        self.deliveries.extend(pending)
        results = [
            self.room.result(
                each,
                fence,
                state,
                endpoint_id=name,
                cause="x",
                next_attempt_at=self.room.now + timedelta(hours=1) if state is WorkState.WAITING else None,
                disable_endpoint="410" if gone and state is WorkState.HELD else None,
            )
            for each, state in zip(pending, states, strict=False)
        ]
        for _ in range(1 + again):
            self.run(self.room.store.deliveries.record(results, self.room.now))
        self.run(self.room.store.deliveries.release(name, fence))

    @rule(name=st.sampled_from(ENDPOINTS), what=st.sampled_from(["pause", "resume", "resume"]))
    def steer(self, name: str, what: str) -> None:
        self.run(getattr(self.room.store.endpoints, what)(name, self.room.now))

    @rule(hours=st.integers(0, 2))
    def sweep(self, hours: int) -> None:
        self.room.later(hours=hours, seconds=1)
        self.run(self.room.store.outbox.due(self.room.now, 100))

    @rule(data=st.data(), stage=STAGES)
    def give_up(self, data: st.DataObject, stage: str) -> None:
        dead = [
            DeadLetter(stage=stage, cause="poison", detail="", at=self.room.now, event_id=each)
            for each in self.some(data, self.events)
        ]
        self.run(self.room.store.work.give_up(dead, self.room.now))

    @rule()
    def retry_letters(self) -> None:
        letters = self.run(self.room.store.dead_letters.list()).items
        self.run(self.room.store.dead_letters.retry([letter.id for letter in letters], self.room.now))

    @rule(data=st.data(), replay=st.booleans())
    def once_more(self, data: st.DataObject, replay: bool) -> None:  # noqa: FBT001
        for each in self.some(data, self.deliveries):
            if replay:
                self.run(self.room.store.deliveries.replay(each, self.room.now, self.room.new_id))
            else:
                self.run(self.room.store.deliveries.retry(each, self.room.now))

    @rule(name=st.sampled_from(ENDPOINTS))
    def test_one(self, name: str) -> None:
        self.run(self.room.store.deliveries.test(name, b"ping", envelope, self.room.now, self.room.new_id))

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "room"):
            self.run(self.room.sums())

    @invariant()
    def nothing_that_was_taken_back_will_leave(self) -> None:
        if not hasattr(self, "room"):
            return
        page = self.run(self.room.store.deliveries.list(limit=1_000))
        for one in page.items:
            if one.article_id is not None and one.state in {WorkState.WAITING, WorkState.HELD}:
                stored = self.run(self.room.store.articles.get(one.article_id))
                assert not is_superseded(stored.state, one.type, one.revision)

    @invariant()
    def every_message_of_open_work_is_in_the_outbox(self) -> None:
        if not hasattr(self, "room"):
            return
        for name in ("a1", "b1"):
            trace = self.run(self.room.store.trace(name))
            for event in trace.events if trace is not None else ():
                streams = {message.stream for message in event.messages}
                wanted = {
                    "article.accepted" if work.stage == "enrich" else "article.enriched"
                    for work in event.work
                    if work.state in {WorkState.WAITING, WorkState.HELD}
                }
                assert streams == wanted, event

    def some(self, data: st.DataObject, values: list[str]) -> list[str]:
        if not values:
            return []
        return data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))


def check(make: Callable[[], Store], examples: int, steps: int) -> None:
    class Here(Books):
        def open(self) -> Store:
            return make()

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def on_sqlite() -> Store:
    return Store.open(str(Path(tempfile.mkdtemp(prefix="wrb")) / "books.sqlite"))


def test_the_books_are_right_after_any_history_on_sqlite() -> None:
    check(on_sqlite, 12, 30)


def test_the_books_are_right_after_any_history_on_postgresql(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    check(lambda: Store.open(postgres_server.url(postgres_server.create(postgres_template))), 6, 30)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_the_books_are_right_after_long_histories(postgres_server: PostgresServer, postgres_template: str) -> None:
    check(on_sqlite, 150, 60)
    check(lambda: Store.open(postgres_server.url(postgres_server.create(postgres_template))), 50, 60)
