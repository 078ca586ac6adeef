"""Who waits for a feed to move: woken by the announcement that re-joins its documents, never by asking SQL."""

import asyncio

_MOST_KNOWN = 100_000  # feeds whose newest version is remembered


class Waiters:
    """Those who wait, by the feed's key. How many may is for whoever lets them in. One event loop's."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._newest: dict[str, int] = {}
        self.closed = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def announce(self, name: str, version: int) -> None:
        """Wake all who wait for this feed."""
        if version <= self._newest.get(name, 0):
            return
        if len(self._newest) >= _MOST_KNOWN:
            self._newest.clear()  # at worst somebody waits to the end
        self._newest[name] = version
        for future in self._waiting.pop(name, ()):
            if not future.done():
                future.set_result(None)

    async def wait(self, name: str, version: int) -> int | None:
        """Wait until a version beyond `version` is announced, and return it. None: nobody may wait any longer."""
        if self.closed or self._newest.get(name, 0) > version:
            return None if self.closed else self._newest[name]
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, set()).add(future)
        try:
            await future
        finally:
            if (others := self._waiting.get(name)) is not None:
                others.discard(future)
                if not others:
                    del self._waiting[name]
        return None if self.closed else max(version, self._newest.get(name, 0))

    def close(self) -> None:
        """Send all who wait away."""
        self.closed = True
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(None)
