"""What deliver needs of the store, said once. `services.store` keeps it; tests may bring a twin."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.delivery import PendingDelivery
from schemas.jobs import FanOut, FanOutJob, Mailbox, Result
from schemas.subscription import Endpoint


class FanOuts(Protocol):
    """Events whose fan-out waits."""

    async def load(self, event_ids: Sequence[str]) -> Mapping[str, FanOutJob]:
        """Those of the events whose fan-out is still waiting."""
        ...

    async def fan_out(self, plans: Sequence[FanOut], now: datetime, new_id: Callable[[], str]) -> object:
        """Write deliveries and settle the work, in one transaction; a repeat changes nothing."""
        ...


class Directory(Protocol):
    """Every endpoint that is not deleted."""

    async def all(self) -> Sequence[Endpoint]:
        """All of them, whatever their state: paused ones go on collecting."""
        ...

    async def get(self, endpoint_id: str) -> Endpoint | None:
        """One of them, as it stands now."""
        ...


class Mailboxes(Protocol):
    """Deliveries due, by endpoint, under leases."""

    async def due(self, now: datetime, limit: int) -> Sequence[Mailbox]:
        """Endpoints with deliveries due that are active, not paused and not leased, the oldest first."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """When the next delivery falls due; None: none waits."""
        ...

    async def lease(self, endpoint_id: str, owner: str, until: datetime, now: datetime) -> int | None:
        """Take a mailbox; the fence, or None when another owner holds it."""
        ...

    async def renew(self, endpoint_id: str, owner: str, fence: int, until: datetime) -> bool:
        """Hold it longer. False: it was lost."""
        ...

    async def release(self, endpoint_id: str, owner: str, fence: int) -> None:
        """Give it back."""
        ...

    async def take(
        self, endpoint_id: str, limit: int, exclude_ids: Collection[str], now: datetime
    ) -> Sequence[PendingDelivery]:
        """Read what may leave at this moment, first tries first. Changes nothing."""
        ...

    async def record(self, results: Sequence[Result], now: datetime) -> Sequence[bool]:
        """Write what came of attempts, in one transaction. False: the fence was another's."""
        ...
