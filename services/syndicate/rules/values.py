"""Single values: addresses, ids, dates, languages, directions. Each function says what is wrong; None: nothing is.

Written from the specifications, apart from the code that renders, so that no fault is shared. All are
cached: an entry says the same address and date in every format.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit

_WEB = re.compile(r"https?://[^/?#\s]+", re.IGNORECASE)
_GOOD = re.compile(
    r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d+)?(?:[/?#](?:[A-Za-z0-9\-._~:/?#@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)?"
)
_URL_BYTES = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%|^`{}\\]+")  # RFC 3986, and what browsers leave alone
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:[^@/]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?)(?::\d+)?")
# tag: (RFC 4151; a publisher's own may lack the date) and urn: (RFC 8141 §2), in the characters of a URI (RFC 3986).
_ID = re.compile(
    r"(?:tag:|urn:[A-Za-z0-9][A-Za-z0-9-]{1,31}:)(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")
_RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) (\d\d):(\d\d):(\d\d) GMT"
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: tuple[str, ...] = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# As XML Schema's `language`, which validators go by: RFC 5646's grammar would refuse tags that publishers do state.
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_EMBEDDING = re.compile("[\u202a-\u202e]")
_MARKS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MARK = re.compile(f"[{_MARKS}]")
_LONG = 200
_ISOLATE = re.compile("[\u2066-\u2069]")
_MIME = re.compile(r"[A-Za-z0-9][\w!#$&^.+-]*/[\w!#$&^.+-]+(?:\s*;.*)?")
_REFERENCE_CUT = re.compile(r"&(?:#x?[0-9A-Fa-f]*|[A-Za-z][A-Za-z0-9]*)?(?=…?\s*$)")


@lru_cache(maxsize=4_096)
def wrong_address(url: str) -> tuple[int, str] | None:
    """Rules 8 and 9: absolute http(s) with its host; ASCII, percent-encoded path, punycode host."""
    if _GOOD.fullmatch(url):
        return None
    if _WEB.match(url) is None:
        return 8, "is no absolute http(s) address"
    if _URL_BYTES.fullmatch(url) is None:
        return 9, "holds characters that no URL may hold"
    if _BAD_PERCENT.search(url):
        return 9, "has a % that encodes nothing"
    try:
        host = urlsplit(url).netloc
    except ValueError:
        return 9, "is no URL"
    return None if _HOST.fullmatch(host) else (9, "has no host name in ASCII")


@lru_cache(maxsize=4_096)
def not_an_id(value: str) -> str | None:
    """Rule 11: an absolute IRI that outlives every move."""
    if not value:
        return "is empty"
    if value.startswith(("http:", "https:")):
        return "is an address, and addresses move: use tag: or urn:uuid:"
    return None if _ID.fullmatch(value) else "is no tag: or urn: IRI"


@lru_cache(maxsize=4_096)
def rfc3339(text: str) -> datetime | None:
    """Read a date of Atom or JSON Feed in the one form that rule 17 allows. None: it is not in it."""
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4_096)
def rfc822(text: str) -> datetime | None:
    """Read a date of RSS in the one form that rule 17 allows, its weekday right. None: it is not in it."""
    if (found := _RFC822.fullmatch(text)) is None:
        return None
    day, month, year, hour, minute, second = map(str, found.groups()[1:])
    try:
        at = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    return at if _DAYS[at.weekday()] == found[1] else None


@lru_cache(maxsize=512)
def not_a_language(tag: str) -> str | None:
    """Rule 31: a well-formed BCP 47 tag (`en-GB`, never `en_GB`)."""
    return None if _LANGUAGE.fullmatch(tag) else "is no BCP 47 tag"


def not_plain(text: str) -> str | None:
    """Rule 32: no bidi override or embedding, and every isolate paired within its line."""
    if text.isascii():
        return None
    if len(text) < _LONG:
        if _MARK.search(text) is None:
            return None
    elif not any(mark in text for mark in _MARKS):  # in long texts ten times as fast as the pattern
        return None
    if _EMBEDDING.search(text):
        return "holds a bidi embedding or override"
    for part in re.split("[\n\r\u2029]", text):
        open_now = 0
        for mark in _ISOLATE.findall(part):
            open_now += -1 if mark == "\u2069" else 1
            if open_now < 0:
                break
        if open_now:
            return "holds an isolate without its partner"
    return None


def not_a_type(text: str) -> str | None:
    """Whether it is a media type (RFC 9110 §8.3.1)."""
    return None if _MIME.fullmatch(text) else "is no media type"


def cut_reference(html: str) -> str | None:
    """Rule 6: markup that ends within a character reference was cut after it was escaped."""
    at = html.rfind("&", -12)
    return "ends within a character reference" if at >= 0 and _REFERENCE_CUT.match(html, at) else None
