"""Dates as people type them: a year, a month, a day or an instant, each a span of time. Pure.

A day is a day in UTC; a time of day names its zone (RFC 3339). What depends on the clock is refused:
a filter that was stored must mean tomorrow what it means today.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_RELATIVE = re.compile(r"[-+]?\d+\s*[a-z]+|now.*|today.*|yesterday|tomorrow|(?:last|this)\b.*", re.IGNORECASE)
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


class Span(NamedTuple):
    """From `start`, up to and without `end`."""

    start: datetime
    end: datetime


def span_of(text: str) -> Span:
    """Read a date. Raises ValueError that says what to write instead."""
    found = _DATE.fullmatch(text)
    if found is None:
        if _RELATIVE.fullmatch(text) is not None:
            raise ValueError(f'"{text}" would mean another day tomorrow; write the date itself, like 2026-01-31')
        raise ValueError(f'"{text}" is no date; write 2026, 2026-01, 2026-01-31 or 2026-01-31T09:30Z')
    if found["hour"] is not None and found["zone"] is None:
        raise ValueError(f'"{text}" names no time zone; write {text}Z for UTC')
    try:
        return _span(found)
    except (ValueError, OverflowError):
        raise ValueError(f'"{text}" is not in the calendar') from None


def _span(found: re.Match[str]) -> Span:
    year, month, day = int(found["year"]), int(found["month"] or 1), int(found["day"] or 1)
    if found["hour"] is None:
        start = datetime(year, month, day, tzinfo=UTC)
        if found["day"] is not None:
            return Span(start, LAST if start.date() == LAST.date() else start + timedelta(days=1))
        if found["month"] is not None:
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        else:
            year, month = year + 1, 1
        return Span(start, datetime(year, month, 1, tzinfo=UTC) if year <= LAST.year else LAST)
    zone = "+00:00" if found["zone"] in "Zz" else found["zone"]
    clock = f"{found['hour']}:{found['minute']}:{found['second'] or '00'}"
    start = datetime.fromisoformat(f"{found['year']}-{found['month']}-{found['day']}T{clock}{zone}").astimezone(UTC)
    return Span(start, start + (timedelta(minutes=1) if found["second"] is None else timedelta(seconds=1)))
