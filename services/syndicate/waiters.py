"""Who waits for a feed to move: woken by the announcement that re-joins its documents, never by asking SQL."""

import asyncio

_MOST_KNOWN = 100_000  # feeds whose newest version is remembered


class Waiters:
    """Those who wait, by the feed's key; bounded, so that nobody can wait us out of memory. One event loop's."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._newest: dict[str, int] = {}
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether nobody more may wait."""
        return self.count >= self._most

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

    async def wait(self, name: str, version: int, within_s: float) -> bool:
        """Wait until the feed moves beyond `version`. False: it did not within the time."""
        if self._newest.get(name, 0) > version:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, set()).add(future)
        self.count += 1
        try:
            await asyncio.wait_for(future, within_s)
        except TimeoutError:
            return False
        finally:
            self.count -= 1
            if (others := self._waiting.get(name)) is not None:
                others.discard(future)
                if not others:
                    del self._waiting[name]
        return True
