"""What any format's entry, head and document say, in one shape: most rules are the same in all of them. Pure."""

from datetime import datetime
from typing import Any, NamedTuple

Said = tuple[tuple[str, str], ...]
"""Values with where they stand."""


class Part(NamedTuple):
    """One entry, read once. Dates are None where they are missing or not in the form of rule 17 (`bad_dates`).

    `bodies` are HTML, `lines` plain text; `body` is the full text, None where the entry carries none.
    """

    kind: str  # "entry", or "gone": a tombstone
    own: Any  # what the format's own rules look at
    id: str | None
    urls: Said = ()
    bodies: Said = ()
    lines: Said = ()
    lang: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    bad_dates: Said = ()
    body: str | None = None
    summary_only: bool = False


class Head(NamedTuple):
    """What stands above the entries."""

    own: Any
    urls: Said = ()
    lines: Said = ()
    lang: str | None = None
    self_url: str | None = None
    hubs: tuple[str, ...] = ()
    updated: datetime | None = None
    exact: bool = True  # the entries say when they changed, and `updated` is the latest of it
    bad_dates: Said = ()
    archive: bool | None = None  # fh:archive; None: this format has no way to say it
    complete: bool = False
    links: tuple[tuple[str, str], ...] = ()  # relation, address: the ways through the feed's history
    ttl_minutes: str | None = None


class Document(NamedTuple):
    """A whole document."""

    head: Head
    parts: tuple[Part, ...]
    size: int
