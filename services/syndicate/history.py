"""Where a feed's sealed pages stand, and how documents lead to them (RFC 5005 §4). Pure.

    all.atom ─ prev-archive ─▶ all/archive/1/26-50.atom ─ prev-archive ─▶ all/archive/1/1-25.atom

Pages are named by their items, counted from 1, after the generation of the archive: when a page must change,
all get new addresses, for each names its neighbours.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote
from zlib import crc32

from schemas.feed import FeedLink
from schemas.history import PAGE, Place
from schemas.records import FeedRow

_PAGE = re.compile(r"archive/([1-9][0-9]{0,17})/([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")


class Sealed(NamedTuple):
    """A sealed page's place: `number` counts from 1."""

    generation: int
    number: int

    @property
    def name(self) -> str:
        """The page as it stands in a URL: `archive/1/26-50`."""
        return f"archive/{self.generation}/{(self.number - 1) * PAGE + 1}-{self.number * PAGE}"


class Cursor(NamedTuple):
    """A place as a reader was told it, with the mark of its feed."""

    mark: str
    place: Place

    def fits(self, feed: FeedRow) -> bool:
        """Whether it is of this feed, and of nothing that the feed has yet to see."""
        return self.mark == mark_of(feed) and self.place.version <= feed.version + 1


def sealed(page: str) -> Sealed | None:
    """Read a page's name. None: no page of any feed was ever called so."""
    if (match := _PAGE.fullmatch(page)) is None:
        return None
    first, last = int(match[2]), int(match[3])
    named = Sealed(int(match[1]), last // PAGE)
    return named if last % PAGE == 0 and first == last - PAGE + 1 else None


def newest(feed: FeedRow) -> int:
    """Give the number of the page sealed last; 0: none is."""
    return feed.sealed // PAGE


def url_of(base_url: str, feed: FeedRow, format_name: str, page: str = "") -> str:
    """Make a document's address; `page` empty: the subscription document's."""
    behind = f"/{page}" if page else ""
    return f"{base_url}/feeds/{quote(feed.address)}{behind}.{format_name}"


def links(base_url: str, feed: FeedRow, format_name: str, number: int | None = None) -> tuple[FeedLink, ...]:
    """Lead on from the sealed page `number`, or from the subscription document.

    The next page of the newest one is the page in the making: its address is known before it is sealed.
    A search feed is a paged one too (RFC 5005 §3); its pages are the same documents, and so never overlap.
    """

    def to(rel: str, other: int) -> FeedLink:
        return FeedLink(rel, url_of(base_url, feed, format_name, Sealed(feed.generation, other).name))

    found: list[FeedLink] = []
    older = newest(feed) if number is None else number - 1
    if number is not None:
        found.append(FeedLink("current", url_of(base_url, feed, format_name)))
    if older:
        found.append(to("prev-archive", older))
    if number is not None:
        found.append(to("next-archive", number + 1))
    return (*found, *_paging(found, url_of(base_url, feed, format_name))) if feed.searches else tuple(found)


def _paging(found: Sequence[FeedLink], first: str) -> Iterator[FeedLink]:
    """Say the same as a reader of pages has it: the first one holds what is newest."""
    yield FeedLink("first", first)
    known = {"prev-archive": "next", "next-archive": "previous"}
    yield from (FeedLink(known[link.rel], link.href) for link in found if link.rel in known)


def cursor_of(feed: FeedRow, place: Place) -> str:
    """Write a place so that nobody builds on what it says."""
    return _text(mark_of(feed), place)


def mark_of(feed: FeedRow) -> str:
    """Tell feeds apart in cursors: one of another feed's would skip what it must not."""
    return f"{crc32(feed.name.encode()):08x}"


def _text(mark: str, place: Place) -> str:
    return urlsafe_b64encode(f"{mark}.{place.version:x}.{place.key}".encode()).decode().rstrip("=")


def read_since(text: str) -> datetime | Cursor:
    """Read an instant (RFC 3339) or a cursor. Raises ValueError for anything else."""
    if ":" in text:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # a + in a query reads as a space
        if at.tzinfo is None:
            raise ValueError("a time without its zone")
        return at
    mark, version, key = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(".")
    place = Place(int(version, 16), key)
    if place.version < 0 or _text(mark, place) != text:
        raise ValueError("no cursor of ours")
    return Cursor(mark, place)
