"""Feeds that should move and are silent; documents judged behind everything else; what operators see of it."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from schemas.feed_health import ClientHealth, FeedSums, Judged
from schemas.records import FeedRow
from services.observe.alerts import alerts
from services.observe.core import Reading
from services.observe.feed_report import is_rude, report
from services.observe.feed_watch import FeedWatch
from services.observe.metrics import Metrics
from services.observe.rhythm import is_silent, silent_after
from services.store.errors import StoreUnavailable
from services.store.feed_health import Checked, Pulse
from services.syndicate.checker import DocumentChecker
from services.syndicate.document import Document, make
from services.syndicate.documents import Key
from services.syndicate.formats import FORMATS
from tests.golden.entries import STORY, head

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def pulse(**changed: object) -> Pulse:
    usual = Pulse("all", "all", NOW - timedelta(hours=5), NOW - 10 * DAY, 200, 10 * 3_600, None)
    return usual._replace(**changed)


@pytest.mark.parametrize(
    ("changed", "silent"),
    [
        ({}, False),  # five hours, and ten at night are usual
        ({"last_at": NOW - timedelta(hours=19)}, False),
        ({"last_at": NOW - timedelta(hours=21)}, True),
        ({"last_at": NOW - timedelta(hours=21), "moves": 19}, False),  # not known well enough
        ({"last_at": NOW - timedelta(hours=21), "since": NOW - 2 * DAY}, False),
        ({"last_at": NOW - timedelta(minutes=50), "longest_s": 60}, False),  # nobody is called within the hour
        ({"last_at": NOW - timedelta(minutes=70), "longest_s": 60}, True),
        ({"stated_s": 600}, True),
        ({"stated_s": 86_400, "last_at": NOW - timedelta(hours=21)}, False),
        (
            {"stated_s": 600, "moves": 0, "last_at": NOW - 9 * DAY, "since": NOW - timedelta(minutes=5)},
            False,
        ),  # it is new
    ],
)
def test_a_feed_is_silent_as_people_said_or_as_its_rhythm_tells(changed: dict[str, object], silent: bool) -> None:  # noqa: FBT001
    assert is_silent(pulse(**changed), NOW) is silent


def test_an_unknown_rhythm_is_said_so() -> None:
    assert silent_after(pulse(moves=3)) is None
    assert silent_after(pulse()) == timedelta(hours=20)


class Rhythms:
    def __init__(self, *pulses: Pulse) -> None:
        self.kept = pulses
        self.asked: list[datetime | None] = []
        self.beats: list[tuple[str, datetime]] = []

    async def moved_since(self, token: datetime | None) -> list[tuple[str, datetime]]:
        self.asked.append(token)
        return [(one.feed, one.last_at) for one in self.kept]

    async def beat(self, moved: Sequence[tuple[str, datetime]]) -> None:
        self.beats.extend(moved)

    async def pulses(self) -> list[Pulse]:
        return list(self.kept)

    async def faulty(self, limit: int = 100) -> tuple[int, int, list[str]]:
        return 6, 1, ["tag/x"][:limit]


async def test_the_watch_notes_rhythms_and_names_who_is_silent() -> None:
    store = Rhythms(pulse(), pulse(feed="b", address="tag/b", last_at=NOW - 3 * DAY))
    watch = FeedWatch(store, clock=lambda: NOW)
    sums = await watch.look()
    assert sums == FeedSums(feeds=2, silent=1, faulty=1, checked=6, silent_feeds=("tag/b",), faulty_feeds=("tag/x",))
    await watch.look()
    assert store.asked == [None, NOW - timedelta(hours=5, seconds=10)]
    assert len(store.beats) == 4


def test_silent_and_faulty_feeds_are_alerts_and_metrics() -> None:
    sums = FeedSums(
        feeds=9, silent=7, faulty=1, checked=3, silent_feeds=tuple(f"tag/{n}" for n in range(7)), faulty_feeds=("all",)
    )
    reading = Reading(NOW, None, feeds=sums)
    said = {alert.name: alert.says for alert in alerts(reading)}
    assert said["feeds_silent"].endswith("tag/0, tag/1, tag/2, tag/3, tag/4 and 2 more: wireroom feeds show NAME")
    assert said["feeds_faulty"].endswith(": all: wireroom feeds show NAME")
    lines = Metrics("1", lambda: reading).render().decode().splitlines()
    assert 'wireroom_feeds{state="silent"} 7.0' in lines
    assert 'wireroom_feeds{state="faulty"} 1.0' in lines
    assert "wireroom_feed_documents_checked 3.0" in lines
    assert not {"feeds_silent", "feeds_faulty"} & {
        alert.name for alert in alerts(Reading(NOW, None, feeds=FeedSums(feeds=9)))
    }


class Verdicts:
    def __init__(self) -> None:
        self.kept: list[Judged] = []
        self.told = asyncio.Event()
        self.away = False

    async def judged(self, judged: Judged) -> None:
        if self.away:
            self.away = False
            raise StoreUnavailable("away")
        self.kept.append(judged)
        self.told.set()

    async def checks(self, names: Collection[str]) -> list[Checked]:
        return [
            Checked(one.feed, one.format, one.version, one.checked_at, one.bytes, len(one.faults))
            for one in self.kept
            if one.feed in names
        ]


def document(version: int, *, faulty: bool = False) -> Document:
    shape = FORMATS["rss"]
    body = STORY.model_copy(update={"content_html": "<p>open"}) if faulty else STORY
    above = head("rss", STORY.updated, ttl_minutes=1)
    return make(above, version, NOW, shape, [shape.entry(body) or b""])


def checker(held: dict[Key, Document], verdicts: Verdicts, share: float = 1.0) -> DocumentChecker:
    return DocumentChecker(held.get, verdicts, clock=lambda: NOW, share=share)


async def test_a_document_is_judged_once_per_change_and_its_faults_are_kept() -> None:
    key, verdicts = ("all", "rss", ""), Verdicts()
    held = {key: document(1, faulty=True)}
    judge = checker(held, verdicts)
    assert {fault.rule for fault in await judge.check(key)} == {7}
    assert await judge.check(key) == []
    [first] = verdicts.kept
    assert (first.format, first.version, first.bytes) == ("rss", 1, len(held[key].identity.data))
    assert first.faults[0][0] == 7
    held[key] = document(2)
    await judge.check(key)
    assert [(one.version, one.faults) for one in verdicts.kept[1:]] == [(2, ())]
    assert await judge.check(("gone", "rss", "")) == []


async def test_what_waits_is_judged_behind_everything_else_and_survives_a_fault() -> None:
    keys = [("all", "rss", ""), ("all", "rss", "archive/1/1-25"), ("b", "rss", "")]
    verdicts = Verdicts()
    verdicts.away = True
    judge = checker(dict.fromkeys(keys, document(1)), verdicts)
    for key in keys * 3:
        judge.note(key)
    task = asyncio.create_task(judge.run())
    await asyncio.wait_for(verdicts.told.wait(), 5)
    assert len(verdicts.kept) == 1  # the first met a store that was away; a sealed page is not judged
    task.cancel()


async def test_judging_takes_no_more_than_its_share() -> None:
    verdicts = Verdicts()
    held = {(f"f{n}", "rss", ""): document(1) for n in range(200)}
    judge = checker(held, verdicts, share=0.01)
    for key in held:
        judge.note(key)
    task = asyncio.create_task(judge.run())
    await asyncio.wait_for(verdicts.told.wait(), 5)
    await asyncio.sleep(0)
    assert judge.checked == 1  # it rests now
    task.cancel()


def client(name: str = "curl", **counts: int) -> ClientHealth:
    values = {"requests": 10, "not_modified": 0, "unconditional": 0, "limited": 0, "bytes_sent": 0, **counts}
    return ClientHealth(client=name, **values)


@pytest.mark.parametrize(
    ("one", "rude"),
    [
        (client(), False),
        (client(limited=1), True),
        (client(requests=400, unconditional=400), True),
        (client(requests=400, unconditional=300), False),
        (client(requests=2_000, unconditional=400), False),  # mostly well-behaved
    ],
)
def test_who_fetches_too_much_is_known_by_it(one: ClientHealth, rude: bool) -> None:  # noqa: FBT001
    assert is_rude(one, 7) is rude


def test_a_report_adds_formats_and_programs_up() -> None:
    feed = FeedRow(name="all", title="All", kind="all", version=3, changed_at=NOW, items=5)
    made = report(
        feed,
        days=7,
        now=NOW,
        pulse=pulse(last_at=NOW - 2 * DAY),
        clients={
            "rss": [client("Feedly", not_modified=9, subscribers=40), client()],
            "atom": [client("Feedly", not_modified=9, subscribers=2)],
        },
        checks=[Checked("all", "rss", 3, NOW, 1_234, 2)],
        readers=4,
    )
    assert (made.requests, made.not_modified, made.not_modified_ratio, made.subscribers, made.readers) == (
        30,
        18,
        0.6,
        42,
        4,
    )
    assert [(one.client, one.requests, one.subscribers) for one in made.clients] == [
        ("Feedly", 20, 42),
        ("curl", 10, None),
    ]
    assert [(one.format, one.requests, one.size, one.faults) for one in made.formats] == [
        ("atom", 10, None, None),
        ("rss", 20, 1_234, 2),
    ]
    assert (made.silent, made.silent_since, made.silent_after_s) == (True, NOW - 2 * DAY, 72_000)
    ended = report(
        feed.model_copy(update={"ended_at": NOW}),
        days=7,
        now=NOW,
        pulse=pulse(last_at=NOW - 2 * DAY),
        clients={},
        checks=[],
        readers=0,
    )
    assert (ended.silent, ended.not_modified_ratio) == (False, None)
