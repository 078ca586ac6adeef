"""One article's timeline."""

from datetime import UTC, datetime, timedelta

from schemas.delivery import Attempt, Cause, Outcome, WorkState
from schemas.event import EventType
from schemas.lifecycle import ArticleState
from schemas.records import CarriedBy, DeliveryRecord, Trace, TraceEvent, TraceMessage, TraceWork
from services.observe.trace import timeline

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def work(stage: str, since: float, finished: float | None, **more: object) -> TraceWork:
    state = WorkState.WAITING if finished is None else WorkState.DONE
    known: dict[str, object] = {
        "state": state,
        "tries": 0,
        "finished_at": None if finished is None else at(finished),
        **more,
    }
    return TraceWork(stage=stage, since=at(since), **known)  # type: ignore[arg-type]


def event(event_id: str, accepted: float, *parts: TraceWork, **more: object) -> TraceEvent:
    known: dict[str, object] = {"revision": 1, "facts": 1, "origin": "http", "state": WorkState.DONE, **more}
    return TraceEvent(
        id=event_id,
        type=EventType.PUBLISHED,
        accepted_at=at(accepted),
        work=parts,
        **known,  # type: ignore[arg-type]
    )


def delivery(**more: object) -> DeliveryRecord:
    known: dict[str, object] = {
        "id": "d1", "webhook_id": "msg_1", "endpoint_id": "ep1", "subscriber_id": "s1", "event_id": "e1",
        "article_id": "4711", "revision": 1, "type": "article.published", "sequence": 3, "state": WorkState.WAITING,
        "tries": 1, "created_at": at(0.4), "body_sha256": "0" * 64, **more,
    }  # fmt: skip
    return DeliveryRecord(**known)  # type: ignore[arg-type]


def trace(**parts: object) -> Trace:
    return Trace(article_id="4711", status="published", state=ArticleState(newest=1), version=1, **parts)  # type: ignore[arg-type]


def said(found: Trace) -> list[tuple[float | None, str, str]]:
    return [(step["after_s"], step["what"], step["says"]) for step in timeline(found)]


def test_publish_stages_feeds_and_attempts_stand_in_order_of_time() -> None:
    attempts = (
        Attempt(n=1, at=at(0.5), ms=120.4, outcome=Outcome.RETRY, status=503, cause=Cause.STATUS),
        Attempt(
            n=2,
            at=at(5.5),
            ms=15_000,
            outcome=Outcome.RETRY,
            cause=Cause.TIMEOUT,
            detail="no headers",
            body=b"\xff\x00",
        ),
    )
    found = trace(
        events=(event("e1", 0, work("enrich", 0, 0.2), work("syndicate", 0.2, 0.3), work("deliver", 0.2, 0.4)),),
        feeds=(CarriedBy(feed="all", first_seen=at(0.3), moved_at=at(0.3)),),
        deliveries=(delivery(attempts=attempts, next_attempt_at=at(300), tries=2),),
    )
    assert said(found) == [
        (0.0, "publish", "article.published revision 1 by http, event e1: done"),
        (0.2, "enrich", "done in 0.200 s"),
        (0.3, "syndicate", "done in 0.100 s"),
        (0.3, "feed", "in all"),
        (0.4, "deliver", "done in 0.200 s"),
        (0.4, "delivery", "owed to ep1 delivery d1, sequence 3: waiting"),
        (0.5, "attempt", "ep1 delivery d1 attempt 1: retry (503) in 120 ms"),
        (5.5, "attempt", "ep1 delivery d1 attempt 2: retry (timeout, no headers) in 15000 ms"),
        (300.0, "attempt", "ep1 delivery d1 attempt 3: planned"),
    ]


def test_time_counts_from_the_publish_of_the_step_s_own_event() -> None:
    found = trace(
        events=(event("e1", 0, work("enrich", 0, 0.2)), event("e2", 3_600, work("enrich", 3_600, 3_600.1), revision=2))
    )
    assert [after for after, *_ in said(found)] == [0.0, 0.2, 0.0, 0.1]


def test_what_still_has_to_happen_is_open_and_says_why() -> None:
    message = TraceMessage(stream="article.enriched", created_at=at(0.2), added_at=at(0.25), entry_id="1-0", adds=2)
    parts = (
        work("enrich", 0, 0.2),
        work("syndicate", 0.2, None, tries=2, cause="step failed"),
        work("deliver", 0.3, None, state=WorkState.HELD, not_before=at(60)),
    )
    steps = timeline(trace(events=(event("e1", 0, *parts, messages=(message,), state=WorkState.WAITING),)))
    still = [(step["what"], step["says"]) for step in steps if step["open"]]
    assert still == [
        ("syndicate", "waiting, 2 failed tries: step failed"),
        ("stream", "article.enriched: added 2 times, as 1-0, not settled"),
        ("deliver", "held until 2026-03-01T12:01:00+00:00"),
    ]


def test_a_feed_tells_when_the_article_came_changed_and_left() -> None:
    place = CarriedBy(feed="section/a", first_seen=at(1), moved_at=at(2), left_at=at(3), why="expired")
    found = trace(events=(event("e1", 0),), feeds=(place,))
    assert said(found)[1:] == [
        (1.0, "feed", "in section/a"),
        (2.0, "feed", "changed in section/a"),
        (3.0, "feed", "left section/a: expired"),
    ]


def test_a_replay_and_a_superseded_delivery_say_so() -> None:
    ended = delivery(state=WorkState.DONE, cause="superseded", replay_of="d0", finished_at=at(1), next_attempt_at=at(9))
    assert said(trace(events=(event("e1", 0),), deliveries=(ended,)))[1:] == [
        (0.4, "delivery", "owed to ep1 delivery d1, sequence 3, a replay of d0: done (superseded)")
    ]


def test_an_article_of_which_only_a_retraction_came_has_a_timeline() -> None:
    assert timeline(trace()) == []
