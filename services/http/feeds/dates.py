"""HTTP dates (RFC 9110 §5.6.7). Pure: the clock is an argument."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = (
    re.compile(rf"(?:{'|'.join(_DAYS)}), (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT", re.ASCII),
    re.compile(
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT", re.ASCII
    ),
    re.compile(rf"(?:{'|'.join(_DAYS)}) {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})", re.ASCII),
)


@lru_cache(maxsize=4_096)
def http_date(timestamp: int) -> bytes:
    """Write an IMF-fixdate; in English whatever the locale."""
    at = datetime.fromtimestamp(timestamp, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT".encode()


def parse_http_date(value: str, now: datetime) -> datetime | None:
    """Read any of the three forms. None: it is no date, and is to be ignored."""
    for form in _FORMS:
        if (match := form.fullmatch(value.strip())) is None:
            continue
        year = int(match["year"])
        if len(match["year"]) == 2:  # more than 50 years ahead means the past
            year += now.year // 100 * 100
            year -= 100 if year > now.year + 50 else 0
        try:
            month, second = _MONTHS.index(match["month"]) + 1, min(int(match["second"]), 59)  # a leap second
            return datetime(
                year, month, int(match["day"]), int(match["hour"]), int(match["minute"]), second, tzinfo=UTC
            )
        except ValueError:
            return None
    return None
