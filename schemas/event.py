"""Events: what happened to an article, and the thin form of it that travels between stages."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class EventType(StrEnum):
    """The three that partners see, and one the pipeline raises itself."""

    PUBLISHED = "article.published"
    UPDATED = "article.updated"
    RETRACTED = "article.retracted"
    EXPIRED = "article.expired"  # internal: facts moved on, no partner is notified


class ThinEvent(BaseModel):
    """One revision of one article has passed a stage. Ids only: the article itself stays in SQL.

    Comes at least once and in any order: key effects by event_id; an older (revision, facts) never
    replaces a newer. Unknown fields are ignored, so newer code may add one; to drop or rename one,
    open a new stream.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    event_id: str = Field(min_length=1, max_length=64)
    article_id: str = Field(min_length=1, max_length=256)  # the publisher's, never reused
    revision: int = Field(ge=1)  # higher with every change; gaps are allowed
    facts: int = Field(ge=1)  # rises when the pipeline has more to say of the same revision
    traceparent: str | None = None  # W3C Trace Context; None: the publisher sent none


class FeedUpdated(BaseModel):
    """A feed's content moved to `version`. Readers of it re-join; nothing but a hint is lost with it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    feed: str = Field(min_length=1, max_length=300)
    version: int = Field(ge=1)
