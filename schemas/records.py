"""What the store shows: articles, feeds, deliveries, dead letters, keys, sums and traces, ready for JSON."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.article import Article
from schemas.delivery import Attempt, WorkState
from schemas.enrichment import Enrichment
from schemas.event import EventType
from schemas.jobs import FeedBody, FeedKind
from schemas.lifecycle import ArticleState


class Record(BaseModel):
    """Frozen; unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredArticle(Record):
    """An article as it stands. `article` is its newest revision with content; None: only a retraction came.

    `status` is one of received (not enriched yet), embargoed, published, expired, withdrawn, takedown.
    """

    id: str
    status: str
    state: ArticleState
    article: Article | None
    enrichment: Enrichment | None
    version: int
    first_accepted_at: datetime
    changed_at: datetime


class Subscriber(Record):
    """A partner: the owner of endpoints, deliveries and tokens."""

    id: str
    name: str
    created_at: datetime
    filter: str | None = None  # bounds every private feed of theirs; None: nothing is kept from them


class FeedRow(Record):
    """A feed. `version` grows by one with every change of its content, `changed_at` is when (data's time).

    `name` is its key for good, `address` the one under which it is read (`/feeds/{address}.atom`); they
    differ after a rename. `owner` is a subscriber: the feed is theirs alone. None: as the service has it.
    """

    name: str
    address: str = ""
    title: str
    kind: FeedKind
    lang: str | None = None
    version: int
    changed_at: datetime
    items: int  # articles it carries now
    description: str | None = None
    filter: str | None = None  # None: an automatic feed
    owner: str | None = None
    body: FeedBody = "full"
    max_age_s: int | None = None
    silent_after_s: int | None = None
    created_at: datetime | None = None
    ended_at: datetime | None = None
    searches: bool = False  # its filter asks for words: a search feed
    filling: bool = False  # what was there before its filter changed is being looked through
    generation: int = 1  # of its archives
    sealed: int = 0  # items in archives

    @model_validator(mode="after")
    def _addressed(self) -> "FeedRow":
        if not self.address:
            object.__setattr__(self, "address", self.name)
        return self


class CarriedBy(Record):
    """An article's place in one feed, ever. `left_at` None: it is still there."""

    feed: str
    first_seen: datetime
    moved_at: datetime
    left_at: datetime | None = None
    why: str | None = None


class DeliveryRecord(Record):
    """A delivery and every attempt at it. `next_attempt_at` None: none is planned."""

    id: str
    webhook_id: str
    endpoint_id: str
    subscriber_id: str
    event_id: str | None  # None: a test
    article_id: str | None
    revision: int | None
    type: str
    sequence: int
    state: WorkState
    cause: str | None = None
    tries: int
    next_attempt_at: datetime | None = None
    created_at: datetime
    finished_at: datetime | None = None
    replay_of: str | None = None
    body_sha256: str
    attempts: tuple[Attempt, ...] = ()


class DeadLetterRecord(Record):
    """A dead letter, open until it is retried or trashed. `raw` holds unreadable bytes."""

    id: int
    stage: str
    cause: str
    detail: str
    at: datetime
    event_id: str | None = None
    article_id: str | None = None
    delivery_id: str | None = None
    raw: bytes | None = None
    closed: str | None = None  # "retried" or "trashed"


class ApiKey(Record):
    """An API key without its secret: `sha256` is that of the whole key as presented."""

    id: str
    name: str
    scopes: tuple[str, ...]
    sha256: str = Field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    subscriber_id: str | None = None


class FeedToken(Record):
    """A subscriber's right to read one private feed, without the token itself. `hint` is the token's end."""

    id: str
    subscriber_id: str
    feed: str  # its key
    address: str | None = None  # the feed's, as it stands now
    hint: str
    name: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None


class StageStats(Record):
    """Work of one stage that is waiting. `oldest_at` None: nothing waits."""

    waiting: int = 0
    held: int = 0
    dead: int = 0
    done: int = 0
    oldest_at: datetime | None = None


class DeliverySums(Record):
    """Owed = done + waiting + held + dead, at any time."""

    owed: int = 0
    done: int = 0
    waiting: int = 0
    held: int = 0
    dead: int = 0
    oldest_due: datetime | None = None


class OutboxStats(Record):
    """Messages committed and not settled; `unadded` of them are due and on no stream yet."""

    rows: int = 0
    unadded: int = 0
    oldest_at: datetime | None = None  # since when the oldest of those unadded is due


class DeadCount(Record):
    """Open dead letters of one stage with one cause."""

    stage: str
    cause: str
    count: int
    newest_at: datetime


class Stats(Record):
    """P4's sum: accepted = done + waiting + held + dead, read in one statement."""

    at: datetime
    accepted: int = 0
    done: int = 0
    waiting: int = 0
    held: int = 0
    dead: int = 0
    deliveries: DeliverySums = DeliverySums()
    stages: dict[str, StageStats] = Field(default_factory=dict)
    outbox: OutboxStats = OutboxStats()
    dead_letters: tuple[DeadCount, ...] = ()


class TraceWork(Record):
    """One stage's work on one event."""

    stage: str
    state: WorkState
    tries: int
    cause: str | None = None
    since: datetime
    not_before: datetime | None = None
    finished_at: datetime | None = None


class TraceMessage(Record):
    """An outbox row still open: on which stream, since when, and how often it was added."""

    stream: str
    created_at: datetime
    added_at: datetime | None = None
    entry_id: str | None = None
    adds: int = 0


class TraceEvent(Record):
    """One event of an article with its work, stage by stage."""

    id: str
    type: EventType
    revision: int
    facts: int
    accepted_at: datetime
    occurred_at: datetime | None = None
    origin: str
    state: WorkState
    traceparent: str | None = None
    work: tuple[TraceWork, ...] = ()
    messages: tuple[TraceMessage, ...] = ()
    enriched_at: datetime | None = None
    steps: dict[str, Any] = Field(default_factory=dict)


class Trace(Record):
    """Everything that happened to one article, with times."""

    article_id: str
    status: str
    state: ArticleState
    version: int
    events: tuple[TraceEvent, ...] = ()
    feeds: tuple[CarriedBy, ...] = ()
    deliveries: tuple[DeliveryRecord, ...] = ()
