"""What syndicate needs of the store, the relay and the process pool, said once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.dead_letter import DeadLetter
from schemas.feed import Moved
from schemas.history import Moves, Place, SealedPage, Window
from schemas.jobs import FeedBody, OutboxRow, SyndicateJob, SyndicatePlan
from schemas.records import FeedRow


class FeedReads(Protocol):
    """Feeds as they stand. May raise `StoreUnavailable`: a later try may help."""

    async def find(self, address: str) -> FeedRow | Moved | None:
        """Read the feed that stands under an address; `Moved`: it did once. None: none ever did."""
        ...

    async def subscription(self, address: str) -> Window | Moved | None:
        """Read what stands under an address, and all that its subscription document shows, in one snapshot."""
        ...

    async def sealed_page(
        self, address: str, number: int, fragments: Mapping[FeedBody, str]
    ) -> SealedPage | FeedRow | Moved | None:
        """Read a sealed page in one snapshot; the feed's row alone: it has none of that number."""
        ...

    async def moves(self, address: str, behind: Place | datetime | None, limit: int) -> Moves | Moved | None:
        """Read what moved behind a place or after an instant, oldest first, in one snapshot; None: the end."""
        ...

    async def fragments(self, format_name: str, items: Sequence[tuple[str, int]]) -> Mapping[str, tuple[int, bytes]]:
        """Read fragments by article id, each with its version: the one asked for, or a newer one."""
        ...

    async def moved_since(self, token: datetime | None) -> tuple[datetime | None, Sequence[tuple[str, int]]]:
        """Read the next token, and (name, version) of each feed that moved since `token`; None: all feeds."""
        ...


class FeedWrites(Protocol):
    """Events whose syndication waits."""

    async def load(self, event_ids: Sequence[str]) -> Mapping[str, SyndicateJob]:
        """Load those of the events whose syndication is still waiting."""
        ...

    async def record(
        self, plans: Sequence[SyndicatePlan], now: datetime, definitions: int | None = None
    ) -> Sequence[OutboxRow]:
        """Write entries, fragments and memberships and settle the work, in one transaction.

        Raises `DefinitionsMoved` if saved feeds are no longer at this version.
        """
        ...


class GivesUp(Protocol):
    """The bookkeeping of work."""

    async def give_up(self, dead: Sequence[DeadLetter], now: datetime) -> object:
        """End work without its effect, with its cause."""
        ...


class Store(Protocol):
    """The two classes of the store that the worker uses."""

    @property
    def feeds(self) -> FeedWrites:
        """Feeds."""
        ...

    @property
    def work(self) -> GivesUp:
        """Work."""
        ...


class Publishes(Protocol):
    """Puts committed rows on their streams; what fails stays for the sweeper."""

    async def publish(self, rows: Sequence[OutboxRow]) -> object:
        """Publish now, if it can be."""
        ...
