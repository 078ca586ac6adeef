"""Feeds: what a document is made of, in the terms of RFC 4287, before any format.

An entry is rendered once per format into a fragment; a document joins fragments under one head.
"""

import re
import unicodedata
from datetime import datetime
from typing import Literal, NamedTuple

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
        "Ð": "D",
        "þ": "th",
        "Þ": "TH",
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
    for char in unicodedata.normalize("NFKD", name).translate(_SPELLED):
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
    `published_by` arrival: when it came stands in for a time that nobody stated, or that lay ahead. `key`
    names the article's page here, `/articles/{key}`; `page` is its address where readers may open it.
    """

    id: str
    article_id: str
    key: str = ""
    revision: int
    state: Literal["published", "withdrawn", "takedown", "expired"] = "published"
    title: str
    url: str | None = None  # the story's page; None: the publisher gave no link
    page: str | None = None
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

    @property
    def link(self) -> str | None:
        """Where a reader opens the story: at the publisher's, else here. None: nowhere."""
        return self.url or self.page


class FeedLink(NamedTuple):
    """One more link of a document: `rel` from RFC 5005 or the IANA registry, `href` absolute."""

    rel: str
    href: str


class Moved(NamedTuple):
    """The feed is read under another address now, for good. `private`: only to be told to who may read it."""

    to: str
    private: bool = False


class Ended(NamedTuple):
    """The feed (its key) is over, and nothing will come under its address again. `private`: it was not for all."""

    at: datetime
    feed: str = ""
    private: bool = False


class Replaced(NamedTuple):
    """A page of a feed's archive that is no more, since something in it was taken back. `address` is the feed's.

    `private`: the feed is, and nobody else may learn that it is there.
    """

    address: str
    private: bool = False


class FeedHead(Frozen):
    """What stands above the entries. `updated` is data, never the clock (RFC 4287 §4.2.15).

    `links` lead through the feed's history (prev-archive, next-archive, current; first, last, next, previous).
    `archive`: this document is sealed (RFC 5005 §4); `complete`: there is nothing beyond it (§2); `expired`:
    nothing more will come (JSON Feed).
    """

    name: str  # "all", "section/actualites"
    id: str  # an IRI, the same in every format
    title: str
    description: str
    publisher: str  # the newsroom
    home_url: str  # the page for people
    self_url: str  # the canonical URL of this very document
    hub_urls: tuple[str, ...] = ()
    links: tuple[FeedLink, ...] = ()
    archive: bool = False
    complete: bool = False
    expired: bool = False
    lang: str | None = None  # None: several
    updated: datetime
    ttl_minutes: int = 5
    rights: str | None = None
    icon_url: str | None = None
