"""A cap over everything that is fair once it is reached."""

import asyncio

import pytest

from services.deliver.slots import Slots


async def waiting(slots: Slots, whose: str, order: list[str]) -> asyncio.Task[None]:
    async def wait() -> None:
        await slots.take(whose)
        order.append(whose)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    return task


async def test_no_more_are_given_than_there_are() -> None:
    slots = Slots(2)
    assert [slots.take_now() for _ in range(3)] == [True, True, False]
    slots.give()
    assert slots.take_now()


async def test_subscribers_take_turns() -> None:
    slots, order = Slots(1), list[str]()
    await slots.take("first")
    tasks = [await waiting(slots, whose, order) for whose in ("a", "a", "a", "b", "c")]
    assert slots.waiting == 5
    for _ in tasks:
        slots.give()
        await asyncio.sleep(0)
    assert order == ["a", "b", "c", "a", "a"]
    slots.give()
    assert (slots.used, slots.waiting) == (0, 0)


async def test_nobody_is_overtaken_while_others_wait() -> None:
    slots, order = Slots(1), list[str]()
    await slots.take("first")
    await waiting(slots, "a", order)
    assert not slots.take_now()


async def test_who_gives_up_costs_nobody_a_place() -> None:
    slots, order = Slots(1), list[str]()
    await slots.take("first")
    gone, stays = await waiting(slots, "a", order), await waiting(slots, "b", order)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    slots.give()
    await stays
    assert order == ["b"]
    slots.give()
    assert slots.used == 0


async def test_who_gives_up_just_as_the_turn_comes_passes_it_on() -> None:
    slots, order = Slots(1), list[str]()
    await slots.take("first")
    gone, stays = await waiting(slots, "a", order), await waiting(slots, "b", order)
    slots.give()  # the turn is a's, who has not noticed yet
    gone.cancel()
    await stays
    assert order == ["b"]
