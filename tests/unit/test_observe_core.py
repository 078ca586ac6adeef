"""What a sample means: known, unknown, behind, stuck."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.records import DeadCount, DeliverySums, OutboxStats, StageStats, Stats
from services.observe.alerts import alerts
from services.observe.core import Disk, Group, Reading, Server, finished, rates, stages, sum_closes
from services.observe.readiness import Subscription, Vitals, readiness
from services.observe.report import stats_body

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def inbox(**known: float) -> Group:
    return Group("article.inbox", "ingest", **known)  # type: ignore[arg-type]


STATS = Stats(
    at=NOW,
    accepted=10,
    done=5,
    waiting=2,
    held=1,
    dead=2,
    deliveries=DeliverySums(owed=9, done=4, waiting=3, held=1, dead=1, oldest_due=ago(7)),
    stages={"enrich": StageStats(waiting=2, done=8, dead=1, oldest_at=ago(3)), "deliver": StageStats(done=6)},
    outbox=OutboxStats(rows=4, unadded=1, oldest_at=ago(2)),
    dead_letters=(DeadCount(stage="enrich", cause="poison", count=2, newest_at=ago(60)),),
)
QUIET = Stats(at=NOW)


def test_depth_and_age_come_from_sql_and_pending_from_redis() -> None:
    groups = (Group("article.accepted", "enrich", 5, 3, 1.5, 0.5, 2),)
    enrich = stages(Reading(NOW, STATS, groups, rates={"enrich": 4.0}))["enrich"]
    assert enrich == ("ok", 2, 3.0, 0.5, 4.0, 5, 3, 2)


def test_only_redis_knows_the_inbox() -> None:
    assert stages(Reading(NOW, STATS, (inbox(undelivered=2, pending=1, oldest_undelivered_s=0.5),)))["ingest"][:3] == (
        "ok",
        3,
        0.5,
    )
    assert stages(Reading(NOW, STATS))["ingest"][:3] == ("unknown", None, None)


def test_nothing_waiting_is_zero_and_nothing_known_is_none() -> None:
    assert stages(Reading(NOW, QUIET))["syndicate"][:3] == ("ok", 0, 0.0)
    assert stages(Reading(NOW, None))["syndicate"][:3] == ("unknown", None, None)


def test_deliver_counts_open_deliveries_and_how_late_they_are() -> None:
    assert stages(Reading(NOW, STATS))["deliver"][:3] == ("ok", 3, 7.0)


def test_a_delivery_that_is_not_due_yet_is_not_late() -> None:
    later = Stats(at=NOW, deliveries=DeliverySums(owed=1, waiting=1, oldest_due=NOW + timedelta(hours=5)))
    assert stages(Reading(NOW, later))["deliver"][:3] == ("ok", 1, 0.0)


def test_a_clock_that_stepped_back_makes_no_negative_age() -> None:
    ahead = Stats(at=NOW, stages={"enrich": StageStats(waiting=1, oldest_at=NOW + timedelta(minutes=1))})
    assert stages(Reading(NOW, ahead))["enrich"].oldest_waiting_s == 0.0


@pytest.mark.parametrize(
    ("age", "rate", "group", "paused", "health"),
    [
        (0.0, None, (), False, "ok"),
        (5.0, 1.0, (), False, "ok"),
        (5.1, 1.0, (), False, "behind"),
        (61.0, 1.0, (), False, "behind"),
        (61.0, None, (), False, "behind"),
        (61.0, 0.0, (), False, "stuck"),
        (0.0, 1.0, (0, 1, 0.0, 180.1, 1), False, "stuck"),
        (0.0, 1.0, (0, 1, 0.0, 180.0, 1), False, "ok"),
        (0.0, None, (0, 0, 0.0, 0.0, 0), False, "down"),
        (900.0, 0.0, (9, 0, 900.0, 0.0, 0), True, "paused"),
    ],
)
def test_health_in_a_word(
    age: float, rate: float | None, group: tuple[float, ...], *, paused: bool, health: str
) -> None:
    stats = Stats(at=NOW, stages={"enrich": StageStats(waiting=1, oldest_at=ago(age))})
    reading = Reading(
        NOW,
        stats,
        (Group("article.accepted", "enrich", *group),) if group else (),  # type: ignore[arg-type]
        rates={} if rate is None else {"enrich": rate},
        paused=frozenset({"enrich"} if paused else ()),
    )
    assert stages(reading)["enrich"].health == health


def test_rates_are_what_was_finished_between_two_samples() -> None:
    assert rates((10.0, {"enrich": 5, "deliver": 9}), (12.0, {"enrich": 15, "deliver": 9})) == {
        "enrich": 5.0,
        "deliver": 0.0,
    }


def test_a_rate_is_unknown_without_time_or_with_a_count_that_fell() -> None:
    assert rates((10.0, {"enrich": 5}), (10.0, {"enrich": 6})) == {}
    assert rates((10.0, {"enrich": 5}), (12.0, {"enrich": 4, "deliver": 3})) == {}


def test_what_each_stage_has_finished() -> None:
    assert finished(STATS) == {"ingest": 10, "enrich": 9, "deliver": 5}


def test_the_answer_holds_the_sum_the_stages_and_what_stands_beside() -> None:
    body = stats_body(Reading(NOW, STATS), "unix:///run/redis.sock")
    assert {name: body[name] for name in ("accepted", "done", "waiting", "held", "dead")} == {
        "accepted": 10, "done": 5, "waiting": 2, "held": 1, "dead": 2,
    }  # fmt: skip
    assert body["deliveries"] == {"owed": 9, "done": 4, "waiting": 3, "held": 1, "dead": 1}
    assert {"depth", "oldest_waiting_s", "oldest_pending_s", "rate_per_s"} <= body["stages"]["enrich"].keys()
    assert list(body["stages"]) == ["ingest", "enrich", "syndicate", "deliver"]
    assert body["stages"]["enrich"]["rate_per_s"] is None
    assert body["outbox"] == {"rows": 4, "unadded": 1, "oldest_age_s": 2.0}
    assert body["dead_letters"][0] | {"newest_at": ""} == {
        "stage": "enrich",
        "cause": "poison",
        "count": 2,
        "newest_at": "",
    }
    assert body["queue"] == "unix:///run/redis.sock"


def test_both_sums_must_close() -> None:
    assert sum_closes(STATS)
    assert not sum_closes(STATS.model_copy(update={"done": 6}))
    assert not sum_closes(STATS.model_copy(update={"deliveries": DeliverySums(owed=1)}))


def test_a_quiet_healthy_service_alerts_nobody() -> None:
    groups = (inbox(undelivered=0, pending=0, oldest_undelivered_s=0.0, oldest_pending_s=0.0, consumers=1),)
    assert alerts(Reading(NOW, QUIET, groups, Server(reachable=True), Disk(50, 100))) == []


@pytest.mark.parametrize(
    ("reading", "name"),
    [
        (Reading(NOW, None), "no_data"),
        (Reading(NOW, QUIET.model_copy(update={"accepted": 1})), "sum_open"),
        (Reading(NOW, QUIET, server=Server(reachable=False)), "redis_away"),
        (Reading(NOW, QUIET, (inbox(consumers=0),)), "no_consumer"),
        (Reading(NOW, QUIET, (inbox(oldest_pending_s=181.0),)), "stuck"),
        (Reading(NOW, Stats(at=NOW, outbox=OutboxStats(rows=1, unadded=1, oldest_at=ago(31)))), "outbox_old"),
        (Reading(NOW, QUIET, server=Server(reachable=True, writes_ok=False)), "redis_writes"),
        (Reading(NOW, QUIET, server=Server(reachable=True, memory_ratio=0.81)), "redis_memory"),
        (Reading(NOW, QUIET, server=Server(reachable=True, replica_link_up=False)), "replica_link"),
        (Reading(NOW, QUIET, disk=Disk(9, 100)), "disk"),
    ],
)
def test_each_trouble_has_its_alert(reading: Reading, name: str) -> None:
    assert [alert.name for alert in alerts(reading)] == [name]


def ready(vitals: Vitals) -> bool:
    return not any(check.fault for check in readiness(vitals))


def running(**state: object) -> Subscription:
    known: dict[str, object] = {"running": True, "paused": False, "restarts": 0, "error": None, **state}
    return Subscription("article.accepted", "enrich", **known)  # type: ignore[arg-type]


def test_a_process_whose_parts_are_well_is_ready() -> None:
    assert ready(Vitals([running()], [], "", redis_reachable=True, pool_alive=True))


@pytest.mark.parametrize(
    ("vitals", "check", "word"),
    [
        (Vitals([running(running=False, restarts=4, error="boom")]), "article.accepted/enrich", "boom; 4 restarts"),
        (Vitals([running(error="no reads for 30 s")]), "article.accepted/enrich", "no reads for 30 s"),
        (Vitals(dead_tasks=["sweeper"]), "task sweeper", "has ended"),
        (Vitals(store_fault="StoreFull"), "store", "StoreFull"),
        (Vitals(redis_reachable=False), "redis", "does not answer"),
        (Vitals(pool_alive=False), "pool", "gone"),
    ],
)
def test_each_fault_makes_it_not_ready_and_says_why(vitals: Vitals, check: str, word: str) -> None:
    found = {one.name: one.fault for one in readiness(vitals)}
    assert not ready(vitals)
    assert word in found[check]


def test_a_paused_stage_is_no_fault() -> None:
    assert ready(Vitals([running(running=False, paused=True)]))


def test_a_process_that_only_serves_http_is_ready_without_redis() -> None:
    assert ready(Vitals(redis_reachable=False, runs_stages=False))
