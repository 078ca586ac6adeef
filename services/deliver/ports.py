"""What deliver needs of the store, said once. `services.store` keeps it; tests may bring a twin."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.delivery import PendingDelivery
from schemas.jobs import FanOut, FanOutJob, Mailbox, Owed, Result
from schemas.subscription import Endpoint


class Trials(Protocol):
    """Test deliveries."""

    async def test(
        self,
        endpoint_id: str,
        payload: bytes,
        envelope: Callable[[Owed, int], tuple[bytes, bytes]],
        now: datetime,
        new_id: Callable[[], str],
    ) -> str | None:
        """Owe an endpoint a test event; its delivery id. None: there is no such endpoint."""
        ...


class Replays(Protocol):
    """Deliveries on request."""

    async def replay(self, delivery_id: str, now: datetime, new_id: Callable[[], str]) -> str | None:
        """Owe a delivery once more, same webhook id and bytes; the new delivery's id. None: nothing to send."""
        ...

    async def retry(self, delivery_id: str, now: datetime) -> bool:
        """Try a dead or waiting delivery now. False: nothing to try."""
        ...


class FanOuts(Protocol):
    """Events whose fan-out waits."""

    async def load(self, event_ids: Sequence[str]) -> Mapping[str, FanOutJob]:
        """Those of the events whose fan-out is still waiting."""
        ...

    async def fan_out(self, plans: Sequence[FanOut], now: datetime, new_id: Callable[[], str]) -> Sequence[str]:
        """Write deliveries and settle the work; a repeat changes nothing. Returns endpoints with something to send."""
        ...


class Directory(Protocol):
    """Every endpoint that is not deleted."""

    async def snapshot(self, known: int = -1) -> tuple[int, list[Endpoint] | None]:
        """All of them, whatever their state, with a version; None in their place if that is still `known`."""
        ...

    async def get(self, endpoint_id: str) -> Endpoint | None:
        """One of them, as it stands now."""
        ...


class Mailboxes(Protocol):
    """Deliveries due, by endpoint, under leases."""

    async def due(self, now: datetime, limit: int, owner: str | None = None) -> Sequence[Mailbox]:
        """Endpoints with deliveries due, active, not paused and not leased by another than `owner`, oldest first."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """When the next delivery falls due; None: none waits."""
        ...

    async def lease(self, endpoint_id: str, owner: str, until: datetime, now: datetime) -> int | None:
        """Take a mailbox; the fence, or None when another owner holds it."""
        ...

    async def renew(self, endpoint_id: str, fence: int, until: datetime) -> bool:
        """Hold it longer. False: it was lost."""
        ...

    async def release(self, endpoint_id: str, fence: int) -> bool:
        """Give it back. False: it was lost."""
        ...

    async def take(
        self, endpoint_id: str, limit: int, exclude_ids: Collection[str], now: datetime
    ) -> Sequence[PendingDelivery]:
        """Read what may leave at this moment, first tries first. Changes nothing."""
        ...

    async def record(self, done: Sequence[Result], now: datetime) -> Sequence[bool]:
        """Write what came of attempts, in one transaction. False: the fence was another's."""
        ...
