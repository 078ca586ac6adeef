"""P2, P9: through store and stages, whatever the order, readers end up with the same.

Two newsrooms get the same events, all with stated revisions. The first gets each once, in the order in
which they were made, and finishes it at once; the second late, shuffled and repeated, works them off in
any order, and is restarted in between. A model in dicts says what must be seen.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.article import RetractionKind
from schemas.jobs import SyndicatePlan
from schemas.lifecycle import Submission
from services.store import Store
from services.syndicate.core import plan
from services.syndicate.render import render
from tests.stores import START, Newsroom, article, published, retracted

NAMES = ("a1", "b1")
REVISIONS = st.integers(1, 5)
HOURS = st.sampled_from([None, None, 1, 3])
LONG_AFTER = timedelta(hours=10)


class Desk:
    """One installation: a store and the stages, worked by hand."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="wireroom-stages-")
        self.path = Path(self._directory.name) / "store.sqlite"
        self.waiting: set[str] = set()

    async def open(self) -> None:
        self.room = Newsroom(Store.open(str(self.path)))
        await self.room.store.migrate()

    async def restart(self) -> None:
        kept = self.room
        await kept.store.close()
        await self.open()
        self.room.now, self.room.new_id = kept.now, kept.new_id

    async def take(self, submission: Submission) -> None:
        [accepted] = await self.room.accept(submission)
        assert accepted.receipt.outcome != "conflict"
        if accepted.receipt.outcome != "repeat":
            self.waiting.add(accepted.receipt.event_id)

    async def work(self, *event_ids: str) -> None:
        """Enrich and syndicate these, as far as they are not held."""
        await self.room.enrich(*event_ids)
        jobs = await self.room.store.feeds.load(event_ids)
        plans = [rendered(plan(job, base_url="https://n.example", publisher="N")) for job in jobs.values()]
        await self.room.store.feeds.record(plans, self.room.now)

    async def tick(self, now: datetime) -> None:
        """Move the clock, and let what fell due be worked on."""
        self.room.now = now
        due = [row.event_id for row in await self.room.store.outbox.due(now, 500) if row.event_id]
        await self.work(*due)

    async def shown(self) -> dict[str, str]:
        """What a reader of `all` sees of each article: its title, where it is published."""
        items = await self.room.store.feeds.window("all")
        wanted = [(item.article_id, item.version) for item in items]
        fragments = await self.room.store.feeds.fragments("json", wanted)
        seen: dict[str, str] = {}
        for name, (_, fragment) in fragments.items():
            found = [title for title in (f"{name} says {n}" for n in range(1, 6)) if f'"{title}"'.encode() in fragment]
            if found:
                assert len(found) == 1
                seen[name] = found[0]
        return seen

    async def close(self) -> None:
        await self.room.store.close()
        self._directory.cleanup()


def rendered(one: SyndicatePlan) -> SyndicatePlan:
    if one.entry is None:
        return one
    [made] = render([one.entry])
    assert made.fault is None
    return one._replace(fragments=made.fragments)


class Stages(RuleBasedStateMachine):
    """Two desks and a model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.orderly, self.clumsy = Desk(), Desk()
        self.run(self.orderly.open())
        self.run(self.clumsy.open())
        self.now = START
        self.told: list[Submission] = []
        self.on_the_way: list[Submission] = []
        self.contents: dict[tuple[str, int], Submission] = {}

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(doing)

    def tell(self, submission: Submission) -> None:
        self.told.append(submission)
        self.on_the_way.append(submission)
        self.run(self.orderly.take(submission))
        self.run(self.orderly.work(*self.orderly.waiting))

    @rule(name=st.sampled_from(NAMES), revision=REVISIONS, embargo=HOURS, expiry=HOURS, back=st.booleans())
    def publish(self, name: str, revision: int, embargo: int | None, expiry: int | None, back: bool) -> None:  # noqa: FBT001
        if (name, revision) in self.contents:
            return  # another content under the same number is a conflict, and no event
        content = article(
            name,
            f"{name} says {revision}",
            revision=revision,
            embargo_until=None if embargo is None else START + timedelta(hours=embargo),
            expires_at=None if expiry is None else START + timedelta(hours=expiry),
        )
        self.contents[name, revision] = published(content, reinstate=back)
        self.tell(self.contents[name, revision])

    @rule(name=st.sampled_from(NAMES), revision=REVISIONS, kind=st.sampled_from(RetractionKind))
    def retract(self, name: str, revision: int, kind: RetractionKind) -> None:
        self.tell(retracted(name, revision=revision, kind=kind, occurred_at=START))

    @rule(data=st.data(), again=st.booleans())
    def arrive(self, data: st.DataObject, again: bool) -> None:  # noqa: FBT001
        if self.on_the_way:
            chosen = data.draw(st.sampled_from(range(len(self.on_the_way))))
            self.run(self.clumsy.take(self.on_the_way[chosen] if again else self.on_the_way.pop(chosen)))

    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        if self.clumsy.waiting:
            some = data.draw(st.lists(st.sampled_from(sorted(self.clumsy.waiting)), max_size=4))
            self.run(self.clumsy.work(*some))

    @rule(hours=st.integers(1, 2))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.run(self.orderly.tick(self.now))
        self.run(self.clumsy.tick(self.now))

    @rule()
    def restart(self) -> None:
        self.run(self.clumsy.restart())

    @invariant()
    def nothing_shows_before_its_instant(self) -> None:
        for desk in (self.orderly, self.clumsy):
            for name, title in self.run(desk.shown()).items():
                content = self.contents[name, int(title.rpartition(" ")[2])].article
                assert content is not None
                assert content.embargo_until is None or content.embargo_until <= desk.room.now

    def teardown(self) -> None:
        try:
            for submission in self.on_the_way:
                self.run(self.clumsy.take(submission))
            self.now += LONG_AFTER
            for desk in (self.orderly, self.clumsy):
                self.run(desk.work(*desk.waiting))
                self.run(desk.tick(self.now))
                self.run(desk.tick(self.now))  # an embargo that ended may have left an expiry behind
                assert self.run(desk.shown()) == self.expected()
                self.run(desk.room.sums())
        finally:
            self.run(self.orderly.close())
            self.run(self.clumsy.close())
            self.runner.close()

    def expected(self) -> dict[str, str]:
        """The highest revision, unless a retraction stands over it or its time is over."""
        seen: dict[str, str] = {}
        for name in NAMES:
            contents = {n: told for (told_name, n), told in self.contents.items() if told_name == name}
            taken = [one.stated_revision or 0 for one in self.told if one.retraction and one.article_id == name]
            back = max((n for n, told in contents.items() if told.reinstate), default=0)
            if not contents or (taken and back <= max(taken)):
                continue
            newest = contents[max(contents)].article
            assert newest is not None
            if newest.expires_at is None:
                seen[name] = newest.title
        return seen


TestStages = Stages.TestCase
TestStages.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
