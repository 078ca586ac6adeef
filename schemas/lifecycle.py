"""The life of an article: what arrives, what is remembered, and what came of it.

The rules are `services.ingest.core.decide`; here are only their terms.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.article import Article, Retraction, RetractionKind
from schemas.event import EventType

Origin = Literal["http", "stream", "cli", "import"]


class Frozen(BaseModel):
    """Frozen; unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Submission(Frozen):
    """One event, cleaned and checked, ready to be committed.

    Exactly one of `article` and `retraction` is set. `content_hash` covers all the article says but its
    revision number. `event_key` is the producer's own id of the event, namespaced by origin and source;
    None: content and revision alone tell a repeat. `warnings` counts what cleaning changed, by name.
    """

    type: EventType
    article: Article | None = None
    retraction: Retraction | None = None
    reinstate: bool = False
    content_hash: str
    event_key: str | None = None
    origin: Origin = "http"
    occurred_at: datetime | None = None
    traceparent: str | None = None
    warnings: dict[str, int] = Field(default_factory=dict)

    @property
    def article_id(self) -> str:
        """The publisher's id."""
        subject = self.article or self.retraction
        assert subject is not None, "a submission carries an article or a retraction"
        return subject.id

    @property
    def stated_revision(self) -> int | None:
        """The revision the producer stated; None: the next one."""
        subject = self.article or self.retraction
        assert subject is not None, "a submission carries an article or a retraction"
        return subject.revision


class ArticleState(Frozen):
    """All that decides whether an article shows, and how.

    Every number only ever grows, so any order of the same events ends in the same state.
    """

    newest: int = 0  # highest revision with content; 0: none came yet
    newest_hash: str | None = None
    retracted: int = 0  # highest revision a retraction speaks of; 0: never retracted
    retraction_kind: RetractionKind | None = None
    retraction_reason: str | None = None
    retracted_at: datetime | None = None
    reinstated: int = 0  # highest revision that came with `reinstate`

    @property
    def is_retracted(self) -> bool:
        """Taken back, and not brought back by a higher reinstating revision."""
        return self.retracted > 0 and self.reinstated <= self.retracted


class Decision(Frozen):
    """What to do with a submission. `state` is the article's state afterwards.

    accepted: newer than all known, or a retraction · stale: accepted and kept, but something newer is
    known · repeat: seen before, nothing changes · conflict: same id and revision, other content.
    """

    outcome: Literal["accepted", "stale", "repeat", "conflict"]
    revision: int
    type: EventType
    state: ArticleState


class Receipt(Frozen):
    """The answer to a publisher. For a repeat it names the event that stands."""

    outcome: Literal["accepted", "stale", "repeat", "conflict"]
    article_id: str
    revision: int
    event_id: str
    warnings: dict[str, int] = Field(default_factory=dict)
