"""What publishing needs of the place, of the books, and of whoever makes the documents, said once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.publishing import Copied, Counts, Outdated, StaticObject
from schemas.records import FeedRow


class PlaceAway(Exception):  # noqa: N818 - it names a state, and `raise PlaceAway` reads so
    """The place does not take or give anything now. A later try may help."""


class Refused(Exception):  # noqa: N818 - the same
    """The place will never take this object: its name is too long for it, or not allowed there."""


class Place(Protocol):
    """Where objects go. Raises `PlaceAway` or `Refused`; a repeat changes nothing."""

    name: str  # without secrets

    async def prepare(self) -> None:
        """Make it ready, and clear away what a crash left half written."""
        ...

    async def put(self, one: StaticObject) -> None:
        """Write an object with its compressed copies, each whole or not at all."""
        ...

    async def remove(self, paths: Collection[str]) -> None:
        """Remove objects with their compressed copies; those that are not there count as removed."""
        ...


class Books(Protocol):
    """What is known of places: `services.store.static_copies`. May raise `StoreUnavailable`."""

    async def lease(self, place: str, owner: str, until: datetime, now: datetime) -> int | None:
        """Take the right to write there; its fence. None: another process has it."""
        ...

    async def renew(self, place: str, fence: int, until: datetime) -> bool:
        """Keep it; False: it is over."""
        ...

    async def release(self, place: str, fence: int) -> None:
        """Give it back."""
        ...

    async def outdated(
        self, place: str, layout: str, since: datetime | None = None, limit: int = 500
    ) -> Sequence[Outdated]:
        """List feeds of which the place holds another version."""
        ...

    async def known(self, place: str, name: str, part: str = "") -> Mapping[str, str | None]:
        """Read the tags of a feed's objects, by path."""
        ...

    async def others(self, place: str, name: str, keep: Sequence[str], limit: int = 500) -> Sequence[str]:
        """List objects of a feed that belong to none of these parts."""
        ...

    async def note(self, place: str, fence: int, name: str, part: str, tags: Mapping[str, str | None]) -> None:
        """Note objects: before they are written (None), and after (their tags)."""
        ...

    async def forget(self, place: str, fence: int, name: str, paths: Collection[str]) -> None:
        """Forget objects that were removed."""
        ...

    async def copied(self, place: str, fence: int, name: str, copied: Copied | None) -> None:
        """Record that a version of a feed is there, whole."""
        ...

    async def report(
        self,
        place: str,
        fence: int,
        counts: Counts,
        *,
        done_at: datetime | None,
        behind_since: datetime | None,
        fault: str | None,
    ) -> None:
        """Say how far the place is."""
        ...


class Source(Protocol):
    """Makes the objects, with the bytes and headers that HTTP serves. May raise `StoreUnavailable`."""

    layout: str  # of what all of them depend: addresses, formats, names

    async def current(self, feed: FeedRow) -> Sequence[StaticObject]:
        """Make a feed's documents as they are now."""
        ...

    async def archive(self, feed: FeedRow, first: int, last: int) -> Sequence[StaticObject]:
        """Make a sealed page in every format; empty: it is not sealed any more as the row says."""
        ...

    async def site(self) -> Sequence[StaticObject]:
        """Make what leads to the feeds: directory, sitemap, robots.txt."""
        ...
