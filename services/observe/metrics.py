"""Prometheus metrics: one registry per process, bounded labels, base units.

What this process does itself is counted as it happens; what Redis and SQL hold comes from the newest
sample when scraped, and what that sample does not know is absent. Ids of articles, endpoints and
feeds are no labels: they live in SQL and in logs.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.serving import Served
from services.observe.core import Reading, outbox_age, stages

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_REASONS = 50  # a reason beyond these is counted as "other"

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

B = TypeVar("B")


class Metrics:
    """What this process counts. `newest` gives the newest sample, None while there is none."""

    def __init__(self, version: str, newest: Callable[[], Reading | None] = lambda: None) -> None:
        disable_created_metrics()  # a second series for each counter, of which nobody asks
        self.registry = own = CollectorRegistry()
        self._reasons: set[str] = set()
        self._received = Counter("wireroom_events_received", "Events that arrived.", ["source_kind"], registry=own)
        self._rejected = Counter("wireroom_events_rejected", "Events refused.", ["reason"], registry=own)
        self._messages = Counter(
            "wireroom_stage_messages", "Messages handled, by how it ended.", ["stage", "outcome"], registry=own
        )
        self._durations = Histogram(
            "wireroom_stage_duration_seconds", "Time of one batch in a stage.", ["stage"], buckets=FAST, registry=own
        )
        self._inflight = Gauge("wireroom_stage_inflight", "Messages under way in a stage.", ["stage"], registry=own)
        self._end_to_end = Histogram(
            "wireroom_end_to_end_seconds", "From publish to an output.", ["output"], buckets=SLOW, registry=own
        )
        self._attempts = Counter(
            "wireroom_delivery_attempts", "Webhook attempts.", ["outcome", "status_class"], registry=own
        )
        self._exchanges = Histogram(
            "wireroom_delivery_duration_seconds", "Time of one webhook exchange.", buckets=SLOW, registry=own
        )
        self._served: dict[tuple[str, int], list[int]] = {}  # (format, status code) → answers, bytes
        info = Gauge("wireroom_build_info", "Always 1; the version is its label.", ["version"], registry=own)
        info.labels(version).set(1)
        ProcessCollector(namespace="wireroom", registry=own)
        own.register(_Sampled(newest))
        own.register(_Feeds(self._served))

    def received(self, source_kind: str, count: int = 1) -> None:
        """Count events that arrived: http, stream, cli or import."""
        self._received.labels(source_kind).inc(count)

    def rejected(self, reason: str, count: int = 1) -> None:
        """Count events refused."""
        self._rejected.labels(self._bounded(reason)).inc(count)

    def handled(self, stage: str, outcome: str, count: int = 1) -> None:
        """Count messages by how they ended: ok, retry, dead, duplicate or stale."""
        if count:
            self._messages.labels(stage, outcome).inc(count)

    def reached(self, output: str, seconds: float) -> None:
        """Record how long an event took from publish to "feed" or "webhook"."""
        self._end_to_end.labels(output).observe(max(seconds, 0.0))

    def attempted(self, outcome: str, status: int | None, seconds: float) -> None:
        """Count a webhook attempt; `status` None: no answer came."""
        self._attempts.labels(outcome, f"{status // 100}xx" if status else "none").inc()
        self._exchanges.observe(seconds)

    def feed_served(self, served: Served) -> None:
        """Count an answer about a feed. On the hot path: the library's own counters would take ten times as long."""
        sums = self._served.get(served[1:3])
        if sums is None:
            sums = self._served[served.format, served.status] = [0, 0]
        sums[0] += 1
        sums[1] += served[3]

    def watch(
        self, stage: str, handle: Callable[[B], Awaitable[None]], size: Callable[[B], int]
    ) -> Callable[[B], Awaitable[None]]:
        """Wrap a stage's handler of batches: time it, and count its messages as ok, or as retry if it raises."""
        duration, inflight = self._durations.labels(stage), self._inflight.labels(stage)

        async def watched(batch: B) -> None:
            count, begun = size(batch), time.perf_counter()
            inflight.inc(count)
            try:
                await handle(batch)
            except BaseException:
                self.handled(stage, "retry", count)
                raise
            finally:
                inflight.dec(count)
                duration.observe(time.perf_counter() - begun)
            self.handled(stage, "ok", count)

        return watched

    def render(self) -> bytes:
        """Write all of it in the text format; takes milliseconds, and asks neither Redis nor SQL."""
        return generate_latest(self.registry)

    def _bounded(self, reason: str) -> str:
        word = reason.partition(":")[0][:40]
        if word not in self._reasons:
            if len(self._reasons) >= MOST_REASONS:
                return "other"
            self._reasons.add(word)
        return word


