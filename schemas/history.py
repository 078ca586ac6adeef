"""A feed's history: what its documents are made of, each read in one snapshot.

subscription document ─ prev-archive ─▶ newest sealed page ─ prev-archive ─▶ … ─▶ page 1
a place in the order of commits ─▶ what moved behind it, oldest first
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.jobs import WindowItem
from schemas.records import FeedRow

PAGE = 25
"""Items of a sealed page."""


class Window(NamedTuple):
    """A feed's subscription document: all items that no sealed page shows, newest move first.

    `tombstones` are those that were taken back lately and are sealed again: Atom keeps them for 30 days.
    """

    feed: FeedRow
    items: Sequence[WindowItem]
    tombstones: Sequence[WindowItem] = ()


class SealedItem(NamedTuple):
    """One item of a sealed page, as it was sealed: its fragment in the format asked for, None where that has none."""

    entry_id: str
    published: datetime
    updated: datetime
    data: bytes | None


class SealedPage(NamedTuple):
    """One sealed page (RFC 5005 §4): it never changes under its address. `changed_at`: since when it is so."""

    feed: FeedRow
    items: Sequence[SealedItem]
    changed_at: datetime


class Place(NamedTuple):
    """A place in a feed's order of commits: everything up to and with this entry (its key) of this version is behind it.

    `key` empty: nothing of the version is.
    """

    version: int = 0
    key: str = ""


class Moves(NamedTuple):
    """What moved behind a place, oldest first. `place` is that of the last, `more` whether others follow already."""

    feed: FeedRow
    items: Sequence[WindowItem]
    place: Place
    more: bool = False
