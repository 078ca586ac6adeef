"""How many requests may be under way in all: a cap by memory, thousands, and fair when it is reached."""

import asyncio
from collections import OrderedDict, deque


class Slots:
    """Permits to have one request under way. When all are given out, subscribers take turns."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Count those who wait."""
        return sum(map(len, self._waiting.values()))

    def take_now(self) -> bool:
        """Take one if one is free and nobody waits."""
        if self.used >= self.limit or self._waiting:
            return False
        self.used += 1
        return True

    async def take(self, subscriber_id: str) -> None:
        """Take one, waiting for this subscriber's turn. Cancelling gives it back."""
        if self.take_now():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(subscriber_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Give one back: to whose turn it is."""
        while self._waiting:
            subscriber_id, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[subscriber_id] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self.used -= 1