class _Feeds(Collector):
    """Answers about feeds, counted in a plain dict."""

    def __init__(self, served: Mapping[tuple[str, int], Sequence[int]]) -> None:
        self._served = served

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("wireroom_feed_requests", "Requests for feeds.", labels=["format", "code"])
        sizes = CounterMetricFamily("wireroom_feed_response_bytes", "Bytes of feeds sent.", labels=["format"])
        sums: dict[str, int] = {}
        for (kind, code), (count, size) in self._served.items():
            requests.add_metric([kind, str(code)], count)
            sums[kind] = sums.get(kind, 0) + size
        for kind, size in sums.items():
            sizes.add_metric([kind], size)
        yield requests
        yield sizes


class _Sampled(Collector):
    """The newest sample as metrics. A metric without any known value is left out altogether."""

    def __init__(self, newest: Callable[[], Reading | None]) -> None:
        self._newest = newest

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        if (reading := self._newest()) is None:
            return
        for family in (*_groups(reading), *_server(reading), *_sums(reading), *_stages(reading), *_feeds(reading)):
            if family.samples:
                yield family


def _groups(reading: Reading) -> Iterator[Metric]:
    for name, field, says in (
        ("group_undelivered_entries", "undelivered", "Entries that no consumer has read."),
        ("group_pending_entries", "pending", "Entries read and not acknowledged."),
        ("group_oldest_undelivered_age_seconds", "oldest_undelivered_s", "Age of the oldest entry not read."),
        ("group_oldest_pending_age_seconds", "oldest_pending_s", "Age of the oldest entry not acknowledged."),
        ("consumers", "consumers", "Consumers of a group."),
    ):
        family = GaugeMetricFamily(f"wireroom_{name}", says, labels=["stream", "group"])
        for group in reading.groups:
            if (value := getattr(group, field)) is not None:
                family.add_metric([group.stream, group.group], value)
        yield family


def _server(reading: Reading) -> Iterator[Metric]:
    server = reading.server
    if server is None:
        return
    for name, value, says in (
        ("redis_up", server.reachable, "Whether Redis answers."),
        ("redis_memory_ratio", server.memory_ratio, "Used memory ÷ maxmemory."),
        ("redis_aof_last_write_ok", server.writes_ok, "Whether the last append-only write succeeded."),
        ("redis_replica_link_up", server.replica_link_up, "Whether the replica link is up."),
    ):
        yield _one(f"wireroom_{name}", says, value)


def _sums(reading: Reading) -> Iterator[Metric]:
    stats = reading.stats
    if stats is None:
        return
    accepted = CounterMetricFamily("wireroom_events_accepted", "Events accepted, ever (P4's sum).")
    accepted.add_metric([], stats.accepted)
    yield accepted
    for name, says, sums in (
        ("events_in_state", "Events by state; they sum to those accepted.", stats),
        ("deliveries_in_state", "Deliveries by state; they sum to those owed.", stats.deliveries),
    ):
        family = GaugeMetricFamily(f"wireroom_{name}", says, labels=["state"])
        for state in ("done", "waiting", "held", "dead"):
            family.add_metric([state], getattr(sums, state))
        yield family
    yield _one("wireroom_outbox_rows", "Committed messages not settled.", stats.outbox.rows)
    yield _one("wireroom_outbox_oldest_age_seconds", "Age of the oldest message on no stream yet.", outbox_age(reading))
    yield _dead_letters(reading)


def _dead_letters(reading: Reading) -> Metric:
    family = GaugeMetricFamily("wireroom_dead_letters", "Open dead letters.", labels=["stage", "reason"])
    counts: dict[tuple[str, str], int] = {}
    for dead in reading.stats.dead_letters if reading.stats else ():
        word = dead.cause.partition(":")[0][:40]
        place = (dead.stage, word if (dead.stage, word) in counts or len(counts) < MOST_REASONS else "other")
        counts[place] = counts.get(place, 0) + dead.count
    for (stage, reason), count in counts.items():
        family.add_metric([stage, reason], count)
    return family


def _stages(reading: Reading) -> Iterator[Metric]:
    judged = stages(reading)
    for name, field, says in (
        ("stage_depth", "depth", "Work waiting for a stage."),
        ("stage_oldest_waiting_age_seconds", "oldest_waiting_s", "How far behind a stage is."),
    ):
        family = GaugeMetricFamily(f"wireroom_{name}", says, labels=["stage"])
        for stage, judgement in judged.items():
            if (value := getattr(judgement, field)) is not None:
                family.add_metric([stage], value)
        yield family
    paused = GaugeMetricFamily("wireroom_paused", "1: an operator paused the stage.", labels=["stage"])
    for stage in judged:
        paused.add_metric([stage], stage in reading.paused)
    yield paused


def _feeds(reading: Reading) -> Iterator[Metric]:
    if (sums := reading.feeds) is None:
        return
    family = GaugeMetricFamily("wireroom_feeds", "Feeds: all, silent ones, those that break a rule.", labels=["state"])
    for state, value in (("standing", sums.feeds), ("silent", sums.silent), ("faulty", sums.faulty)):
        family.add_metric([state], value)
    yield family
    yield _one("wireroom_feed_documents_checked", "Documents that were judged by the rules.", sums.checked)


def _one(name: str, says: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, says)
    if value is not None:
        family.add_metric([], value)
    return family
