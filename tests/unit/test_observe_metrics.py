"""Metrics as Prometheus reads them: names, bounded labels, and nothing that is not known."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.records import DeadCount, OutboxStats, StageStats, Stats
from schemas.serving import Served
from services.observe.core import Group, Reading, Server
from services.observe.metrics import MOST_REASONS, Metrics

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def scraped(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def names(metrics: Metrics) -> set[str]:
    return {name for name, _ in scraped(metrics)}


def dead(cause: str, count: int = 1) -> DeadCount:
    return DeadCount(stage="deliver", cause=cause, count=count, newest_at=NOW)


def test_what_this_process_does_is_counted() -> None:
    metrics = Metrics("1.2.3")
    metrics.received("http", 2)
    metrics.rejected("unreadable")
    metrics.handled("deliver", "dead", 3)
    metrics.attempted("ok", 204, 0.2)
    metrics.attempted("retry", None, 15.0)
    metrics.reached("feed", 0.3)
    metrics.reached("feed", -5.0)  # clocks may step back; a latency cannot be negative
    metrics.feed_served(Served("all", "rss", 304, 120, b"", "192.0.2.7", conditional=True))
    found = scraped(metrics)
    assert found["wireroom_events_received_total", (("source_kind", "http"),)] == 2
    assert found["wireroom_events_rejected_total", (("reason", "unreadable"),)] == 1
    assert found["wireroom_stage_messages_total", (("outcome", "dead"), ("stage", "deliver"))] == 3
    assert found["wireroom_delivery_attempts_total", (("outcome", "ok"), ("status_class", "2xx"))] == 1
    assert found["wireroom_delivery_attempts_total", (("outcome", "retry"), ("status_class", "none"))] == 1
    assert found["wireroom_delivery_duration_seconds_sum", ()] == pytest.approx(15.2)
    assert found["wireroom_end_to_end_seconds_count", (("output", "feed"),)] == 2
    assert found["wireroom_end_to_end_seconds_sum", (("output", "feed"),)] == pytest.approx(0.3)
    assert found["wireroom_feed_requests_total", (("code", "304"), ("format", "rss"))] == 1
    assert found["wireroom_feed_response_bytes_total", (("format", "rss"),)] == 120
    assert found["wireroom_build_info", (("version", "1.2.3"),)] == 1


async def test_a_watched_handler_is_timed_and_counted_by_how_it_ended() -> None:
    metrics = Metrics("1")
    seen: list[list[int]] = []

    async def handle(batch: list[int]) -> None:
        seen.append(batch)
        assert scraped(metrics)["wireroom_stage_inflight", (("stage", "enrich"),)] == len(batch)
        if len(batch) == 1:
            raise ConnectionError("later")

    watched = metrics.watch("enrich", handle, len)
    await watched([1, 2, 3])
    with pytest.raises(ConnectionError):
        await watched([4])
    found = scraped(metrics)
    assert seen == [[1, 2, 3], [4]]
    assert found["wireroom_stage_messages_total", (("outcome", "ok"), ("stage", "enrich"))] == 3
    assert found["wireroom_stage_messages_total", (("outcome", "retry"), ("stage", "enrich"))] == 1
    assert found["wireroom_stage_duration_seconds_count", (("stage", "enrich"),)] == 2
    assert found["wireroom_stage_inflight", (("stage", "enrich"),)] == 0


def test_the_sum_is_told_from_the_sample() -> None:
    stats = Stats(
        at=NOW,
        accepted=7,
        done=4,
        waiting=1,
        held=1,
        dead=1,
        stages={"enrich": StageStats(waiting=1, oldest_at=NOW - timedelta(seconds=3))},
        outbox=OutboxStats(rows=2, unadded=1, oldest_at=NOW - timedelta(seconds=9)),
        dead_letters=(dead("refused: 410", 2), dead("refused: 404", 1)),
    )
    found = scraped(Metrics("1", lambda: Reading(NOW, stats)))
    assert found["wireroom_events_accepted_total", ()] == 7
    states = {
        state: found["wireroom_events_in_state", (("state", state),)] for state in ("done", "waiting", "held", "dead")
    }
    assert states == {"done": 4, "waiting": 1, "held": 1, "dead": 1}
    assert found["wireroom_outbox_rows", ()] == 2
    assert found["wireroom_outbox_oldest_age_seconds", ()] == 9
    assert found["wireroom_dead_letters", (("reason", "refused"), ("stage", "deliver"))] == 3
    assert found["wireroom_stage_depth", (("stage", "enrich"),)] == 1
    assert found["wireroom_stage_oldest_waiting_age_seconds", (("stage", "enrich"),)] == 3


def test_groups_and_the_server_are_told_from_the_sample() -> None:
    reading = Reading(NOW, None, (Group("s", "g", 4, 2, 1.5, 0.5, 3),), Server(True, 0.25, True, None))  # noqa: FBT003
    found = scraped(Metrics("1", lambda: reading))
    labels = (("group", "g"), ("stream", "s"))
    assert found["wireroom_group_undelivered_entries", labels] == 4
    assert found["wireroom_group_pending_entries", labels] == 2
    assert found["wireroom_group_oldest_undelivered_age_seconds", labels] == 1.5
    assert found["wireroom_group_oldest_pending_age_seconds", labels] == 0.5
    assert found["wireroom_consumers", labels] == 3
    assert found["wireroom_redis_up", ()] == 1
    assert found["wireroom_redis_memory_ratio", ()] == 0.25
    assert found["wireroom_redis_aof_last_write_ok", ()] == 1


def test_an_unknown_value_is_absent_and_never_zero() -> None:
    reading = Reading(NOW, None, (Group("s", "g", pending=2),), Server(reachable=False))
    found = scraped(Metrics("1", lambda: reading))
    assert found["wireroom_group_pending_entries", (("group", "g"), ("stream", "s"))] == 2
    assert found["wireroom_redis_up", ()] == 0
    told = {name for name, _ in found}
    assert not {
        name
        for name in told
        if name.startswith(("wireroom_events_accepted", "wireroom_outbox", "wireroom_stage_depth"))
    }
    assert "wireroom_group_undelivered_entries" not in told
    assert "wireroom_redis_memory_ratio" not in told


def test_before_the_first_sample_nothing_sampled_is_told() -> None:
    told = names(Metrics("1"))
    assert "wireroom_build_info" in told
    assert not {name for name in told if "group" in name or "events_accepted" in name}


def test_reasons_are_bounded_however_many_there_are() -> None:
    stats = Stats(at=NOW, dead_letters=tuple(dead(f"cause {number}") for number in range(500)))
    metrics = Metrics("1", lambda: Reading(NOW, stats))
    for number in range(500):
        metrics.rejected(f"reason {number}: detail {number}")
    found = scraped(metrics)
    rejected = {labels: value for (name, labels), value in found.items() if name == "wireroom_events_rejected_total"}
    letters = {labels: value for (name, labels), value in found.items() if name == "wireroom_dead_letters"}
    for series in (rejected, letters):
        assert len(series) == MOST_REASONS + 1
        assert sum(series.values()) == 500


def test_every_name_has_the_prefix_and_is_told_once() -> None:
    metrics = Metrics("1", lambda: Reading(NOW, Stats(at=NOW), (Group("s", "g", 1, 1, 1.0, 1.0, 1),)))
    lines = metrics.render().decode().splitlines()
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert not {name for name in types if name.endswith("_created")}
    assert all(name.startswith("wireroom_") for name in types)


def test_two_processes_have_registries_of_their_own() -> None:
    one, other = Metrics("1"), Metrics("1")
    one.received("http")
    assert ("wireroom_events_received_total", (("source_kind", "http"),)) not in scraped(other)
