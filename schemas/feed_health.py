"""How feeds are read and how they fare: what is counted, what is judged, and what operators see."""

from datetime import datetime
from typing import NamedTuple

from schemas.records import FeedRow, Record


class ClientCount(NamedTuple):
    """What one program fetched of a feed in a format on a day (days since 1970, UTC), since it was told last.

    `client` is the program's name. `subscribers` is the number that it reported last; None: it reads for one person.
    """

    feed: str
    day: int
    format: str
    client: str
    requests: int = 0
    not_modified: int = 0
    unconditional: int = 0  # whole documents to requests that named no validator
    limited: int = 0  # answered 429
    bytes: int = 0
    subscribers: int | None = None


class Readers(NamedTuple):
    """Which single readers came to a feed on a day: a sketch that tells how many, and nothing of any one."""

    feed: str
    day: int
    sketch: bytes


class Judged(NamedTuple):
    """A document that was checked: every rule that it broke, with place and words."""

    feed: str
    format: str
    version: int
    checked_at: datetime
    bytes: int
    faults: tuple[tuple[int, str, str], ...] = ()


class FaultRow(Record):
    """A broken rule of docs/feed-rules.md in a feed's document."""

    format: str
    rule: int
    where: str
    what: str


class FormatHealth(Record):
    """One format of a feed: what was fetched in the days asked for, and its document as it was judged last."""

    format: str
    requests: int = 0
    not_modified: int = 0
    limited: int = 0
    bytes_sent: int = 0
    size: int | None = None  # bytes of the document; None: not judged yet
    version: int | None = None
    checked_at: datetime | None = None
    faults: int | None = None


class ClientHealth(Record):
    """One program that reads a feed."""

    client: str
    requests: int
    not_modified: int
    unconditional: int
    limited: int
    bytes_sent: int
    subscribers: int | None = None


class FeedHealth(Record):
    """A feed as operators see it. Counts are of the last `days` days; `readers` of the best of them.

    `not_modified_ratio` None: nobody asked. `silent` says that it should have moved by now;
    `silent_after_s` None: its rhythm is not known yet. `dropped_characters` were taken out of the newest
    articles that it carries.
    """

    feed: FeedRow
    days: int
    requests: int
    not_modified: int
    not_modified_ratio: float | None
    limited: int
    bytes_sent: int
    subscribers: int  # as aggregators report, each once
    readers: int  # single ones, different
    silent: bool
    silent_after_s: int | None
    silent_since: datetime | None = None
    dropped_characters: int
    formats: tuple[FormatHealth, ...]
    clients: tuple[ClientHealth, ...]
    bad_clients: tuple[ClientHealth, ...]
    faults: tuple[FaultRow, ...]


class FeedSums(Record):
    """All feeds in a few numbers. `silent_feeds` and `faulty_feeds` name some of them."""

    feeds: int = 0
    silent: int = 0
    faulty: int = 0
    checked: int = 0
    subscribers: int = 0
    silent_feeds: tuple[str, ...] = ()
    faulty_feeds: tuple[str, ...] = ()
