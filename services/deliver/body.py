"""The bytes of a webhook. Pure. DESIGN.md §4, "Webhook body".

The article part is rendered once per event and shared; what differs per endpoint (sequence, matched)
stands before and after it. Bytes are joined and kept, never made again: a signature covers them.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.article import Article, RetractionKind
from schemas.automatic import automatic_feeds
from schemas.enrichment import Enrichment
from schemas.event import EventType
from schemas.jobs import FanOutJob, Owed

TRIAL = "wireroom.test"
"""The type of a test event."""

Envelope = Callable[[Owed, int], tuple[bytes, bytes | None]]


def payload_of(job: FanOutJob) -> bytes:
    """Render the part of the full body that all endpoints share: members of `data`, without braces."""
    if job.type is EventType.RETRACTED:
        return _members(_notice(job))
    if job.article is None:
        return _members({"article": None, "feeds": []})
    feeds = [feed.name for feed in automatic_feeds(job.article, job.enrichment)]
    return _members({"article": article_fields(job.article, job.enrichment), "feeds": feeds})


def envelope_of(job: FanOutJob, thin: frozenset[str]) -> Envelope:
    """Make the function that adds what is one endpoint's own. `thin` names endpoints that want the thin form.

    A retraction is small already: both forms are the same.
    """
    event = job.event
    start = b'{"type":%s,"timestamp":%s,"data":{"id":%s,"uri":%s,"revision":%d,"sequence":' % (
        orjson.dumps(str(job.type)),
        orjson.dumps(instant(happened_at(job))),
        orjson.dumps(event.article_id),
        orjson.dumps(job.uri),
        event.revision,
    )
    link = b"" if job.type is EventType.RETRACTED or job.article is None else _members({"article": _thin(job)})

    def envelope(owed: Owed, sequence: int) -> tuple[bytes, bytes | None]:
        head = b"%s%d," % (start, sequence)
        tail = b',"matched":%s}}' % orjson.dumps(owed.matched)
        return (head + link + tail, None) if link and owed.endpoint_id in thin else (head, tail)

    return envelope


def trial_of(at: datetime) -> tuple[bytes, Callable[[Owed, int], tuple[bytes, bytes]]]:
    """Make payload and envelope of a test event: it says that it is one, and carries no news."""

    def envelope(owed: Owed, sequence: int) -> tuple[bytes, bytes]:
        head = b'{"type":%s,"timestamp":%s,"data":{"id":%s,"sequence":%d,' % (
            orjson.dumps(TRIAL),
            orjson.dumps(instant(at)),
            orjson.dumps(owed.endpoint_id),
            sequence,
        )
        return head, b"}}"

    return _members({"message": "A test: nothing was published."}), envelope


def happened_at(job: FanOutJob) -> datetime:
    """Say when the event happened: an embargoed article is published when its embargo ends."""
    at = job.occurred_at or job.accepted_at
    until = job.article.embargo_until if job.article is not None and job.type is not EventType.RETRACTED else None
    return max(at, until) if until is not None else at


def instant(at: datetime) -> str:
    """Spell a time as RFC 3339, UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def article_fields(article: Article, enrichment: Enrichment | None) -> dict[str, Any]:
    """Give the article as partners receive it: as stated, in its clean form, with what enrichment found.

    `published_by` arrival marks a story whose publisher gave no time: nothing but its arrival dates it.
    """
    stated = article.model_dump(mode="json", exclude={"content_html", "content_text", "embargo_until", "revision"})
    stated["published_by"] = "arrival" if article.published_at is None else "publisher"
    if enrichment is None:
        return {**stated, "content_html": article.content_html, "content_text": article.content_text}
    clean = {
        "title": enrichment.title,
        "url": enrichment.url or article.url,
        "summary": enrichment.summary or None,
        "summary_by": enrichment.summary_by if enrichment.summary else None,
        "content_html": enrichment.body_html,
        "sections": enrichment.sections or article.sections,
        "language": enrichment.lang,
        "direction": enrichment.direction,
        "script": enrichment.script,
        "site": enrichment.site,
        "slug": enrichment.slug,
        "words": enrichment.words,
        "reading_minutes": enrichment.reading_minutes,
        "facts": enrichment.facts,
    }
    return {**stated, **clean}


def _notice(job: FanOutJob) -> dict[str, Any]:
    """Say what was taken back. A takedown leaves not even the headline."""
    kind = job.state.retraction_kind or RetractionKind.WITHDRAW
    notice: dict[str, Any] = {"kind": kind, "reason": job.state.retraction_reason}
    if kind is RetractionKind.WITHDRAW and job.article is not None:
        notice["title"] = job.enrichment.title if job.enrichment is not None else job.article.title
        notice["url"] = (job.enrichment.url if job.enrichment is not None else None) or job.article.url
    return notice


def _thin(job: FanOutJob) -> dict[str, Any]:
    assert job.article is not None, "asked only for content"
    clean = job.enrichment
    return {
        "id": job.article.id,
        "title": clean.title if clean is not None else job.article.title,
        "url": (clean.url if clean is not None else None) or job.article.url,
    }


def _members(fields: dict[str, Any]) -> bytes:
    return orjson.dumps(fields)[1:-1]
