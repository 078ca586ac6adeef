"""End tasks for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel and wait, again if need be.

    redis-py looks for unread data under a timeout of 0, and a cancellation that falls into it is
    swallowed: one `cancel()` then leaves a loop running for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=0.05)
        for task in done:
            if not task.cancelled():
                task.exception()  # retrieved, or asyncio complains
