"""Decide what feeds carry of an article. Pure: no clock, no network, no database.

    SyndicateJob (one snapshot of the article) ─▶ plan ─▶ SyndicatePlan (rendering adds its fragments)

The same snapshot always gives the same plan: all times in it are data.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from yarl import URL

from schemas.article import Article, Author, Enclosure, Image, RetractionKind, Source
from schemas.automatic import automatic_feeds, feed_ref
from schemas.feed import Category, Entry, slug
from schemas.jobs import FeedRef, Shown, SyndicateJob, SyndicatePlan
from services.syndicate.formats.text import line


def plan(job: SyndicateJob, *, base_url: str, publisher: str, has_pages: bool = True) -> SyndicatePlan:
    """Plan the article's entry and its feeds. Fragments (`render`) and saved feeds (`with_saved`) come later.

    Corrections, retractions and expiry reach every feed that ever carried it; a feed whose filter took it out is
    told only that it is gone. What no feed ever carried leaves no stub: a retraction that overtook its article
    must not make it known. With `has_pages` a story without a link is opened on its page here.
    """
    entry, feeds = _decide(job, base_url, publisher)
    if entry is not None and entry.state == "published" and has_pages and job.key:
        entry = entry.model_copy(update={"page": f"{base_url}/articles/{job.key}"})
    return SyndicatePlan(
        event_id=job.event.event_id,
        article_id=job.event.article_id,
        version=job.version,
        entry=entry,
        fragments={},
        feeds=feeds,
    )


def _decide(job: SyndicateJob, base_url: str, publisher: str) -> tuple[Entry | None, tuple[FeedRef, ...]]:
    ever = tuple(_ever(name, job) for name in job.feeds_ever)
    gone = job.state.is_retracted or job.expired
    if gone and not ever:
        return None, ()
    if gone:
        last = _story(job, job.shown, base_url, publisher) if job.shown is not None else job.previous
        return (_stub(job, last), ever) if last is not None else (None, ())
    if job.shown is None:
        return None, ()
    stays = tuple(ref for ref in reversed(ever) if ref.name not in job.feeds_filtered)
    feeds = {ref.name: ref for ref in (*automatic_feeds(job.shown.article, job.shown.enrichment), *stays)}
    return _story(job, job.shown, base_url, publisher), tuple(feeds.values())


def _ever(name: str, job: SyndicateJob) -> FeedRef:
    ref = feed_ref(name)
    return ref._replace(filtered=True) if name in job.feeds_filtered else ref


def with_saved(made: SyndicatePlan, matched: Iterable[str]) -> SyndicatePlan:
    """Let the saved feeds carry it too that it matches, by key.

    Whoever carried it keeps it, matching or not: a correction reaches every feed that showed what it corrects.
    Only a story joins; what is gone stays where it was.
    """
    if made.entry is None or made.entry.state != "published":
        return made
    feeds = {ref.name: ref for ref in made.feeds}
    feeds.update({key: FeedRef(key, key, "saved") for key in matched})
    return made._replace(feeds=tuple(feeds.values()))


def _stub(job: SyndicateJob, last: Entry) -> Entry:
    """Make what stays of a story. It never says more than the story did, and a takedown not even its headline."""
    earlier = job.previous.updated if job.previous is not None else last.published
    if job.state.is_retracted:
        since = job.state.retracted_at
        takedown = job.state.retraction_kind is RetractionKind.TAKEDOWN
        state, reason = ("takedown" if takedown else "withdrawn"), job.state.retraction_reason
    else:
        since = job.shown.article.expires_at if job.shown is not None else None
        state, reason = "expired", None
    when = max(_whole(since or earlier), earlier, last.published)
    return Entry(
        id=job.entry_id,
        article_id=job.event.article_id,
        key=job.key,
        revision=job.shown.revision if job.shown is not None else last.revision,
        state=state,
        title="" if state == "takedown" else last.title,
        url=last.url if state == "withdrawn" else None,
        lang=last.lang,
        direction=last.direction,
        published=last.published,
        published_by=last.published_by,
        updated=when,
        reason=reason,
        gone_at=when,
        publisher=last.publisher,
    )


def _story(job: SyndicateJob, shown: Shown, base_url: str, publisher: str) -> Entry:
    article, said = shown.article, shown.enrichment
    published, published_by = _published(job, shown)
    source = article.source or (Source(name=said.site) if said.site else None)
    entry = Entry(
        id=job.entry_id,
        article_id=job.event.article_id,
        key=job.key,
        revision=shown.revision,
        title=line(said.title),
        url=address(said.url or article.url),
        summary=said.summary,
        content_html=said.body_html,
        lang=said.lang.replace("_", "-"),
        direction="rtl" if said.direction == "rtl" else "ltr",
        authors=tuple(
            Author(name=name, url=address(one.url), email=one.email)
            for one in article.authors
            if (name := line(one.name))
        ),
        categories=tuple(_categories(said.sections or article.sections, article.tags, base_url)),
        source=Source(name=line(source.name), url=address(source.url)) if source and line(source.name) else None,
        published=published,
        published_by=published_by,
        updated=published,
        images=tuple(_images(article)),
        enclosures=tuple(_enclosures(article)),
        rights=article.rights,
        correction_note=article.correction_note,
        words=said.words,
        reading_minutes=said.reading_minutes,
        urgency=article.urgency,
        publisher=publisher,
    )
    return entry.model_copy(update={"updated": _updated(job, shown, entry)})


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _latest(shown: Shown) -> datetime:
    """Find the latest instant that the revision may speak of: it was past when the revision could first be seen."""
    embargo = shown.article.embargo_until
    return max(shown.accepted_at, embargo) if embargo is not None else shown.accepted_at


def _published(job: SyndicateJob, shown: Shown) -> tuple[datetime, Literal["publisher", "arrival"]]:
    """Fix it when readers first see the story: as stated, unless that lies ahead; else when it came, marked so."""
    if job.previous is not None:
        return job.previous.published, job.previous.published_by
    if job.first_published is not None and job.first_published <= _latest(shown):
        return _whole(job.first_published), "publisher"
    return _whole(max(job.first_accepted_at, shown.article.embargo_until or job.first_accepted_at)), "arrival"


def _updated(job: SyndicateJob, shown: Shown, entry: Entry) -> datetime:
    """Date the last significant change (RFC 4287 §4.2.15): correction, retraction, headline or body.

    Not tags, not counts, not a summary rewritten by us. As stated, where that is neither before the last
    change nor ahead; else when the change arrived, or its embargo ended. Never before `published`.
    """
    before, stated = job.previous, shown.article.updated_at
    if stated is not None and (stated > _latest(shown) or (before is not None and _whole(stated) < before.updated)):
        stated = None
    freed = shown.article.embargo_until or entry.published
    if before is None:
        return _whole(max(entry.published, stated or entry.published, freed))
    if not significant(before, entry):
        return before.updated
    return _whole(max(before.updated, stated or shown.accepted_at, freed))


def significant(before: Entry, after: Entry) -> bool:
    """Whether a reader who read the entry before should look again."""
    return (before.state, before.title, before.content_html, before.correction_note) != (
        after.state,
        after.title,
        after.content_html,
        after.correction_note,
    )


def address(url: str | None) -> str | None:
    """Make an absolute http(s) URL in ASCII (RFC 3986; percent-encoded path, punycode host); else None."""
    if url is None:
        return None
    try:
        parsed = URL(url)
        return str(parsed) if parsed.scheme in {"http", "https"} and parsed.host else None
    except ValueError:
        return None


def _images(article: Article) -> Iterator[Image]:
    for image in article.images:
        if url := address(image.url):
            yield image.model_copy(update={"url": url})


def _enclosures(article: Article) -> Iterator[Enclosure]:
    for enclosure in article.enclosures:
        if url := address(enclosure.url):
            yield enclosure.model_copy(update={"url": url})


def _categories(sections: Sequence[str], tags: Sequence[str], base_url: str) -> Iterator[Category]:
    """RFC 4287 §4.2.2. The scheme is the address under which feeds of that kind stand."""
    seen: set[tuple[str, str]] = set()
    for kind, names in (("section", sections), ("tag", tags)):
        for name in map(line, names):
            term = slug(name) or name
            if name and (kind, term) not in seen:
                seen.add((kind, term))
                yield Category(term=term, label=name, scheme=f"{base_url}/feeds/{kind}")
