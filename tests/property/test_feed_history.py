"""Rules 11, 13, 14, 35 and 40 over time: whatever is published, corrected, taken back, renamed and restarted.

A newsroom works through the real stages; a model in dicts says what readers may see. After each step every
document, sealed page and answer to "what moved" is searched for what must not be there, and the feed is walked.
"""

import asyncio
import json
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import insert, select

from services.store import Store
from services.store.tables import entry, feed_alias, feed_definition, past_fragment
from services.syndicate.archivist import Archivist
from services.syndicate.document import Document
from services.syndicate.documents import Documents
from tests.feed_desk import Desk
from tests.history import SITE, Newspaper, story, taken_back
from tests.http_api import START

NAMES = ("a", "b", "c")
FORMATS = ("atom", "json")
FEEDS = ("all", "section/world")
HOURS = st.sampled_from([None, None, None, 1, 3, 40])


@dataclass
class Told:
    """One revision: its mark stands in its text and nowhere else."""

    number: int
    mark: str
    opens: datetime
    ends: datetime | None
    back: bool = False


@dataclass
class Story:
    """What was told of one story. `taken`: the revision up to which it was taken back; `ever`: readers saw it."""

    told: list[Told] = field(default_factory=list)
    taken: int = 0
    ever: bool = False

    def shown(self, now: datetime) -> Told | None:
        return max((one for one in self.told if one.opens <= now), key=lambda one: one.number, default=None)

    def is_taken(self, now: datetime) -> bool:
        """A revision that brings it back counts from when it may be seen."""
        shown = self.shown(now)
        back = max((one.number for one in self.told if one.back and one.opens <= now), default=0)
        return self.taken > 0 and (back <= self.taken or shown is None or shown.number <= self.taken)

    def visible(self, now: datetime) -> Told | None:
        shown = self.shown(now)
        over = shown is None or self.is_taken(now) or (shown.ends is not None and shown.ends <= now)
        return None if over else shown

    def listed(self, now: datetime) -> bool:
        """Whether a JSON document shows it, or its stub."""
        return self.visible(now) is not None or (self.ever and self.is_taken(now))


