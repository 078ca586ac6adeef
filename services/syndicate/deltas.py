"""What moved in feeds, for readers who hold the rest: made on demand, shared by all who ask the same at once."""

import asyncio
from collections.abc import Callable
from typing import Any

from schemas.feed import Ended, Moved
from schemas.history import Place
from services.syndicate.joiner import Behind, Delta, Joiner
from services.syndicate.lately import Lately
from services.syndicate.waiters import Waiters

Told = Delta | Moved | Ended | None
"""What moved, or why nothing can be told of it."""

_Asked = tuple[str, str, Behind | None, int, str]  # address, format, behind what, how many, the query


class Deltas:
    """One instance beside the documents of a process; it belongs to their event loop."""

    def __init__(self, joiner: Joiner) -> None:
        self._joiner = joiner
        self._asked: dict[_Asked, asyncio.Task[Told]] = {}
        self.waiters = Waiters()
        self.lately = Lately()

    async def delta(self, address: str, format_name: str, behind: Place, limit: int) -> Told:
        """Make the subscription document less what its reader has. See `Joiner.delta`."""
        return await self._joiner.delta(address, format_name, behind, limit)

    async def since(
        self, address: str, format_name: str, behind: Behind | None, limit: int, query: Callable[[str], str]
    ) -> Told:
        """Make a document of what moved. See `Joiner.since`."""
        key = (address, format_name, behind, limit, query(""))
        if (asked := self._asked.get(key)) is None:
            made = self._joiner.since(address, format_name, behind, limit, query)
            asked = self._asked[key] = asyncio.get_running_loop().create_task(made)
            asked.add_done_callback(lambda ended: self._answered(key, ended))
        return await asyncio.shield(asked)  # one who hangs up takes nobody's answer away

    def _answered(self, key: _Asked, ended: asyncio.Task[Any]) -> None:
        del self._asked[key]
        if not ended.cancelled():
            ended.exception()  # everyone who asked may have hung up

    async def close(self) -> None:
        """Let nobody wait any longer."""
        self.waiters.close()
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
