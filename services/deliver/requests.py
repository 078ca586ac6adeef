"""What people ask of deliver: a test event, one delivery once more, a try right now.

Each writes a delivery that the drain sends like any other, and wakes it.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from services.deliver.body import trial_of
from services.deliver.ports import Replays, Trials

Wake = Callable[[Collection[str]], None]


async def owe_test(
    endpoint_id: str,
    *,
    store: Trials,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    wake: Wake,
) -> str | None:
    """Owe an endpoint a test event; its delivery id, whose record shows the attempts. None: no such endpoint."""
    now = clock()
    payload, envelope = trial_of(now)
    delivery_id = await store.test(endpoint_id, payload, envelope, now, new_id)
    wake((endpoint_id,))
    return delivery_id


async def replay_one(
    delivery_id: str,
    *,
    store: Replays,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    wake: Wake,
) -> str | None:
    """Owe a delivery once more: same webhook id, same bytes. The new delivery's id.

    For an article that was taken back since, the retraction is owed instead. None: there is nothing to send.
    """
    new = await store.replay(delivery_id, clock(), new_id)
    wake(())
    return new


async def retry_one(delivery_id: str, *, store: Replays, clock: Callable[[], datetime], wake: Wake) -> bool:
    """Try a dead or waiting delivery now. False: unknown, done, or overtaken by a retraction."""
    tried = await store.retry(delivery_id, clock())
    wake(())
    return tried
