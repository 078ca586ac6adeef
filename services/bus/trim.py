"""Safe trim: forget what every group has acknowledged, and nothing else.

No lock and no length limit: at maxmemory XTRIM still works while SET does not, so a trimmer that
needed a lock would stop exactly when it is needed; MAXLEN and XDEL destroy unread entries.
"""

from services.bus.ids import id_after, id_key, text
from services.bus.link import Link
from services.bus.timings import Timings

_AT_MOST = 10_000  # entries per call, so that no call blocks the server for long


class Trimmer:
    """Trims the streams of the map."""

    def __init__(self, link: Link, timings: Timings) -> None:
        self._link = link
        self._timings = timings

    async def trim(self, stream: str, groups: tuple[str, ...]) -> int:
        """Trim one stream; how many entries went. `groups` must all exist. Raises BusUnavailable."""
        bound = await (self._needed(stream, groups) if groups else self._aged(stream))
        if bound is None:
            return 0
        return int(await self._link.call(self._link.redis.xtrim, stream, minid=bound, approximate=True, limit=_AT_MOST))

    async def _needed(self, stream: str, groups: tuple[str, ...]) -> str | None:
        """Return the oldest id that some group may still want; None: unknown, so nothing may go."""
        found = await self._link.groups(stream)
        if not found.keys() >= set(groups):
            return None  # a group of the map is missing: it will be created at 0 and read everything
        bounds: list[str] = []
        for name, row in found.items():
            if row["pending"]:
                summary = await self._link.call(self._link.redis.xpending, stream, name)
                if summary["min"] is not None:
                    bounds.append(text(summary["min"]))
                    continue
            bounds.append(id_after(text(row["last-delivered-id"])))
        return min(bounds, key=id_key)

    async def _aged(self, stream: str) -> str | None:
        """Return a stream that nobody reads in a group holds hints: those of the last minutes are kept."""
        if await self._link.groups(stream):
            return await self._needed(stream, ())
        keep_from = await self._link.now_ms() - int(1000 * self._timings.hint_retention_s)
        return f"{keep_from}-0" if keep_from > 0 else None
