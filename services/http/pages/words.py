"""How pages write numbers, times and addresses. Pure; every result is text that the template escapes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def rfc3339(at: datetime) -> str:
    """Write it for machines, in whole seconds and UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def spoken(at: datetime) -> str:
    """Write it for people who have no JavaScript: `3 November 2026, 08:15 UTC`."""
    utc = at.astimezone(UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


def number(value: int) -> str:
    """Group the digits: 12,345."""
    return f"{value:,}"


def counted(value: int, one: str, many: str | None = None) -> str:
    """Count things: `1 story`, `2,000 stories`."""
    return f"{value:,} {one if value == 1 else many or f'{one}s'}"


def in_path(address: str) -> str:
    """Encode a feed's address for a URL; its slashes stay."""
    return quote(address)


def web(url: str | None) -> str:
    """Let only http and https URLs through: "" is no link. Ingest and syndicate judged them before."""
    try:
        return url if url is not None and urlsplit(url).scheme in {"http", "https"} else ""
    except ValueError:  # brackets that hold no address
        return ""


def host(url: str) -> str:
    """Name the site of a URL that `web` let through, as people do."""
    return (urlsplit(url).hostname or url).removeprefix("www.")


def lang_of(code: str | None) -> str:
    """Write a BCP 47 tag for `lang`; "" says that the language is not known (HTML §3.2.6.2)."""
    return "" if code is None or code == "und" else code


FILTERS: dict[str, Callable[..., Any]] = {
    "rfc3339": rfc3339,
    "spoken": spoken,
    "number": number,
    "counted": counted,
    "in_path": in_path,
    "web": web,
    "host": host,
    "lang_of": lang_of,
}
