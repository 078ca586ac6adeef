"""What a format makes of its input, before anything is checked. Pure."""

from typing import NamedTuple

from schemas.event import EventType
from schemas.refusal import Fault


class Draft(NamedTuple):
    """One event as a format understood it; `check` turns it into a Submission or names its faults.

    `subject` holds the fields of an Article (published, updated) or of a Retraction, as they came; `at` is
    the JSON pointer of that object in the input. `source` and `event_id` are the producer's own.
    """

    type: EventType
    subject: object
    at: str = ""
    reinstate: object = False
    event_id: str | None = None
    source: str | None = None
    time: object = None
    time_at: str = "/time"
    traceparent: object = None
    faults: tuple[Fault, ...] = ()
