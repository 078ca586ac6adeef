"""What can be known of streams, groups and the server. Unknown stays None."""

from collections.abc import Sequence
from typing import Any

from services.bus.ids import id_key, text
from services.bus.link import Info, Link
from services.bus.ports import BusUnavailable, GroupStats, ServerStats

_LOOK = 100


class Observer:
    """Looks at one server with bounded calls only."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def groups(self, stream: str, names: tuple[str, ...]) -> list[GroupStats]:
        """Each group of the map, found or not, then any other group that reads this stream."""
        try:
            found = await self._link.groups(stream)
            now_ms = await self._link.now_ms()
            length = int(await self._link.call(self._link.redis.xlen, stream))
        except BusUnavailable:
            return [GroupStats(stream, name) for name in names]
        wanted = [*names, *sorted(found.keys() - set(names))]
        return [await self._group(stream, name, found.get(name), now_ms, length) for name in wanted]

    async def _group(self, stream: str, name: str, row: Info | None, now_ms: int, length: int) -> GroupStats:
        if row is None:
            return GroupStats(stream, name)
        redis = self._link.redis
        try:
            after = f"({text(row['last-delivered-id'])}"
            unread = await self._link.call(redis.xrange, stream, after, "+", 1)
            pending = await self._link.call(redis.xpending_range, stream, name, min="-", max="+", count=_LOOK)
        except BusUnavailable:
            return GroupStats(stream, name)
        lag = row.get("lag")  # a hint: absent after some deletes, too high after some trims
        return GroupStats(
            stream,
            name,
            undelivered=(min(int(lag), length) if lag else None) if unread else 0,
            pending=int(row["pending"]),
            oldest_undelivered_s=_age(unread[0][0], now_ms) if unread else 0.0,
            oldest_pending_s=_age(pending[0]["message_id"], now_ms) if pending else 0.0,
            consumers=int(row["consumers"]),
            max_deliveries=max((int(one["times_delivered"]) for one in pending), default=0),
        )

    async def waiting(self, stream: str, names: tuple[str, ...], ids: Sequence[str]) -> set[str]:
        """Tell which of the ids some group has yet to read or to acknowledge. Raises BusUnavailable.

        A group of the map that is missing will be made at 0 and read everything: all that is there waits for it.
        """
        found = await self._link.groups(stream)
        if not ids or not (found or names):
            return set()
        pipeline = self._link.redis.pipeline(transaction=False)
        asks = [(entry_id, name) for entry_id in ids for name in found]
        for entry_id in ids:
            pipeline.xrange(stream, entry_id, entry_id)
        for entry_id, name in asks:
            pipeline.xpending_range(stream, name, min=entry_id, max=entry_id, count=1)
        answers: list[Any] = await self._link.call(pipeline.execute)
        here = {entry_id for entry_id, rows in zip(ids, answers[: len(ids)], strict=True) if rows}
        if not found.keys() >= set(names):
            return here
        pending = {entry_id for (entry_id, _), rows in zip(asks, answers[len(ids) :], strict=True) if rows}
        read_by_all = min(id_key(text(row["last-delivered-id"])) for row in found.values())
        return {one for one in here if one in pending or id_key(one) > read_by_all}

    async def server(self, streams: tuple[str, ...]) -> tuple[ServerStats, str | None]:
        """Return the server's condition, and its run id, which changes with every restart."""
        redis = self._link.redis
        try:
            info: Info = await self._link.call(redis.info, "server", "memory", "persistence", "replication")
            lengths = {stream: int(await self._link.call(redis.xlen, stream)) for stream in streams}
        except BusUnavailable:
            return ServerStats(reachable=False), None
        limit = info.get("maxmemory") or 0
        link = info.get("master_link_status")
        stats = ServerStats(
            reachable=True,
            memory_ratio=info["used_memory"] / limit if limit else None,
            writes_ok=info.get("aof_last_write_status") == "ok" if "aof_last_write_status" in info else None,
            replica_link_up=None if link is None else link == "up",
            lengths=lengths,
        )
        return stats, str(info.get("run_id"))


def _age(entry_id: bytes | str, now_ms: int) -> float:
    """Seconds since an id was made, by Redis' own clock; never negative, also after a clock jump."""
    return max(0.0, (now_ms - int(text(entry_id).partition("-")[0])) / 1000)
