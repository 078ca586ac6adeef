"""One article's way through everything, as one timeline. Pure.

publish → outbox → each stage → feeds that carried it → every webhook attempt.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from schemas.delivery import WorkState
from schemas.records import CarriedBy, DeliveryRecord, Trace, TraceEvent, TraceWork


class Step(NamedTuple):
    """Something that happened, or (`open`) still has to. `what` is publish, stream, a stage, feed or attempt."""

    at: datetime
    what: str
    says: str
    event_id: str | None = None
    open: bool = False


def timeline(trace: Trace) -> list[dict[str, Any]]:
    """Make the `steps` of `GET /v1/articles/{id}/trace`, in order of time.

    `after_s` counts seconds from the event's publish; for steps that belong to no event, from the first one's.
    """
    began = {event.id: event.accepted_at for event in trace.events}
    first = min(began.values(), default=None)
    return [
        {**step._asdict(), "at": step.at.isoformat(), "after_s": _after(step.at, began.get(step.event_id or "", first))}
        for step in sorted(steps(trace), key=lambda step: step.at)
    ]


def steps(trace: Trace) -> Iterator[Step]:
    """Everything of the record that has a time, unordered."""
    for event in trace.events:
        yield from _event(event)
    for place in trace.feeds:
        yield from _feed(place)
    for delivery in trace.deliveries:
        yield from _delivery(delivery)


def _event(event: TraceEvent) -> Iterator[Step]:
    facts = f", facts {event.facts}" if event.facts > 1 else ""
    says = f"{event.type} revision {event.revision}{facts} by {event.origin}, event {event.id}: {event.state}"
    yield Step(event.accepted_at, "publish", says, event.id)
    for message in event.messages:
        added = f"added {message.adds} times, as {message.entry_id}" if message.added_at else "not yet on the stream"
        at = message.added_at or message.created_at
        yield Step(at, "stream", f"{message.stream}: {added}, not settled", event.id, open=True)
    for work in event.work:
        yield _work(event, work)


def _work(event: TraceEvent, work: TraceWork) -> Step:
    cause = f": {work.cause}" if work.cause else ""
    tries = f", {work.tries} failed tries" if work.tries else ""
    if work.finished_at is not None:
        took = (work.finished_at - work.since).total_seconds()
        return Step(work.finished_at, work.stage, f"{work.state} in {max(took, 0):.3f} s{tries}{cause}", event.id)
    until = f" until {work.not_before.isoformat()}" if work.not_before else ""
    says = f"{work.state}{until}{tries}{cause}"
    return Step(work.since, work.stage, says, event.id, open=work.state is not WorkState.DONE)


def _feed(place: CarriedBy) -> Iterator[Step]:
    yield Step(place.first_seen, "feed", f"in {place.feed}")
    if place.moved_at > place.first_seen:
        yield Step(place.moved_at, "feed", f"changed in {place.feed}")
    if place.left_at is not None:
        yield Step(place.left_at, "feed", f"left {place.feed}" + (f": {place.why}" if place.why else ""))


def _delivery(delivery: DeliveryRecord) -> Iterator[Step]:
    to = f"{delivery.endpoint_id} delivery {delivery.id}"
    owed = f"owed to {to}, sequence {delivery.sequence}"
    again = f", a replay of {delivery.replay_of}" if delivery.replay_of else ""
    cause = f" ({delivery.cause})" if delivery.cause else ""
    is_open = delivery.state in {WorkState.WAITING, WorkState.HELD}
    yield Step(delivery.created_at, "delivery", f"{owed}{again}: {delivery.state}{cause}", delivery.event_id, is_open)
    for attempt in delivery.attempts:
        answer = attempt.status or attempt.cause or "no answer"
        detail = f", {attempt.detail}" if attempt.detail else ""
        says = f"{to} attempt {attempt.n}: {attempt.outcome} ({answer}{detail}) in {attempt.ms:.0f} ms"
        yield Step(attempt.at, "attempt", says, delivery.event_id)
    if delivery.next_attempt_at is not None and is_open:
        yield Step(
            delivery.next_attempt_at,
            "attempt",
            f"{to} attempt {delivery.tries + 1}: planned",
            delivery.event_id,
            open=True,
        )


def _after(at: datetime, begun: datetime | None) -> float | None:
    return None if begun is None else round((at - begun).total_seconds(), 3)
