"""Take over what another reader left pending, one group at a time.

An entry delivered once is claimed together with its neighbours; one delivered twice or more is
claimed and handled alone, or innocent neighbours of an entry that kills the process would reach the
cap with it. At the cap it is a dead letter. XCLAIM with a minimum idle time: two claimers never
both win. Handed-back entries are made old on purpose (IDLE one hour), so the next tick takes them.
"""

from collections.abc import Sequence

import structlog

from services.bus.entry import Entry, read_entry
from services.bus.ids import id_key, text
from services.bus.link import Info, Link
from services.bus.settle import Settler
from services.bus.timings import DELIVERY_CAP, Timings

log = structlog.stdlib.get_logger("wireroom.bus")

HANDED_BACK_MS = 3_600_000
_LOOK = 1000  # pending entries listed in one call


class Claimer:
    """Claims for one group under our consumer name, and settles what it claimed."""

    def __init__(self, link: Link, settler: Settler, consumer: str, batch: int, timings: Timings) -> None:
        self._link = link
        self._settler = settler
        self._consumer = consumer
        self._batch = batch
        self._timings = timings
        self._stream, self._group = settler.stream, settler.group
        self.reclaimed = 0

    @property
    def idle_ms(self) -> int:
        """How long an entry of another reader must lie untouched before it counts as abandoned."""
        return int(1000 * max(self._timings.claim_idle_s, 10 * self._settler.slowest_s))

    async def tick(self) -> None:
        """Claim and settle what is abandoned now. Raises BusUnavailable."""
        left = await self._abandoned()
        worn = [row for row in left if row["times_delivered"] >= DELIVERY_CAP]
        suspect = [row for row in left if 1 < row["times_delivered"] < DELIVERY_CAP]
        fresh = [row for row in left if row["times_delivered"] <= 1]
        for start in range(0, len(fresh), self._batch):
            await self._claim_and_settle(fresh[start : start + self._batch])
        for row in suspect:
            await self._claim_and_settle([row])
        for row in worn:
            for entry in await self._claim([row], count_it=False):
                why = f"delivered {entry.deliveries} times and never finished"
                await self._settler.bury(entry._replace(problem=why))

    async def renew(self) -> None:
        """Tell the others that what we hold is under way. Raises BusUnavailable."""
        if not self._settler.held:
            return
        held = sorted(self._settler.held, key=id_key)
        rows = await self._pending(idle_ms=None, consumer=self._consumer, start=held[0], end=held[-1])
        ours = {text(row["message_id"]) for row in rows}
        # Only what is still ours: while we were frozen another may have taken over, rightly.
        if ids := sorted(ours & self._settler.held):
            redis = self._link.redis
            await self._link.call(redis.xclaim, self._stream, self._group, self._consumer, 0, ids, justid=True)

    async def hand_back(self, others_too: bool = False) -> int:  # noqa: FBT001, FBT002 - read at its two calls
        """Give up all that is pending under our name (or anyone's), to be claimed at once; how many.

        The delivery count is put back for what never reached a handler: a restart is not its fault.
        """
        returned = 0
        start = "-"
        while rows := await self._pending(idle_ms=None, consumer=None if others_too else self._consumer, start=start):
            start = f"({text(rows[-1]['message_id'])}"
            mine = rows if not others_too else [row for row in rows if text(row["consumer"]) != self._consumer]
            by_count: dict[int, list[str]] = {}
            for row in mine:
                entry_id = text(row["message_id"])
                unread = not others_too and entry_id not in self._settler.interrupted
                by_count.setdefault(max(0, row["times_delivered"] - unread), []).append(entry_id)
            for count, ids in by_count.items():
                owner = self._consumer
                await self._link.call(
                    self._link.redis.xclaim, self._stream, self._group, owner, 0, ids,
                    idle=HANDED_BACK_MS, retrycount=count, justid=True,
                )  # fmt: skip
                returned += len(ids)
        return returned

    async def _abandoned(self) -> list[Info]:
        rows = await self._pending(idle_ms=self.idle_ms, consumer=None)
        # What is ours by name though nobody here holds it: a read whose answer was lost, or handed back.
        orphans = await self._pending(idle_ms=int(1000 * self._timings.orphan_idle_s), consumer=self._consumer)
        found = {text(row["message_id"]): row for row in (*rows, *orphans)}
        return [row for entry_id, row in found.items() if entry_id not in self._settler.held]

    async def _pending(
        self, *, idle_ms: int | None, consumer: str | None, start: str = "-", end: str = "+"
    ) -> list[Info]:
        return await self._link.call(
            self._link.redis.xpending_range,
            self._stream, self._group, min=start, max=end, count=_LOOK, consumername=consumer, idle=idle_ms,
        )  # fmt: skip

    async def _claim_and_settle(self, rows: Sequence[Info]) -> None:
        if entries := await self._claim(rows, count_it=True):
            self.reclaimed += len(entries)
            log.info("bus.reclaimed", stream=self._stream, group=self._group, entries=len(entries))
            await self._settler.settle(entries)

    async def _claim(self, rows: Sequence[Info], *, count_it: bool) -> list[Entry]:
        counts = {text(row["message_id"]): int(row["times_delivered"]) for row in rows}
        idle = min(int(row["time_since_delivered"]) for row in rows)
        redis = self._link.redis
        options = {} if count_it else {"retrycount": max(counts.values())}
        claimed = await self._link.call(
            redis.xclaim, self._stream, self._group, self._consumer, idle, list(counts), **options
        )
        entries = [
            read_entry(text(entry_id), fields, counts[text(entry_id)] + count_it)
            for entry_id, fields in claimed
            if fields is not None
        ]
        await self._note_vanished(counts.keys() - {entry.id for entry in entries})
        return entries

    async def _note_vanished(self, missing: set[str]) -> None:
        """Redis 7 drops a pending entry whose stream entry is gone; that is data lost to a trim, so say it."""
        for entry_id in missing:
            if not await self._link.call(self._link.redis.xrange, self._stream, entry_id, entry_id):
                log.error("bus.entry_vanished", stream=self._stream, group=self._group, entry=entry_id)
