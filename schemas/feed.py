"""Feeds: what a document is made of, in the terms of RFC 4287, before any format.

An entry is rendered once per format into a fragment; a document joins fragments under one head.
"""

import re
import unicodedata
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.article import Author, Enclosure, Image, Source

_SPELLED = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "þ": "th",
        "ı": "i",
    }
)


def slug(name: str) -> str:
    """Spell a name as it stands in a feed's URL: `Actualités` → `actualites`, `政治` stays.

    NFKD; Latin letters lose their marks, other scripts keep theirs; casefold; every run of other
    characters becomes one hyphen. May be empty (a name without letters or digits). DESIGN.md §4.
    """
    kept: list[str] = []
    latin = False
    for char in unicodedata.normalize("NFKD", name.translate(_SPELLED)):
        if unicodedata.category(char)[0] == "M":
            if not latin:
                kept.append(char)
        elif char.isalnum():
            latin = "LATIN" in unicodedata.name(char, "")
            kept.append(char)
        else:
            latin = False
            kept.append("-")
    text = unicodedata.normalize("NFC", "".join(kept)).casefold()
    return re.sub("-+", "-", text).strip("-")


class Frozen(BaseModel):
    """Frozen; unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Category(Frozen):
    """RFC 4287 §4.2.2: `scheme` says what kind of term it is (an absolute IRI)."""

    term: str
    label: str
    scheme: str


class Entry(Frozen):
    """One article in a feed, or what is left of it. All text is clean; all URLs are absolute.

    `id` is an IRI minted once, the same string in every format. `state` withdrawn or takedown: a stub stays
    with `reason` (`withdrawn` keeps the title, `takedown` does not); expired: a tombstone at most. `gone_at` is
    when that happened. `publisher` stands in for a byline that nobody stated, where a format demands one.
    `published_by` arrival: when it came stands in for a time that nobody stated, or that lay ahead.
    """

    id: str
    article_id: str
    revision: int
    state: Literal["published", "withdrawn", "takedown", "expired"] = "published"
    title: str
    url: str | None = None  # the story's page; None: the publisher gave no link
    summary: str = ""
    content_html: str = ""
    lang: str = "und"
    direction: Literal["ltr", "rtl"] = "ltr"
    authors: tuple[Author, ...] = ()
    categories: tuple[Category, ...] = ()
    source: Source | None = None
    published: datetime
    published_by: Literal["publisher", "arrival"] = "publisher"
    updated: datetime
    images: tuple[Image, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    rights: str | None = None
    correction_note: str | None = None
    reason: str | None = None
    gone_at: datetime | None = None
    publisher: str | None = None
    words: int = 0
    reading_minutes: int = 0
    urgency: int | None = None


class FeedHead(Frozen):
    """What stands above the entries. `updated` is data, never the clock (RFC 4287 §4.2.15)."""

    name: str  # "all", "section/actualites"
    id: str  # tag: IRI, the same in every format
    title: str
    description: str
    publisher: str  # the newsroom
    home_url: str  # the page for people
    self_url: str  # the canonical URL of this very document
    hub_urls: tuple[str, ...] = ()
    lang: str | None = None  # None: several
    updated: datetime
    ttl_minutes: int = 5
    rights: str | None = None
    icon_url: str | None = None
