"""Jobs and their results: what a stage loads from the store, decides about, and hands back.

    load(event ids) ─▶ Job ─▶ a pure core decides ─▶ Plan ─▶ record(plans) ─▶ outbox rows

Plain tuples: made and read in the hot path, inside one process or its pool (all but `FanOut` can be
pickled). What the store shows to people and programs outside is in `schemas.records`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, Literal, NamedTuple, TypeVar

from schemas.article import Article
from schemas.delivery import Attempt, WorkState
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.feed import Entry
from schemas.lifecycle import ArticleState, Receipt
from schemas.subscription import Endpoint

T = TypeVar("T")

OWED_EARLIER = "owed an earlier revision"
"""Why an endpoint gets a correction or retraction although its filter no longer matches (`Owed.matched`)."""

FILTER_CHANGED = "filter changed"
"""Why an article left a saved feed that would not take it in today. It is told there only that it is gone."""

SUPERSEDED = "superseded"
"""The cause of work and deliveries that ended because a retraction came (P3)."""

FeedKind = Literal["all", "section", "tag", "lang", "author", "source", "saved"]
FeedBody = Literal["full", "summary"]


class Page(NamedTuple, Generic[T]):
    """One page of a list. `next` None: that was the last one; else pass it as `cursor`."""

    items: list[T]
    next: str | None


class OutboxRow(NamedTuple):
    """A committed message that belongs on a stream. Publishing it twice is harmless.

    `entry_id` is its place on the stream once it was added; None: never, or the stream came back empty.
    """

    id: int
    stream: str
    payload: bytes
    event_id: str | None
    entry_id: str | None = None
    not_before: datetime | None = None  # publish no sooner; None: at once


class Accepted(NamedTuple):
    """What became of one submission. `rows` are to be published now; empty for a repeat or conflict."""

    receipt: Receipt
    rows: list[OutboxRow]


class EnrichJob(NamedTuple):
    """An accepted event whose enrichment is still waiting. `article` None: a retraction, nothing to enrich."""

    event: ThinEvent
    type: EventType
    article: Article | None
    accepted_at: datetime


class Enriched(NamedTuple):
    """Enrichment ended well. `enrichment` None passes a retraction on."""

    event_id: str
    enrichment: Enrichment | None


class Shown(NamedTuple):
    """The revision that readers may see: the highest enriched one whose embargo has been lifted."""

    article: Article
    enrichment: Enrichment
    revision: int
    facts: int
    accepted_at: datetime  # or its embargo's end, where that is later


class SyndicateJob(NamedTuple):
    """An event whose syndication is waiting, with the article as it stands NOW (not as the event found it).

    All of it is one snapshot; `version` names it and guards what is recorded from it. Embargo and
    expiry are judged by the store, when their rows fall due: `shown` None means nothing may be seen,
    `expired` that the shown revision is over.
    """

    event: ThinEvent
    type: EventType
    version: int
    state: ArticleState
    shown: Shown | None
    expired: bool
    first_published: datetime | None  # the earliest `published_at` of any revision that was ever open to readers
    first_accepted_at: datetime  # the same of `Shown.accepted_at`; an embargoed revision changes neither (P9)
    feeds_ever: tuple[str, ...]  # every feed that ever carried it, by name
    entry_id: str  # an IRI, minted once for the article (RFC 4287 §4.2.6)
    key: str  # of its page: 32 hexadecimal digits
    previous: Entry | None  # as recorded last
    feeds_filtered: frozenset[str] = frozenset()  # of `feeds_ever`: those whose filter took it out


class FeedRef(NamedTuple):
    """A feed that an article belongs to. `name` is its key ("section/actualites"), `title` as first met.

    `filtered`: it carries only that the article is gone, since its filter took the article out before.
    """

    name: str
    title: str
    kind: FeedKind
    lang: str | None = None
    filtered: bool = False


class Indexed(NamedTuple):
    """What filters ask of an entry: its facets as JSON, its words with U+001F before and after each."""

    facets: bytes
    words: str


class SyndicatePlan(NamedTuple):
    """What feeds shall carry of an article, made from the snapshot `version`.

    `entry` None: nothing may be seen of it. `fragments` holds the entry's bytes by format name; a
    format that is missing carries no entry. `feeds` are all feeds that shall carry it from now on (for a
    correction or retraction also those that ever did); it leaves those not named. `left` True: it leaves
    every feed without a stub (expiry), whatever `feeds` says. `indexed` is what searches find it by; None:
    they do not.
    """

    event_id: str
    article_id: str
    version: int
    entry: Entry | None
    fragments: Mapping[str, bytes]
    feeds: tuple[FeedRef, ...]
    left: bool = False
    indexed: Indexed | None = None


class WindowItem(NamedTuple):
    """One article in a feed's window: its entry has `version`, moved in this feed at `moved_at`.

    `published`, `updated` and `entry_id` are the entry's own: feeds are ordered and dated by them. `gone_at`
    is when it was taken back or expired; None: it shows.
    """

    article_id: str
    version: int
    moved_at: datetime
    published: datetime
    updated: datetime
    entry_id: str
    gone_at: datetime | None = None


class Change(NamedTuple):
    """What moved in a feed last, as it stands: `version` and `article_id` are its place in the order of commits.

    `entry` is the entry's JSON, `item` its JSON Feed fragment (None: the format carries nothing of it), `feeds`
    the keys of all feeds that carry it now. `first`: it moved by coming in.
    """

    version: int
    article_id: str
    first: bool
    entry: bytes
    item: bytes | None
    feeds: frozenset[str]


class FanOutJob(NamedTuple):
    """An event whose fan-out is waiting.

    `article` and `enrichment` are those of the event's revision; for a retraction the newest enriched
    ones (None: nothing is known but the id). `owed` are endpoints that were owed an event of a lower
    revision (for a retraction: of any revision up to its own). `ever_shown`: some revision was
    already open to partners, this event's own included once its embargo is lifted. `uri` is the id that the
    article has in feeds.
    """

    event: ThinEvent
    type: EventType
    state: ArticleState
    article: Article | None
    enrichment: Enrichment | None
    owed: frozenset[str]
    ever_shown: bool
    accepted_at: datetime
    occurred_at: datetime | None
    uri: str


class Owed(NamedTuple):
    """One endpoint that an event is owed to, and why (filter terms)."""

    endpoint_id: str
    subscriber_id: str
    matched: tuple[str, ...] = ()


class FanOut(NamedTuple):
    """Who gets an event, and in which bytes: each body is `head + payload + tail`, fixed here for good.

    `payload` is shared by all; `envelope(owed, sequence)` returns head and tail for one endpoint. A tail
    of None means that `head` is the whole body, without the payload (thin form). The store adds, with
    `OWED_EARLIER`, endpoints that came to be owed a lower revision since the job was loaded, and ends a
    content event as superseded if a retraction was committed since. `superseded` True: nothing is owed
    to anybody.
    """

    event_id: str
    article_id: str
    revision: int
    payload: bytes
    owed: Sequence[Owed]
    envelope: Callable[[Owed, int], tuple[bytes, bytes | None]]
    superseded: bool = False


class Mailbox(NamedTuple):
    """An endpoint with deliveries due. `oldest_due` is when the first of them became due."""

    endpoint: Endpoint
    oldest_due: datetime


class Result(NamedTuple):
    """One attempt's end, recorded under the lease `fence`; with another fence it changes nothing.

    `state` waiting needs `next_attempt_at`; `counts_try` False (429) leaves the number of tries as it
    was. `pause_endpoint_until` and `disable_endpoint` (its reason) concern the whole endpoint.
    """

    delivery_id: str
    endpoint_id: str
    fence: int
    attempt: Attempt
    state: WorkState
    next_attempt_at: datetime | None = None
    cause: str | None = None
    pause_endpoint_until: datetime | None = None
    disable_endpoint: str | None = None
    counts_try: bool = True
