"""The map: every stream, what it carries, who writes it and which groups read it.

    publish ─▶ ingest ─▶ article.accepted ─▶ enrich ─▶ article.enriched ─┬▶ syndicate ─▶ feed.updated
    article.inbox ─▶ ┘                                                   └▶ deliver

`article.inbox` is public: any Redis client may XADD to it (docs/architecture.md). The others carry
thin events and can be refilled from SQL at any time.
"""

from typing import NamedTuple

from pydantic import BaseModel

from schemas.event import FeedUpdated, ThinEvent


class Topic(NamedTuple):
    """One stream. `payload` None: the public contract, judged entry by entry in ingest."""

    name: str
    payload: type[BaseModel] | None
    groups: tuple[str, ...]  # consumer groups, named after the stage that reads
    batch: int  # most entries in one read: memory per read is batch × the largest entry
    says: str


INBOX = Topic("article.inbox", None, ("ingest",), 25, "A whole event as JSON, from producers who prefer the queue.")
ACCEPTED = Topic("article.accepted", ThinEvent, ("enrich",), 50, "A revision or retraction was committed.")
ENRICHED = Topic(
    "article.enriched", ThinEvent, ("syndicate", "deliver"), 100, "Its facts are in SQL; feeds and webhooks may go out."
)
FEED_UPDATED = Topic("feed.updated", FeedUpdated, (), 200, "A feed's content moved to a new version.")

TOPICS = {topic.name: topic for topic in (INBOX, ACCEPTED, ENRICHED, FEED_UPDATED)}

STAGES = ("ingest", "enrich", "syndicate", "deliver", "observe", "http")
READS = {"ingest": INBOX, "enrich": ACCEPTED, "syndicate": ENRICHED, "deliver": ENRICHED}
"""Which stream a stage's group reads."""
