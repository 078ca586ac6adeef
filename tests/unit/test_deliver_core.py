"""What an attempt's end means."""

from datetime import UTC, datetime

import pytest

from schemas.delivery import Cause, Outcome, Response, WorkState
from services.deliver.core import SCHEDULE_S, Verdict, judge_attempt
from services.deliver.retry_after import seconds_to_wait

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def judged(
    status: int | None = None, attempt: int = 1, r: float = 0.1, cause: Cause | None = None, **more: object
) -> Verdict:
    retry_after = more.pop("retry_after", None)
    response = Response(status=status, cause=cause, retry_after=retry_after)  # type: ignore[arg-type]
    return judge_attempt(response, attempt, NOW, r, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", range(200, 300))
def test_exactly_2xx_succeeds(status: int) -> None:
    assert judged(status) == Verdict(Outcome.OK, WorkState.DONE)


@pytest.mark.parametrize("status", [100, 101, 199, 300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 500, 503, 599])
def test_all_else_is_tried_again(status: int) -> None:
    verdict = judged(status)
    assert (verdict.outcome, verdict.state) == (Outcome.RETRY, WorkState.WAITING)
    assert verdict.delay_s == pytest.approx(5.5)
    assert verdict.cause == f"status {status}"
    assert verdict.counts
    assert verdict.pause_s is None
    assert verdict.disable is None


def test_a_2xx_whose_body_never_ended_has_arrived() -> None:
    assert judged(200, cause=Cause.TIMEOUT).state is WorkState.DONE


@pytest.mark.parametrize("status", [429, 502, 504])
def test_throttling_has_its_own_name(status: int) -> None:
    assert judged(status).outcome is Outcome.THROTTLED


def test_a_refused_address_is_tried_again_because_names_move() -> None:
    verdict = judged(cause=Cause.BLOCKED_ADDRESS)
    assert (verdict.outcome, verdict.state, verdict.cause) == (Outcome.BLOCKED, WorkState.WAITING, "blocked_address")


def test_gone_disables_the_endpoint_and_holds_the_delivery() -> None:
    verdict = judged(410)
    assert (verdict.outcome, verdict.state, verdict.delay_s) == (Outcome.GONE, WorkState.HELD, None)
    assert verdict.disable == "answered 410 Gone"


def test_the_schedule_is_ten_tries_over_three_days() -> None:
    assert len(SCHEDULE_S) + 1 == 10
    assert sum(SCHEDULE_S) == 75 * 3_600 + 35 * 60 + 5


@pytest.mark.parametrize("attempt", range(1, 10))
def test_each_try_has_its_pause(attempt: int) -> None:
    assert judged(500, attempt, r=0.0).delay_s == SCHEDULE_S[attempt - 1]
    assert judged(500, attempt, r=0.2).delay_s == pytest.approx(SCHEDULE_S[attempt - 1] * 1.2)


@pytest.mark.parametrize(
    ("status", "cause", "why"),
    [
        (503, Cause.STATUS, "status 503"),
        (None, Cause.TIMEOUT, "timeout"),
        (None, Cause.BLOCKED_ADDRESS, "blocked_address"),
    ],
)
def test_after_the_last_try_it_is_dead_with_its_cause(status: int | None, cause: Cause, why: str) -> None:
    verdict = judged(status, 10, cause=cause)
    assert (verdict.state, verdict.delay_s, verdict.cause) == (WorkState.DEAD, None, why)
    assert judged(status, 9, cause=cause).state is WorkState.WAITING


def test_an_endpoint_may_have_a_schedule_of_its_own() -> None:
    assert judged(500, 2, r=0.0, schedule_s=(1.0, 2.0)).delay_s == 2.0
    assert judged(500, 3, schedule_s=(1.0, 2.0)).state is WorkState.DEAD
    assert judged(500, 1, schedule_s=()).state is WorkState.DEAD


def test_retry_after_lengthens_a_pause_and_never_shortens_it() -> None:
    assert judged(503, r=0.0, retry_after="3").delay_s == 5.0
    assert judged(503, r=0.0, retry_after="60").delay_s == 60.0


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_retry_after_on_any_failure_pauses_the_mailbox(status: int) -> None:
    assert judged(status, retry_after="60").pause_s == 60.0


def test_retry_after_on_the_last_try_still_pauses_the_others() -> None:
    verdict = judged(503, 10, retry_after="60")
    assert (verdict.state, verdict.pause_s) == (WorkState.DEAD, 60.0)


def test_too_many_requests_costs_no_try_and_pauses_the_mailbox() -> None:
    verdict = judged(429, 10)
    assert (verdict.state, verdict.counts) == (WorkState.WAITING, False)
    assert verdict.delay_s == pytest.approx(86_400 * 1.1)
    assert judged(429, 1, r=0.0).pause_s == 5.0


def test_too_many_requests_for_the_whole_span_is_a_failure() -> None:
    verdict = judged(429, 10, waiting_s=sum(SCHEDULE_S) + 1)
    assert (verdict.state, verdict.counts) == (WorkState.DEAD, True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("1", 1),
        ("120", 120),
        (" 7 ", 7),
        ("1.2", 2),
        ("0.0001", 1),
        ("86400", 86_400),
        ("86401", 86_400),
        ("9" * 400, 86_400),
        ("-1", None),
        ("+5", None),
        ("1e3", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        ("1, 2", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 04 Mar 2026 12:00:30 GMT", 30),
        ("Wed, 4 Mar 2026 12:00:30 GMT", 30),
        ("Wednesday, 04-Mar-26 12:00:30 GMT", 30),
        ("Wed Mar  4 12:00:30 2026", 30),
        ("wed, 04 mar 2026 12:00:30 gmt", 30),
        ("Wed, 04 Mar 2026 12:00:60 GMT", 59),
        ("Thu, 05 Mar 2026 13:00:00 GMT", 86_400),
        ("Sat, 04 Mar 2056 12:00:00 GMT", 86_400),
        ("Wed, 04 Mar 2026 12:00:00 GMT", None),
        ("Wed, 04 Mar 2026 11:59:59 GMT", None),
        ("Friday, 04-Mar-94 12:00:30 GMT", None),
        ("Wed, 31 Feb 2026 12:00:30 GMT", None),
        ("Wed, 04 Foo 2026 12:00:30 GMT", None),
        ("Wed, 04 Mar 2026 12:00:30 +0100", None),
        ("2026-03-04T12:00:30Z", None),
    ],
)
def test_retry_after_in_every_form(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header, NOW) == seconds


def test_a_fraction_of_now_does_not_make_a_date_early() -> None:
    later = NOW.replace(microsecond=250_000)
    assert seconds_to_wait("Wed, 04 Mar 2026 12:00:01 GMT", later) == 0.75
