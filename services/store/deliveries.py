"""Deliveries: one event owed to one endpoint. Fan-out, leases, attempts, replays."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial

from schemas.delivery import PendingDelivery, WorkState
from schemas.jobs import FanOut, FanOutJob, Mailbox, Owed, Page, Result
from schemas.records import DeliveryRecord
from services.store import delivery_jobs, delivery_reads, leases, mailboxes, replays, results
from services.store.database import Database
from services.store.fan_out import fan_out, parts


class Deliveries:
    """Deliveries of everybody (the pipeline's and the operator's view), or of one subscriber."""

    def __init__(self, database: Database, subscriber_id: str | None = None) -> None:
        self._database = database
        self._subscriber_id = subscriber_id

    def of(self, subscriber_id: str) -> "Deliveries":
        """See, retry and replay one subscriber's deliveries only."""
        return Deliveries(self._database, subscriber_id)

    async def load(self, event_ids: Sequence[str]) -> dict[str, FanOutJob]:
        """Read the events whose fan-out is waiting; others (settled, held, unknown) are left out."""
        return await self._database.read(lambda connection: delivery_jobs.load(connection, event_ids))

    async def fan_out(self, plans: Sequence[FanOut], now: datetime, new_id: Callable[[], str]) -> list[str]:
        """Write what events owe and end their fan-out; returns the endpoints that have something to send now.

        Bodies, their SHA-256 and each endpoint's sequence are fixed here for good. Deliveries of an
        endpoint that is not active are held. A repeat changes nothing; a large fan-out is several
        transactions, and a crash between them leaves the event waiting, to be finished by the repeat.
        """
        woken: set[str] = set()
        for step in parts(plans):
            woken.update(await self._database.write(partial(fan_out, step=step, now=now, new_id=new_id)))
        return sorted(woken)

    async def due(self, now: datetime, limit: int, owner: str | None = None) -> list[Mailbox]:
        """Find mailboxes with something to send, longest due first.

        Their endpoint is active and not told to wait (Retry-After), and nobody else than `owner` holds a
        live lease. One may turn out to be empty: take, then release, sets its alarm right.
        """
        return await self._database.read(lambda connection: leases.due(connection, now, limit, owner))

    async def next_due(self, now: datetime) -> datetime | None:
        """Find when the next mailbox falls due (not before `now`). None: nothing waits anywhere."""
        return await self._database.read(lambda connection: leases.next_due(connection, now))

    async def lease(self, endpoint_id: str, owner: str, until: datetime, now: datetime) -> int | None:
        """Take the right to drain a mailbox; its fence. None: another owner's lease is live."""
        return await self._database.write(lambda connection: leases.take(connection, endpoint_id, owner, until, now))

    async def renew(self, endpoint_id: str, fence: int, until: datetime) -> bool:
        """Keep a lease longer. False: it was lost."""
        return await self._database.write(lambda connection: leases.renew(connection, endpoint_id, fence, until))

    async def release(self, endpoint_id: str, fence: int) -> bool:
        """Give a lease back and set the mailbox's alarm. False: it was lost, and nothing is changed."""
        return await self._database.write(lambda connection: leases.release(connection, endpoint_id, fence))

    async def take(
        self, endpoint_id: str, limit: int, exclude_ids: Collection[str], now: datetime
    ) -> list[PendingDelivery]:
        """Read deliveries due now, first tries before retries; those under way are excluded by id."""
        return await self._database.read(
            lambda connection: delivery_reads.take(connection, endpoint_id, limit, frozenset(exclude_ids), now)
        )

    async def record(self, done: Sequence[Result], now: datetime) -> list[bool]:
        """Record attempts in one transaction; for each, whether its fence still held.

        A result under a lost lease changes nothing. One of a delivery that was superseded meanwhile is
        kept as an attempt only. A repeat changes nothing.
        """
        answers, disabled = await self._database.write(lambda connection: results.record(connection, done, now))
        for endpoint_id in disabled:
            await mailboxes.move_all(
                self._database, endpoint_id, WorkState.WAITING, WorkState.HELD, now, cause="endpoint disabled"
            )
        return answers

    async def replay(self, delivery_id: str, now: datetime, new_id: Callable[[], str]) -> str | None:
        """Send a delivery once more, same webhook id and bytes; the new delivery's id.

        For content that was taken back since, the retraction is sent instead. None: there is nothing to
        send (unknown delivery, deleted endpoint, or no retraction owed to that endpoint yet).
        """
        return await self._database.write(
            lambda connection: replays.replay(connection, delivery_id, now, new_id, self._subscriber_id)
        )

    async def retry(self, delivery_id: str, now: datetime) -> bool:
        """Try a dead or waiting delivery now. False: unknown, done, or overtaken by a retraction."""
        return await self._database.write(
            lambda connection: replays.retry(connection, delivery_id, now, self._subscriber_id)
        )

    async def test(
        self,
        endpoint_id: str,
        payload: bytes,
        envelope: Callable[[Owed, int], tuple[bytes, bytes | None]],
        now: datetime,
        new_id: Callable[[], str],
    ) -> str | None:
        """Owe an endpoint a test event, sent like any other; its delivery id. None: there is no such endpoint."""
        return await self._database.write(
            lambda connection: replays.test(
                connection, endpoint_id, payload, envelope, now=now, new_id=new_id, subscriber=self._subscriber_id
            )
        )

    async def get(self, delivery_id: str) -> DeliveryRecord | None:
        """Read one with its attempts. None: unknown, or another subscriber's."""
        return await self._database.read(
            lambda connection: delivery_reads.get(connection, delivery_id, self._subscriber_id)
        )

    async def body(self, delivery_id: str) -> bytes | None:
        """Read the very bytes that are sent. None: unknown, or another subscriber's."""
        return await self._database.read(
            lambda connection: delivery_reads.body(connection, delivery_id, self._subscriber_id)
        )

    async def list(
        self,
        *,
        webhook: str | None = None,
        article: str | None = None,
        state: WorkState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[DeliveryRecord]:
        """List deliveries with their attempts, newest first. Raises ValueError for a cursor that is not ours."""
        wanted = delivery_reads.Wanted(self._subscriber_id, webhook, article, state)
        return await self._database.read(lambda connection: delivery_reads.listing(connection, wanted, limit, cursor))
