"""Decide what an attempt means, and who gets an event. Pure: no clock, no network, no randomness.

FanOutJob + TargetIndex ─▶ plan_fan_out ─▶ FanOut (who, and in which bytes)
Response + attempt number + schedule ─▶ judge_attempt ─▶ Verdict (state, delay, pause, disable)
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.delivery import Cause, Outcome, Response, WorkState
from schemas.event import EventType
from schemas.jobs import OWED_EARLIER, FanOut, FanOutJob, Owed
from services.deliver.body import envelope_of, payload_of
from services.deliver.retry_after import seconds_to_wait
from services.deliver.targets import TargetIndex
from services.filters import subject_of

SCHEDULE_S = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Standard Webhooks' example: ten tries in 75 h 35 min."""

JITTER = 0.2  # a delay is never shorter than its base, and at most this much longer
THROTTLED = frozenset({429, 502, 504})


class Verdict(NamedTuple):
    """What an attempt's end means for the delivery and for its endpoint. Durations are seconds.

    `delay_s` None: no further try is planned. `pause_s`: nothing leaves to this endpoint for so long.
    `disable`: the endpoint is out of use, for this reason. `counts` False: the try is not used up.
    """

    outcome: Outcome
    state: WorkState
    delay_s: float | None = None
    cause: str | None = None
    pause_s: float | None = None
    disable: str | None = None
    counts: bool = True


def judge_attempt(
    response: Response,
    attempt: int,
    now: datetime,
    r: float,
    *,
    schedule_s: Sequence[float] = SCHEDULE_S,
    waiting_s: float = 0.0,
) -> Verdict:
    """Say what follows from an answer to try number `attempt` (from 1).

    Only 2xx succeeds: a partner that said so has the event, even if the rest of its answer never came.
    The next try comes after max(base × (1 + r), Retry-After), r between 0 and 0.2. A 429 uses no try until the
    delivery has waited (`waiting_s`) for the schedule's whole span; a 410 disables the endpoint.
    """
    status = response.status
    if status is not None and 200 <= status < 300:
        return Verdict(Outcome.OK, WorkState.DONE)
    why = _why(response)
    if status == 410:
        return Verdict(Outcome.GONE, WorkState.HELD, cause=why, disable="answered 410 Gone")
    hint = seconds_to_wait(response.retry_after, now)
    counts = status != 429 or waiting_s > sum(schedule_s)
    outcome = _outcome(response)
    if counts and attempt > len(schedule_s):
        return Verdict(outcome, WorkState.DEAD, cause=why, pause_s=hint or None)
    base = schedule_s[min(attempt, len(schedule_s)) - 1] if schedule_s else 0.0
    delay = max(base * (1.0 + min(max(r, 0.0), JITTER)), hint or 0.0)
    pause = delay if status == 429 else hint
    return Verdict(outcome, WorkState.WAITING, delay, why, pause or None, counts=counts)


def _outcome(response: Response) -> Outcome:
    if response.cause is Cause.BLOCKED_ADDRESS:
        return Outcome.BLOCKED
    return Outcome.THROTTLED if response.status in THROTTLED else Outcome.RETRY


def _why(response: Response) -> str:
    """Give a short stable word for grouping: `status 503`, `timeout`, `tls`."""
    if response.status is not None:
        return f"status {response.status}"
    return str(response.cause or Cause.INTERNAL)


def plan_fan_out(job: FanOutJob, targets: TargetIndex) -> FanOut:
    """Say who gets an event, and make its bytes.

    Whoever's filter matches, and for a correction or retraction whoever was owed an earlier revision.
    Nobody hears of facts alone, of an expiry, of content that was taken back, or of the retraction of an
    article that no partner could ever see.
    """
    event = job.event
    retracts = job.type is EventType.RETRACTED
    taken_back = not retracts and (job.state.is_retracted or event.revision <= job.state.retracted)
    silent = job.type is EventType.EXPIRED or event.facts > 1 or (retracts and not job.ever_shown)
    nobody = taken_back or silent or not targets
    return FanOut(
        event_id=event.event_id,
        article_id=event.article_id,
        revision=event.revision,
        payload=b"" if nobody else payload_of(job),
        owed=() if nobody else _owed(job, targets),
        envelope=envelope_of(job, frozenset() if nobody else targets.thin),
        superseded=taken_back,
    )


def _owed(job: FanOutJob, targets: TargetIndex) -> list[Owed]:
    matched: dict[str, tuple[str, ...]] = {}
    if job.article is not None:
        matched = targets.matching(subject_of(job.article, job.enrichment, job.accepted_at))
    earlier = {name: (OWED_EARLIER,) for name in job.owed if name in targets.all}
    return [Owed(name, targets.all[name].subscriber_id, why) for name, why in sorted((earlier | matched).items())]
