"""Static copies of what HTTP serves: objects, which feeds are there already, and how a place stands."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.records import FeedRow


class StaticObject(NamedTuple):
    """One object as readers shall get it. `path` is that of its URL, decoded, without the slash in front.

    `codings` are its compressed bytes by content coding. `tag` is made of bytes and headers: equal tags, equal objects.
    """

    path: str
    data: bytes
    media_type: str
    cache_control: str
    changed_at: datetime
    tag: str
    codings: Mapping[str, bytes]


class Copied(NamedTuple):
    """Which version of a feed is in a place, whole. Of a feed that is not there at all: version -1."""

    version: int = -1
    defined_at: datetime | None = None
    layout: str = ""
    address: str = ""
    generation: int = 0
    sealed: int = 0


class Outdated(NamedTuple):
    """A feed as it stands, and as it is in a place. `feed` None: nobody may read it any more."""

    name: str
    feed: FeedRow | None
    changed_at: datetime
    defined_at: datetime | None
    copied: Copied


class Counts(NamedTuple):
    """Objects, by what became of them."""

    written: int = 0
    unchanged: int = 0
    removed: int = 0
    refused: int = 0  # by the place, for good: a name that is too long for it

    def __add__(self, other: Sequence[object]) -> "Counts":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Add them up."""
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True) if isinstance(theirs, int)))


class PlaceState(NamedTuple):
    """How far a place is. `behind_since`: the oldest change that is not there; None: nothing is left to write.

    `asked_at` is when somebody wanted everything written anew, `done_at` when that (or the latest change) was done.
    """

    place: str
    owner: str | None
    until: datetime | None
    asked_at: datetime | None
    done_at: datetime | None
    behind_since: datetime | None
    fault: str | None
    written: int
    unchanged: int
    removed: int
