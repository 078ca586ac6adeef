"""Many workers at once, each repeating itself: nothing is lost, nothing counted twice."""

import asyncio
import random
from datetime import timedelta
from itertools import count

from schemas.delivery import WorkState
from services.store import Store
from tests.stores import Newsroom, OpenAgain, article, published, retracted

NAMES = [f"a{n}" for n in range(6)]
SHARED = count(1)


def desk(store: Store, seed: int) -> tuple[Newsroom, random.Random]:
    room = Newsroom(store)
    room.new_id = lambda: f"{seed:02}-{next(SHARED):08}"  # type: ignore[method-assign]
    return room, random.Random(seed)


async def work_for_a_while(room: Newsroom, dice: random.Random, events: list[str]) -> None:
    for _ in range(25):
        name = dice.choice(NAMES)
        told = retracted(name) if dice.random() < 0.2 else published(article(name, f"t{dice.randrange(9)}"))
        events.extend(one.receipt.event_id for one in await room.accept(told, told))
        some = dice.sample(events, min(5, len(events)))
        await room.enrich(*some)
        await room.syndicate(*some)
        await room.fan_out(*some, to=("w1", "w2"))
        endpoint = dice.choice(["w1", "w2"])
        fence = await room.store.deliveries.lease(endpoint, f"{id(room)}", room.now + timedelta(seconds=9), room.now)
        if fence is None:
            continue
        pending = await room.pending(endpoint)
        done = [
            room.result(each, fence, dice.choice([WorkState.DONE, WorkState.DEAD]), endpoint_id=endpoint)
            for each in pending[:4]
        ]
        assert all(await room.store.deliveries.record(done, room.now))
        if dice.random() < 0.1:
            await room.store.endpoints.pause(endpoint, room.now)
        await room.store.endpoints.resume(endpoint, room.now)
        await room.store.deliveries.release(endpoint, fence)


async def test_workers_side_by_side_keep_the_books(store: Store, open_again: OpenAgain) -> None:
    stores = [store, store] if store.database.dialect == "sqlite" else [store, open_again()]
    desks = [desk(stores[n % 2], n) for n in range(6)]
    room = desks[0][0]
    for name in ("w1", "w2"):
        await room.endpoint(name)
    events: list[str] = []
    await asyncio.gather(*(work_for_a_while(one, dice, events) for one, dice in desks))
    await room.sums()
    everything = list(dict.fromkeys(events))
    await room.enrich(*everything)
    await room.syndicate(*everything)
    await room.fan_out(*everything, to=("w1", "w2"))
    stats = await store.stats(room.now)
    assert {name: stage.waiting for name, stage in stats.stages.items()} == {"enrich": 0, "syndicate": 0, "deliver": 0}
    assert stats.accepted == len(everything)
    for name in ("w1", "w2"):
        page = await store.deliveries.list(webhook=name, limit=10_000)
        sequences = sorted(one.sequence for one in page.items)
        assert sequences == list(range(1, len(sequences) + 1))  # no number twice, none missing
    await room.sums()


async def test_two_owners_never_hold_one_mailbox(room: Newsroom) -> None:
    await room.endpoint()
    leases = [
        room.store.deliveries.lease("w1", f"owner{n}", room.now + timedelta(seconds=9), room.now) for n in range(20)
    ]
    assert sum(fence is not None for fence in await asyncio.gather(*leases)) == 1
