"""Send what is owed: one mailbox per endpoint, each drained by one owner under a lease.

    due ─▶ lease (owner, until, fence) ─▶ take ─▶ send ─▶ record (only under the fence) ─▶ release

Deliveries rest in SQL until they are done: a crash loses none, and repeats at most those under way. The
scheduler is woken by fan-out and by its own timer, so nothing depends on Redis. A mailbox that hangs holds
its own places only; no mailbox waits for another, and when all slots are taken subscribers take turns.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from schemas.delivery import Attempt, PendingDelivery
from schemas.jobs import Mailbox
from schemas.subscription import Endpoint
from services.deliver.mailbox import Means, OpenMailbox, Options
from services.deliver.ports import Directory, Mailboxes
from services.deliver.recorder import Recorder
from services.deliver.slots import Slots
from services.outbound.sender import Sender

SCAN = 500  # mailboxes opened in one round
LEAST_S = 0.02  # between two looks that nobody asked for
HAND_BACK_S = 2.0
SHUN_S = 30.0  # after a fault of ours, before an endpoint is looked at again

log = structlog.stdlib.get_logger("wireroom.deliver")


class DrainStats(NamedTuple):
    """What is under way in this process."""

    mailboxes: int
    in_flight: int
    waiting_for_slot: int


def _ignore(_endpoint: Endpoint, _delivery: PendingDelivery, _attempt: Attempt) -> None:
    """Nobody counts."""


class Drain:
    """The scheduler of one process.

    `owner` names it in leases. If it is the name of a process that is no more (the embedded store lets
    only one live), that one's leases are taken over at once; else they lapse. `random` gives 0 to 0.2.
    """

    def __init__(
        self,
        store: Mailboxes,
        directory: Directory,
        sender: Sender,
        *,
        owner: str,
        clock: Callable[[], datetime],
        random: Callable[[], float],
        options: Options | None = None,
        waits_for: tuple[type[Exception], ...] = (),
        on_attempt: Callable[[Endpoint, PendingDelivery, Attempt], None] = _ignore,
    ) -> None:
        """`waits_for` are the store's exceptions that mean: later. `on_attempt` is told of every attempt."""
        self._store = store
        self._owner = owner
        self._clock = clock
        self._options = options or Options()
        self._waits_for = waits_for
        self._recorder = Recorder(store, clock=clock, waits_for=waits_for)
        self._slots = Slots(self._options.in_flight_all)
        self._means = Means(
            store, directory, sender, self._recorder, self._slots, clock, random, self._options, on_attempt
        )
        self._open: dict[str, OpenMailbox] = {}
        self._draining: dict[str, asyncio.Task[None]] = {}
        self._shunned: dict[str, datetime] = {}
        self._woken = asyncio.Event()
        self._inherits = True  # until all that was left behind is taken over
        self._stopping = False
        self._scheduling: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; returns at once."""
        self._recorder.start()
        self._scheduling = asyncio.create_task(self._schedule(), name="deliver scheduler")
        self._renewing = asyncio.create_task(self._renew(), name="deliver leases")

    def wake(self, endpoint_ids: Collection[str] = ()) -> None:
        """Say that deliveries were written; without ids: look everywhere."""
        self._woken.set()
        for endpoint_id in endpoint_ids:
            mailbox = self._open.get(endpoint_id)
            if mailbox is not None:
                mailbox.look()

    def stats(self) -> DrainStats:
        """Count what is under way now."""
        return DrainStats(len(self._open), self._slots.used, self._slots.waiting)

    async def stop(self) -> None:
        """Take nothing more, give requests under way their grace, hand the rest back. Safe to repeat."""
        self._stopping = True
        self._woken.set()
        grace = self._options.grace_s
        for mailbox in self._open.values():
            mailbox.close()
        await _within(grace, self._scheduling)  # it may be leasing: let it end, so that nothing stays leased
        await _within(grace, *self._draining.values())
        if self._draining:  # cancelled, they still record and release
            await asyncio.wait(list(self._draining.values()), timeout=HAND_BACK_S)
        await _within(0, self._renewing)
        await self._recorder.stop()
        await _within(HAND_BACK_S, *self._draining.values())

    async def _schedule(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                pause = await self._open_due()
            except self._waits_for as error:
                log.warning("store_away", error=str(error))
                pause = self._options.poll_s
            except Exception:
                log.exception("scheduler_failed")
                pause = self._options.poll_s
            if self._stopping:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    async def _open_due(self) -> float:
        """Open the mailboxes that have something due; returns the seconds until the next look."""
        now = self._clock()
        self._shunned = {endpoint: until for endpoint, until in self._shunned.items() if until > now}
        found = await self._store.due(now, SCAN, self._owner if self._inherits else None)
        fresh = [box for box in found if box.endpoint.id not in self._open and box.endpoint.id not in self._shunned]
        for ended in await asyncio.gather(*(self._open_one(box) for box in fresh), return_exceptions=True):
            if ended is not None:
                raise ended
        if fresh and len(found) >= SCAN:
            return 0.0
        self._inherits = False
        coming = await self._store.next_due(now)
        if coming is None or self._shunned:
            return self._options.poll_s
        return min(max((coming - self._clock()).total_seconds(), LEAST_S), self._options.poll_s)

    async def _open_one(self, box: Mailbox) -> None:
        now = self._clock()
        until = now + timedelta(seconds=self._options.lease_s)
        fence = await self._store.lease(box.endpoint.id, self._owner, until, now)
        if fence is None:
            return
        mailbox = OpenMailbox(box.endpoint, fence, until, self._means, closing=self._stopping)
        self._open[box.endpoint.id] = mailbox
        self._draining[box.endpoint.id] = asyncio.create_task(self._drain(mailbox), name=f"mailbox {box.endpoint.id}")

    async def _drain(self, mailbox: OpenMailbox) -> None:
        endpoint_id = mailbox.endpoint.id
        try:
            await mailbox.drain()
        except self._waits_for as error:
            log.warning("store_away", endpoint=endpoint_id, error=str(error))
        except Exception:
            log.exception("mailbox_failed", endpoint=endpoint_id)
            self._shunned[endpoint_id] = self._clock() + timedelta(seconds=SHUN_S)
        finally:
            with suppress(*self._waits_for):
                await self._store.release(endpoint_id, mailbox.fence)
            del self._open[endpoint_id]
            del self._draining[endpoint_id]
            if mailbox.looks:  # something came after its last look
                self._woken.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._options.lease_s / 3)
            await asyncio.gather(*(self._renew_one(mailbox) for mailbox in list(self._open.values())))

    async def _renew_one(self, mailbox: OpenMailbox) -> None:
        until = self._clock() + timedelta(seconds=self._options.lease_s)
        try:
            held = await self._store.renew(mailbox.endpoint.id, mailbox.fence, until)
        except self._waits_for:
            return  # it lapses by itself if this goes on
        except Exception:
            log.exception("renew_failed", endpoint=mailbox.endpoint.id)
            return
        if held:
            mailbox.until = until
        else:
            mailbox.close()


async def _within(seconds: float, *tasks: "asyncio.Task[None] | None") -> None:
    """Wait for tasks; those that take longer are cancelled, and not waited for."""
    running = [task for task in tasks if task is not None and not task.done()]
    if running:
        _, late = await asyncio.wait(running, timeout=seconds)
        for task in late:
            task.cancel()
