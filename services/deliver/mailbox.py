"""Drain one endpoint's mailbox while we hold its lease."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter

from schemas.delivery import Attempt, Cause, PendingDelivery, Response, WorkState
from schemas.jobs import Result
from schemas.subscription import Endpoint
from services.deliver.core import SCHEDULE_S, Verdict, judge_attempt
from services.deliver.destinations import DESTINATIONS
from services.deliver.ports import Directory, Mailboxes
from services.deliver.recorder import Recorder
from services.deliver.slots import Slots
from services.outbound.sender import Sender

LOOK_S = 5.0  # while requests hang, look for what another process put there at least this often
KEPT_DETAIL = 500


@dataclass(frozen=True)
class Options:
    """How deliver behaves. Times are seconds."""

    timeout_s: float = 15.0
    in_flight: int = 8  # to one endpoint
    in_flight_all: int = 4_096  # an idle slow socket costs 4 to 50 KiB: capped by memory, not by workers
    schedule_s: tuple[float, ...] = SCHEDULE_S
    lease_s: float = 10.0  # after a crash a mailbox rests this long at most
    poll_s: float = 1.0
    fresh_s: float = 1.0  # a new URL, secret or header takes effect within this, even in a busy mailbox
    grace_s: float = 5.0  # for requests under way when we stop


@dataclass(frozen=True)
class Means:
    """What every mailbox of a drain shares."""

    store: Mailboxes
    directory: Directory
    sender: Sender
    recorder: Recorder
    slots: Slots
    clock: Callable[[], datetime]
    random: Callable[[], float]  # 0 to 0.2
    options: Options
    on_attempt: Callable[[Endpoint, PendingDelivery, Attempt], None]


@dataclass
class OpenMailbox:
    """One endpoint's mailbox, ours until the lease ends."""

    endpoint: Endpoint
    fence: int
    until: datetime  # of the lease
    means: Means
    closing: bool = False  # nothing more is taken
    knock: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    sending: int = 0
    _dry: bool = False  # the last look found less than there was room for
    _again_at: datetime | None = None  # the soonest retry among what was sent from here
    _fault: BaseException | None = None
    _read_at: float = field(default_factory=perf_counter)

    async def drain(self) -> None:
        """Send what is due until nothing is. Each take is read right before it is sent.

        So a retraction committed meanwhile stops earlier revisions. A slow request holds one place of
        this mailbox and one slot, nothing else. Raises if a result cannot be recorded.
        """
        try:
            while not self.closing and self.means.clock() < self.until:
                if await self._send_some() or await self._something_happens():
                    continue
                break
            await self._finish()
            if self._fault is not None:
                raise self._fault
        finally:
            await self.abandon()

    async def abandon(self) -> None:
        """Cancel what is under way; each cancelled attempt is recorded as unfinished and stays waiting."""
        self.closing = True
        tasks = list(self.under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Take nothing more."""
        self.closing = True
        self.knock.set()

    @property
    def looks(self) -> bool:
        """Something may be due that the last look did not see."""
        return not self._dry

    def look(self) -> None:
        """Look into the mailbox again: something was put there."""
        self._dry = False
        self.knock.set()

    async def _send_some(self) -> bool:
        means = self.means
        self.knock.clear()  # before anything is looked at: what changes from here on knocks again
        # Unrecorded ones count too: while the store is slow the mailbox is.
        room = min(means.options.in_flight - self.sending, 4 * means.options.in_flight - len(self.under_way))
        if room <= 0 or self._dry:
            return False
        await means.slots.take(self.endpoint.subscriber_id)
        slots = 1
        while slots < room and means.slots.take_now():
            slots += 1
        sent = 0
        try:
            if self.closing:
                return False
            await self._refresh()
            self._dry = True  # unless the read says otherwise, or somebody calls `look` meanwhile
            due = await means.store.take(self.endpoint.id, slots, set(self.under_way), means.clock())
            if self.closing:
                return False
            for delivery in due:
                self._start(delivery)
                sent += 1
            if sent == slots:
                self._dry = False
        finally:
            for _ in range(slots - sent):
                means.slots.give()
        return sent > 0

    def _start(self, delivery: PendingDelivery) -> None:
        self.sending += 1
        task = asyncio.create_task(self._attempt(delivery), name=f"deliver {delivery.id}")
        self.under_way[delivery.id] = task

        def ended(done: "asyncio.Task[None]") -> None:
            del self.under_way[delivery.id]
            self.knock.set()
            if not done.cancelled() and (fault := done.exception()) is not None:
                self._fault = fault
                self.close()

        task.add_done_callback(ended)

    async def _something_happens(self) -> bool:
        """Wait until a request ends, a delivery comes or it is time to look. False: nothing is left to wait for."""
        if not self.under_way:
            return not self._dry
        wait_s = LOOK_S
        if self._again_at is not None:
            wait_s = min(wait_s, (self._again_at - self.means.clock()).total_seconds())
        try:
            async with asyncio.timeout(wait_s):
                await self.knock.wait()
        except TimeoutError:
            self._again_at = None
            self._dry = False
        return True

    async def _finish(self) -> None:
        while self.under_way:
            await asyncio.wait(list(self.under_way.values()), return_when=asyncio.ALL_COMPLETED)

    async def _refresh(self) -> None:
        if perf_counter() - self._read_at < self.means.options.fresh_s:
            return
        endpoint = await self.means.directory.get(self.endpoint.id)
        if endpoint is None:
            self.close()
        else:
            self.endpoint = endpoint
        self._read_at = perf_counter()

    async def _attempt(self, delivery: PendingDelivery) -> None:
        means = self.means
        at = means.clock()
        endpoint = self.endpoint
        cancelled = False
        try:
            response = await self._exchange(endpoint, delivery, at)
        except asyncio.CancelledError:
            cancelled = True
            response = Response(cause=Cause.INTERNAL, detail="we stopped before the answer came")
        finally:
            self.sending -= 1
            means.slots.give()
            self.knock.set()
        result = conclude(delivery, self.fence, response, at, means, handed_back=cancelled)
        if result.pause_endpoint_until is not None or result.disable_endpoint is not None:
            self.close()
        if result.next_attempt_at is not None:
            self._again_at = min(self._again_at or result.next_attempt_at, result.next_attempt_at)
        means.on_attempt(endpoint, delivery, result.attempt)
        if not await means.recorder.record(result):
            self.close()  # the lease is another's now

    async def _exchange(self, endpoint: Endpoint, delivery: PendingDelivery, at: datetime) -> Response:
        if hashlib.sha256(delivery.body).hexdigest() != delivery.body_sha256:
            return Response(cause=Cause.INTERNAL, detail="the stored body does not match its hash")
        try:
            request = DESTINATIONS["webhook"](endpoint, delivery, at, self.means.options.timeout_s)
        except ValueError as error:
            return Response(cause=Cause.INTERNAL, detail=f"the request could not be made: {error}")
        return await self.means.sender.send(request)


def conclude(
    delivery: PendingDelivery,
    fence: int,
    response: Response,
    at: datetime,
    means: Means,
    *,
    handed_back: bool = False,
) -> Result:
    """Put an attempt's end into the form that the store records. `handed_back`: we stopped, no try is used."""
    now = means.clock()
    waiting_s = 0.0 if delivery.owed_at is None else (now - delivery.owed_at).total_seconds()
    schedule = means.options.schedule_s
    verdict = judge_attempt(response, delivery.attempt, now, means.random(), schedule_s=schedule, waiting_s=waiting_s)
    if handed_back:
        verdict = Verdict(verdict.outcome, WorkState.WAITING, 0.0, verdict.cause, counts=False)
    attempt = Attempt(
        n=delivery.attempt,
        at=at,
        ms=response.ms,
        outcome=verdict.outcome,
        status=response.status,
        cause=response.cause,
        detail=response.detail[:KEPT_DETAIL],
        body=response.body,
        truncated=response.truncated,
    )
    return Result(
        delivery_id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        fence=fence,
        attempt=attempt,
        state=verdict.state,
        next_attempt_at=None if verdict.delay_s is None else now + timedelta(seconds=verdict.delay_s),
        cause=verdict.cause,
        pause_endpoint_until=None if verdict.pause_s is None else now + timedelta(seconds=verdict.pause_s),
        disable_endpoint=verdict.disable,
        counts_try=verdict.counts,
    )
