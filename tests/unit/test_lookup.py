"""Names to addresses, with one slow name server among many."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from services.outbound.lookup import THREADS, SystemLookup, system_addresses


class Names:
    """A blocking resolver: counts, and waits for a gate where told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = threading.Event()

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.gate.wait(10)
        if host.startswith("bad"):
            raise OSError("no such name")
        if host.startswith("odd"):
            raise UnicodeError("label too long")
        return [f"192.0.2.{len(self.asked)}"]


class Hands:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_answer_is_believed_for_a_while_and_then_asked_for_again() -> None:
    names, clock = Names(), Hands()
    lookup = SystemLookup(names, fresh_s=30, monotonic=clock)
    assert await lookup("a") == ["192.0.2.1"]
    clock.now = 29.9
    assert await lookup("a") == ["192.0.2.1"]
    clock.now = 30.1
    assert await lookup("a") == ["192.0.2.2"]


async def test_who_asks_at_the_same_time_shares_one_lookup() -> None:
    names = Names()
    lookup = SystemLookup(names)
    asking = [asyncio.create_task(lookup("slow")) for _ in range(50)]
    await asyncio.sleep(0)
    names.gate.set()
    assert {tuple(answer) for answer in await asyncio.gather(*asking)} == {("192.0.2.1",)}
    assert names.asked == ["slow"]


async def test_failures_are_told_and_not_kept() -> None:
    names = Names()
    lookup = SystemLookup(names)
    for _ in range(2):
        with pytest.raises(OSError, match="no such name"):
            await lookup("bad")
    with pytest.raises(OSError, match="label too long"):
        await lookup("odd")
    assert names.asked == ["bad", "bad", "odd"]


async def test_slow_names_do_not_hold_up_others() -> None:
    names = Names()
    lookup = SystemLookup(names)
    slow = [asyncio.create_task(lookup(f"slow{n}")) for n in range(THREADS - 1)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await lookup("quick")
    names.gate.set()
    await asyncio.gather(*slow)


async def test_a_cancelled_caller_leaves_the_others_their_answer() -> None:
    names = Names()
    lookup = SystemLookup(names)
    first, second = asyncio.create_task(lookup("slow")), asyncio.create_task(lookup("slow"))
    await asyncio.sleep(0)
    first.cancel()
    names.gate.set()
    assert await second == ["192.0.2.1"]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_leaves_nobody_waiting() -> None:
    names = Names()
    lookup = SystemLookup(names)
    waiting = asyncio.create_task(lookup("slow"))
    await asyncio.sleep(0)
    await lookup.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    names.gate.set()


def test_the_system_knows_loopback_in_all_its_spellings() -> None:
    for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.1"):
        assert system_addresses(host) == ["127.0.0.1"]