class History(RuleBasedStateMachine):
    """One newsroom and a model."""

    steps = 0  # of all runs

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = ThreadPoolExecutor(1)
        self.directory = tempfile.TemporaryDirectory(prefix="wireroom-history-")
        self.stories = {name: Story() for name in NAMES}
        self.fillers = 0
        self.marks = 0
        self.renamed = 0
        self.address = "section/world"
        self.ids: dict[str, str] = {}
        self.times: dict[str, tuple[datetime, datetime]] = {}
        self.paper = self.run(self._open(START, 1))

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(doing)

    async def _open(self, now: datetime, next_id: int) -> Newspaper:
        store = Store.open(str(Path(self.directory.name) / "store.sqlite"))
        await store.migrate()
        desk = Desk(store, self.pool, SITE, now=now)
        for _ in range(1, next_id):
            next(desk.ids)
        documents = Documents(store.feeds, SITE, cache_bytes=10_000_000, coalesce_s=0.001)
        return Newspaper(desk, documents, Archivist(store.archives, desk, clock=lambda: desk.now))

    @initialize()
    def define(self) -> None:
        """Let a feed have an address of its own, so that it can be renamed."""

        def unit(connection: Any) -> None:
            values = {"feed": "section/world", "address": self.address, "body": "full", "created_at": START}
            rest = {"changed_at": START, "searches": 0, "version": 0, "filled": 0, "evaluated": 0}
            connection.execute(insert(feed_definition), {**values, **rest})

        self.run(self.paper.desk.store.database.write(unit))

    @property
    def now(self) -> datetime:
        return self.paper.desk.now

    def say(self, *events: dict[str, Any]) -> None:
        self.run(self.paper.say(*events, after=timedelta(seconds=1)))
        self._note()

    def _note(self) -> None:
        for one in self.stories.values():
            one.ever = one.ever or one.visible(self.now) is not None

    @rule(name=st.sampled_from(NAMES), embargo=HOURS, expiry=HOURS, back=st.booleans())
    def publish(self, name: str, embargo: int | None, expiry: int | None, back: bool) -> None:  # noqa: FBT001
        """Publish, correct, bring back: the next revision, open at once or later, for good or for a time."""
        one = self.stories[name]
        self.marks += 1
        at = self.now + timedelta(seconds=1)
        opens = at if embargo is None else at + timedelta(hours=embargo, minutes=-1)
        ends = None if expiry is None else opens + timedelta(hours=expiry)
        told = Told(len(one.told) + 1, f"mark{self.marks:06}x", opens, ends, back and one.taken > 0)
        content = story(
            name,
            revision=told.number,
            title=f"Title {told.mark}",
            content_text=f"The harbour is {told.mark} since yesterday.",
            correction_note="It was wrong." if told.number > 1 else None,
            embargo_until=None if embargo is None else opens.isoformat(),
            expires_at=None if ends is None else ends.isoformat(),
        )
        before = self.run(self.everything()) if embargo is not None else None
        event = {"type": "article.published", "data": content, **({"reinstate": True} if told.back else {})}
        one.told.append(told)
        self.say(event)
        if before is not None:
            assert self.run(self.everything()) == before  # rule 40: to the byte

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(["withdraw", "takedown"]))
    def retract(self, name: str, kind: str) -> None:
        one = self.stories[name]
        if not one.told or one.is_taken(self.now):
            return
        one.taken = len(one.told)
        event = taken_back(name, kind)
        self.say({**event, "data": {**event["data"], "revision": one.taken}})

    @rule(hours=st.sampled_from([1, 2, 30]))
    def wait(self, hours: int) -> None:
        self.run(self.paper.wait(timedelta(hours=hours)))
        self.run(self.paper.wait(timedelta(0)))  # an embargo that ended may have left an expiry behind
        self._note()

    @rule()
    def many(self) -> None:
        """So much else comes, and so much later, that pages are sealed."""
        stories = [story(f"f{self.fillers + number:05}") for number in range(28)]
        self.fillers += len(stories)
        self.run(self.paper.wait(timedelta(hours=30)))
        self.run(self.paper.wait(timedelta(0)))
        self.say(*stories)

    @rule()
    def rename(self) -> None:
        self.renamed += 1
        old, new = self.address, f"desk/{self.renamed}"
        self.address = new

        def unit(connection: Any) -> None:
            connection.execute(insert(feed_alias), {"address": old, "feed": "section/world", "since": self.now})
            of_feed = feed_definition.c.feed == "section/world"
            connection.execute(feed_definition.update().where(of_feed).values(address=new))

        self.run(self.paper.desk.store.database.write(unit))

    @rule()
    def restart(self) -> None:
        before = self.run(self.everything())
        self.run(self._restart())
        assert self.run(self.everything()) == before

    async def _restart(self) -> None:
        await self.paper.documents.close()
        await self.paper.desk.store.close()
        spent = next(self.paper.desk.ids)
        self.paper = await self._open(self.now, spent + 1)

    async def everything(self) -> dict[str, bytes]:
        """All that readers can fetch in two formats, joined anew; empty while no feed is there."""
        if await self.paper.desk.store.feeds.head("section/world") is None:
            return {}
        return await self.paper.everything("all", self.address, formats=FORMATS)

    @invariant()
    def everything_is_as_it_must_be(self) -> None:
        History.steps += 1
        self.nothing_shows_that_must_not()
        self.what_was_taken_back_is_kept_for_no_page()
        self.ids_and_first_dates_are_for_good_and_updates_never_go_back()
        self.a_walk_finds_everything_that_is_there()

    def nothing_shows_that_must_not(self) -> None:
        found = b"".join(self.run(self.everything()).values())
        for one in self.stories.values():
            for told in one.told:
                over = told.ends is not None and told.ends <= self.now and told is one.shown(self.now)
                if told.opens > self.now or told.number <= one.taken or over:
                    shown = one.visible(self.now)
                    stub = f"Title {told.mark}".encode()  # a withdrawn story keeps its headline
                    text = f"harbour is {told.mark}".encode()
                    assert text not in found, (told, one)
                    if told.opens > self.now and shown is not told:
                        assert stub not in found
            shown = one.visible(self.now)
            if shown is not None:
                assert f"harbour is {shown.mark}".encode() in found

    def what_was_taken_back_is_kept_for_no_page(self) -> None:
        def texts(connection: Any) -> bytes:
            return b"".join(row[0] for row in connection.execute(select(past_fragment.c.data)))

        kept = self.run(self.paper.desk.store.database.read(texts))
        for one in self.stories.values():
            for told in one.told[: one.taken]:
                assert f"harbour is {told.mark}".encode() not in kept

    def ids_and_first_dates_are_for_good_and_updates_never_go_back(self) -> None:
        def entries(connection: Any) -> list[Any]:
            columns = (entry.c.article_id, entry.c.entry_id, entry.c.published, entry.c.updated)
            return list(connection.execute(select(*columns).where(entry.c.entry_id.is_not(None))))

        rows = self.run(self.paper.desk.store.database.read(entries))
        assert len({row.entry_id for row in rows}) == len(rows)
        for row in rows:
            assert self.ids.setdefault(row.article_id, row.entry_id) == row.entry_id
            published, updated = self.times.get(row.article_id, (row.published, row.updated))
            assert row.published == published
            assert row.published <= row.updated
            assert row.updated >= updated
            self.times[row.article_id] = (row.published, row.updated)

    def a_walk_finds_everything_that_is_there(self) -> None:
        for feed in ("all", self.address):
            seen = self.run(self._walk(feed))
            names = [name for document in seen for name in document]
            assert all(len(document) == len(set(document)) for document in seen)
            expected = {f"f{number:05}" for number in range(self.fillers)}
            assert all(names.count(name) == 1 for name in expected), feed
            expected |= {name for name, one in self.stories.items() if one.listed(self.now)}
            assert set(names) == expected, feed

    async def _walk(self, address: str) -> list[list[str]]:
        """Follow the JSON documents to the oldest; the stories in each."""
        by_id = {entry_id: name for name, entry_id in self.ids.items()}
        page, seen = "", list[list[str]]()
        fresh = Documents(self.paper.desk.store.feeds, SITE, cache_bytes=10_000_000)
        try:
            while True:
                found = await fresh.get(address, "json", page)
                if found is None and not page:
                    return seen
                assert isinstance(found, Document), (address, page, found)
                body = json.loads(found.identity.data)
                seen.append([by_id[item["id"]] for item in body["items"]])
                if "next_url" not in body:
                    return seen
                page = body["next_url"].partition(f"/feeds/{address}/")[2].removesuffix(".json")
        finally:
            await fresh.close()

    def teardown(self) -> None:
        self.run(self.paper.documents.close())
        self.run(self.paper.desk.store.close())
        self.runner.close()
        self.pool.shutdown()
        self.directory.cleanup()


_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=3, stateful_step_count=18, deadline=None, suppress_health_check=_QUIET)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_rules_11_to_40_hold_over_two_thousand_steps() -> None:
    """Embargo, retraction and permanence of ids, over at least 2,000 steps."""
    long = settings(max_examples=50, stateful_step_count=60, deadline=None, suppress_health_check=_QUIET)
    before = History.steps
    run_state_machine_as_test(History, settings=long)
    assert History.steps - before >= 2_000
