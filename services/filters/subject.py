"""What filters ask of an article. The same subject comes from the article and from its entry in a feed."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from html import unescape

from schemas.article import Article, Enclosure, Image
from schemas.enrichment import Enrichment
from schemas.feed import Entry, slug
from services.text.markup import without_markup
from services.text.words import words

GAP = "\x1f"
"""Stands between words, and twice between title, summary and body, which no phrase crosses. In no word."""

# Of what the sanitiser wrote: "<" and ">" stand for tags alone, in values they are escaped.
_BREAK = re.compile(r"</?(?:p|div|br|hr|li|ul|ol|dl|dt|dd|h[1-6]|t[drh]|table|blockquote|pre|fig[a-z]+|img)\b[^<>]*+>")
_TAG = re.compile(r"<[^<>]*+>")


@dataclass(frozen=True)
class Subject:
    """One article as filters see it: names as slugs, the language in lower case with hyphens.

    `body_html` is sanitised. Words are read from it when the first filter asks for them, and once.
    """

    id: str = ""
    section: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    language: str = "und"
    source: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    title: str = ""
    summary: str = ""
    body_html: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    urgency: int | None = None
    words: int = 0

    @cached_property
    def title_words(self) -> frozenset[str]:
        """Every word of the headline."""
        return frozenset(self.title_line.split(GAP))

    @cached_property
    def text_words(self) -> frozenset[str]:
        """Every word of headline, summary and body."""
        return frozenset(self.text_line.split(GAP))

    @cached_property
    def title_line(self) -> str:
        """The headline's words with a GAP before and after each."""
        return _line(self.title)

    @cached_property
    def text_line(self) -> str:
        """The same of all text."""
        return self.title_line + _line(self.summary) + _line(text_of(self.body_html))


def text_of(html: str) -> str:
    """Give sanitised HTML's text, for its words: blocks apart, what is inline joined."""
    if "<" in html:
        html = _TAG.sub("", _BREAK.sub("\n", html))
    return unescape(html) if "&" in html else html


def subject_of(article: Article, enrichment: Enrichment | None, arrived: datetime | None = None) -> Subject:
    """Read an article once for all filters. What enrichment found counts like what was stated.

    `arrived` stands in for a time of publication that nobody stated, or that lay ahead when it came. As in feeds,
    an embargoed article is not published before its instant.
    """
    said = enrichment or _unsaid(article)
    site = article.source.name if article.source is not None else said.site
    published, updated = _times(article, arrived)
    return Subject(
        id=article.id,
        section=_slugs(said.sections or article.sections),
        tag=_slugs(article.tags),
        language=_language(said.lang),
        source=_slugs((site,) if site else ()),
        author=_slugs(tuple(author.name for author in article.authors)),
        has=_has(article.images, article.enclosures, article.correction_note),
        title=said.title,
        summary=said.summary,
        body_html=said.body_html,
        published=published,
        updated=updated,
        urgency=article.urgency,
        words=said.words,
    )


def subject_of_entry(entry: Entry) -> Subject:
    """Read it from what feeds carry."""
    named = {
        kind: tuple(c.term for c in entry.categories if c.scheme.endswith("/" + kind)) for kind in ("section", "tag")
    }
    return Subject(
        id=entry.article_id,
        section=_slugs(named["section"]),
        tag=_slugs(named["tag"]),
        language=_language(entry.lang),
        source=_slugs((entry.source.name,) if entry.source is not None else ()),
        author=_slugs(tuple(author.name for author in entry.authors)),
        has=_has(entry.images, entry.enclosures, entry.correction_note),
        title=entry.title,
        summary=entry.summary,
        body_html=entry.content_html,
        published=entry.published,
        updated=entry.updated,
        urgency=entry.urgency,
        words=entry.words,
    )


def _line(text: str) -> str:
    return f"{GAP}{GAP.join(words(text))}{GAP}"


def _unsaid(article: Article) -> Enrichment:
    body = article.content_text if article.content_html is None else without_markup(article.content_html)
    return Enrichment(
        title=article.title,
        body_html=(body or "").replace("&", "&amp;").replace("<", "&lt;"),
        summary=article.summary or "",
        lang=article.language or "und",
    )


def _times(article: Article, arrived: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Date it as feeds date an article that is new: by whole seconds, and never ahead of when it could be seen."""
    freed = article.embargo_until
    latest = None if arrived is None else max(arrived, freed or arrived)

    def past(at: datetime | None) -> datetime | None:
        return at if at is None or latest is None or at <= latest else None

    published = past(article.published_at) or latest
    known = [at for at in (published, past(article.updated_at), freed) if at is not None]
    return _whole(published), _whole(max(known, default=None))


def _whole(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(microsecond=0)


def _has(images: tuple[Image, ...], enclosures: tuple[Enclosure, ...], note: str | None) -> tuple[str, ...]:
    kinds = {one.type.partition("/")[0].lower() for one in enclosures}
    there = {
        "image": bool(images) or "image" in kinds,
        "audio": "audio" in kinds,
        "video": "video" in kinds,
        "enclosure": bool(enclosures),
        "correction": note is not None,
    }
    return tuple(name for name, found in there.items() if found)


def _language(code: str) -> str:
    return code.replace("_", "-").lower()


def _slugs(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for name in names if (found := slug(name))))
