"""The Retry-After header (RFC 9110 §10.2.3), read leniently where partners err. Pure."""

import math
import re
from datetime import UTC, datetime

CAP_S = 86_400.0  # longer waits are cut to 24 h

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?P<h>[0-9]{2}):(?P<m>[0-9]{2}):(?P<s>[0-9]{2})"
_DATES = (
    re.compile(rf"[a-z]{{3}}, (?P<day>[0-9]{{1,2}}) (?P<month>[a-z]{{3}}) (?P<year>[0-9]{{4}}) {_CLOCK} (gmt|utc)"),
    re.compile(rf"[a-z]+day, (?P<day>[0-9]{{2}})-(?P<month>[a-z]{{3}})-(?P<year>[0-9]{{2}}) {_CLOCK} gmt"),  # RFC 850
    re.compile(rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) +(?P<day>[0-9]{{1,2}}) {_CLOCK} (?P<year>[0-9]{{4}})"),  # asctime
)


def seconds_to_wait(header: str | None, now: datetime) -> float | None:
    """Read the header: whole seconds (a fraction rounds up) or an HTTP date; at most 24 h.

    None when it is absent, negative, past or nonsense.
    """
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(float(math.ceil(float(text[:32]))), CAP_S) if len(text) <= 32 else CAP_S
    instant = _date(text.lower(), now)
    if instant is None or instant <= now:
        return None
    return min((instant - now).total_seconds(), CAP_S)


def _date(text: str, now: datetime) -> datetime | None:
    for pattern in _DATES:
        found = pattern.fullmatch(text)
        if found is None or found["month"] not in _MONTHS:
            continue
        year = int(found["year"])
        if year < 100:  # RFC 9110 §5.6.7: never more than 50 years ahead
            year += now.year - now.year % 100
            year -= 100 if year > now.year + 50 else 0
        month = _MONTHS.index(found["month"]) + 1
        second = min(int(found["s"]), 59)  # 60 is a leap second
        try:
            return datetime(year, month, int(found["day"]), int(found["h"]), int(found["m"]), second, tzinfo=UTC)
        except ValueError:
            return None
    return None
