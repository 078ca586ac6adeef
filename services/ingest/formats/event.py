"""Our own event: the public contract of `article.inbox` (DESIGN.md §4). Pure."""

from collections.abc import Mapping

from schemas.event import EventType
from schemas.refusal import Fault
from services.ingest.draft import Draft
from services.strict_json import pointer

PUBLIC_TYPES = (EventType.PUBLISHED, EventType.UPDATED, EventType.RETRACTED)
_KNOWN = frozenset({"type", "id", "time", "data", "reinstate", "traceparent"})


def recognises(value: Mapping[str, object]) -> bool:
    """Tell an event by the fields that no article has."""
    return "data" in value or "type" in value


def read(value: Mapping[str, object], faults: tuple[Fault, ...]) -> Draft:
    """`{"type", "id"?, "time"?, "data", "reinstate"?, "traceparent"?}`; null is the same as absent."""
    found = list(faults)
    found.extend(
        Fault(where=pointer(key), what=f"unknown field of an event; known are {', '.join(sorted(_KNOWN))}")
        for key in value
        if key not in _KNOWN
    )
    kind = event_type(value.get("type"), found)
    reinstate = value.get("reinstate")
    return Draft(
        kind,
        value.get("data"),
        "/data",
        reinstate=False if reinstate is None else reinstate,
        event_id=event_id(value.get("id"), found),
        time=value.get("time"),
        traceparent=value.get("traceparent"),
        faults=tuple(found),
    )


def event_type(stated: object, faults: list[Fault], where: str = "/type") -> EventType:
    """One of the three public types, also behind a reverse-DNS prefix ("com.example.article.published")."""
    for kind in PUBLIC_TYPES:
        if isinstance(stated, str) and (stated == kind or stated.endswith(f".{kind}")):
            return kind
    what = "is required" if stated is None else "is unknown"
    faults.append(Fault(where=where, what=f"{what}; one of {', '.join(PUBLIC_TYPES)}"))
    return EventType.PUBLISHED


def event_id(stated: object, faults: list[Fault], where: str = "/id") -> str | None:
    """Read the producer's own id of the event; None: it has none."""
    if stated is None or (isinstance(stated, str) and 1 <= len(stated) <= 1_000):
        return stated
    faults.append(Fault(where=where, what="an event's id is a string of 1 to 1,000 characters"))
    return None
