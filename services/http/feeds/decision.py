"""Decide how a request for a feed document is answered. Pure: headers in, status, headers and body out.

RFC 9110 (conditional requests §13, content negotiation §12.5.3), RFC 9111, RFC 5861.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from services.syndicate.document import Coded, Document

ALLOWED = ("GET", "HEAD")
Headers = list[tuple[bytes, bytes]]

_CHARSET = {"application/rss+xml", "application/atom+xml"}  # RFC 7303 §3; JSON knows no charset parameter
_STALE_IF_ERROR_S = 86_400
_TAG = re.compile(r'(?:W/)?"([^"]*)"')
# What proxies that compress append to our tag: Apache "-gzip", Jetty "--gzip", others ";gzip".
_SUFFIX = re.compile(r"[-;:]{1,2}gzip$")
_CODING = re.compile(
    r"^\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$", re.IGNORECASE
)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = (
    re.compile(rf"(?:{'|'.join(_DAYS)}), (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT"),
    re.compile(rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT"),
    re.compile(rf"(?:{'|'.join(_DAYS)}) {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})"),
)


class Asked(NamedTuple):
    """The parts of a request that matter. None: the header was not sent; several lines are one list."""

    method: str = "GET"
    accept_encoding: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None


class Answer(NamedTuple):
    """What goes out. The server adds Date."""

    status: int
    headers: Headers
    body: bytes


def decide(asked: Asked, document: Document, now: datetime, max_age_s: int) -> Answer:
    """Answer a GET or HEAD. `now` keeps Last-Modified from lying ahead of Date (§8.8.2.1)."""
    gzipped = prefers_gzip(asked.accept_encoding)
    chosen = document.gzip if gzipped else document.identity
    changed = int(min(document.changed_at, now).timestamp())
    shared: Headers = [
        (b"etag", chosen.etag.encode()),
        (b"last-modified", http_date(changed)),
        (
            b"cache-control",
            b"public, max-age=%d, stale-while-revalidate=%d, stale-if-error=%d"
            % (max_age_s, max_age_s, _STALE_IF_ERROR_S),
        ),
        (b"vary", b"Accept-Encoding"),
        (b"link", f'<{document.self_url}>; rel="self"'.encode()),
        # On the 304 too: a cache takes its headers over into what it stores (RFC 9111 §3.2).
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
    ]
    if _unchanged(asked, document, chosen, changed, now):
        return Answer(304, shared, b"")  # §15.4.5: no body, no representation headers beyond these
    kind = document.media_type + ("; charset=utf-8" if document.media_type in _CHARSET else "")
    headers: Headers = [
        (b"content-type", kind.encode()),
        (b"content-length", b"%d" % len(chosen.data)),
        *shared,
    ]
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))
    return Answer(200, headers, b"" if asked.method == "HEAD" else chosen.data)


def prefers_gzip(accept_encoding: str | None) -> bool:
    """Whether gzip is acceptable and not outranked by identity (§12.5.3). Not sent: identity."""
    if accept_encoding is None:
        return False
    weights: dict[str, float] = {}
    for member in accept_encoding.split(","):
        if (match := _CODING.match(member)) is not None:
            weights[match[1].lower()] = float(match[2]) if match[2] is not None else 1.0
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _unchanged(asked: Asked, document: Document, chosen: Coded, changed: int, now: datetime) -> bool:
    """§13.2.2: If-None-Match alone decides where it was sent; else If-Modified-Since, if it is a date."""
    if asked.if_none_match is not None:
        return matches(asked.if_none_match, document, chosen)
    if asked.if_modified_since is None:
        return False
    since = parse_http_date(asked.if_modified_since, now)
    return since is not None and changed <= since.timestamp()


def matches(if_none_match: str, document: Document, chosen: Coded) -> bool:
    """Compare weakly (§13.1.2) with the chosen representation's tag.

    A tag with a compressing proxy's suffix stands for that proxy's coding of either of ours.
    """
    if if_none_match.strip() == "*":
        return True
    for tag in _TAG.findall(if_none_match):
        bare = _SUFFIX.sub("", tag)
        ours = (chosen.etag,) if bare == tag else (document.identity.etag, document.gzip.etag)
        if f'"{bare}"' in ours:
            return True
    return False


@lru_cache(maxsize=4_096)
def http_date(timestamp: int) -> bytes:
    """Write an IMF-fixdate (§5.6.7); in English whatever the locale."""
    at = datetime.fromtimestamp(timestamp, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT".encode()


def parse_http_date(value: str, now: datetime) -> datetime | None:
    """Read any of the three forms of §5.6.7. None: it is no date, and is to be ignored."""
    for form in _DATES:
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
