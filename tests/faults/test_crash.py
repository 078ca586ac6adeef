"""P1, P2, P4, P5: kill anything at any moment, and every accepted story still arrives everywhere.

The verdict is read from public outputs only: what publishers were answered, what feeds show, what
partners received, and the operator's sum.
"""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from random import Random

import aiohttp
import pytest
import redis.asyncio
from redis.exceptions import RedisError

from tests.ledger import Ledger
from tests.live import Live, alive, descendants, until

SECTIONS = ("World", "Actualités", "政治", "أخبار")


def story(n: int) -> dict[str, object]:
    section = SECTIONS[n % len(SECTIONS)]
    return {
        "id": f"story-{n}",
        "revision": 1,
        "title": f"Story {n} — {section}",
        "content_text": f"Paragraph {n}. It goes on.",
        "sections": [section],
        "language": "en",
    }


class Chaos:
    """Publishes, breaks and restarts one service; `accepted` holds what was answered 2xx."""

    def __init__(self, service: Live, rng: Random) -> None:
        self.service = service
        self.rng = rng
        self.accepted: set[str] = set()
        self.log: list[str] = []

    async def publish(self, numbers: range, gate: asyncio.Semaphore) -> None:
        async def one(n: int) -> None:
            while f"story-{n}" not in self.accepted:
                async with gate:
                    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                        status, answer = await self.service.call("POST", "/v1/articles", story(n))
                        if status in (200, 201):
                            self.accepted.add(f"story-{n}")
                            continue
                        assert status in (503, 507), answer
                await asyncio.sleep(0.1)

        await asyncio.gather(*(one(n) for n in numbers))

    def _children(self, word: str) -> list[int]:
        found: list[int] = []
        for pid in sorted(descendants(self.service.pid)):
            with contextlib.suppress(OSError):
                if word in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"):
                    found.append(pid)
        return found

    async def strike(self, what: str) -> None:
        """One fault, and the recovery that is promised for it."""
        self.log.append(what)
        if what == "main":
            before = descendants(self.service.pid)
            self.service.kill(signal.SIGKILL)
            await self.service.ended()
            self.service.spawn()
            await until(self.service.ready, "ready again", within_s=10)

            async def nothing_left() -> bool:
                return not alive(before)

            await until(nothing_left, f"the old run's processes gone: {before}", within_s=3)
        elif what == "worker":
            os.kill(self.rng.choice(self._children("spawn_main")), signal.SIGKILL)
        elif what == "redis":
            os.kill(self._children("redis-server")[-1], signal.SIGKILL)
        else:
            with contextlib.suppress(RedisError, OSError):
                client = redis.asyncio.from_url((await self.service.stats())["queue"])
                await client.execute_command("FLUSHALL")
                await client.aclose()


async def run(tmp_path: Path, *, articles: int, strikes: list[str], seed: int) -> None:
    rng = Random(seed)
    service = Live(tmp_path / "data", {"WIREROOM_DELIVERY_SCHEDULE_S": "0.2,0.5,1,1,2,2,5,5,5"})
    async with Ledger() as first, Ledger(500, 500, 503) as second:
        try:
            await service.start()
            for ledger in (first, second):
                status, answer = await service.call("POST", "/v1/webhooks", {"url": ledger.url})
                assert status == 201, answer
            chaos = Chaos(service, rng)
            publishing = asyncio.create_task(chaos.publish(range(articles), asyncio.Semaphore(16)))
            for nth, what in enumerate(strikes, 1):
                threshold = articles * nth // (len(strikes) + 1)

                async def under_way(threshold: int = threshold) -> bool:
                    return len(chaos.accepted) >= threshold or publishing.done()

                await until(under_way, f"{threshold} accepted after {chaos.log}", within_s=120)
                await asyncio.sleep(rng.random() * 0.3)  # the random moment is the point
                await chaos.strike(what)
            await asyncio.wait_for(publishing, 180)
            await verdict(service, chaos, [first, second], articles)
        finally:
            await service.close()


async def verdict(service: Live, chaos: Chaos, ledgers: list[Ledger], articles: int) -> None:
    assert len(chaos.accepted) == articles

    async def settled() -> bool:
        stats = await service.stats()
        assert stats["accepted"] == stats["done"] + stats["waiting"] + stats["held"] + stats["dead"]
        return stats["done"] == stats["accepted"]

    await until(settled, f"every event done after {chaos.log}", within_s=120)
    assert (await service.stats())["accepted"] == articles

    async def in_feeds() -> bool:
        return len(await _ids(service, "all")) == articles

    await until(in_feeds, "every story in the feed", within_s=20)
    for feed, wanted in _expected(articles).items():
        ids = await _ids(service, feed)
        assert len(ids) == len(set(ids)), f"{feed} holds a story twice"
        assert set(ids) == wanted, f"{feed} after {chaos.log}"
    for ledger in ledgers:
        got = {got.data["id"] for got in ledger.got}
        assert got == {f"story-{n}" for n in range(articles)}, f"a partner missed stories after {chaos.log}"
        for same in ledger.events.values():
            assert len({(g.webhook_id, g.body) for g in same}) == 1, "a repeat carries the same id and bytes"


def _expected(articles: int) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {
        "all": set(),
        "section/world": set(),
        "section/actualites": set(),
        "section/政治": set(),
        "section/أخبار": set(),
    }
    names = [name for name in wanted if name != "all"]
    for n in range(articles):
        wanted["all"].add(f"Story {n} — {SECTIONS[n % len(SECTIONS)]}")
        wanted[names[n % len(names)]].add(f"Story {n} — {SECTIONS[n % len(SECTIONS)]}")
    return wanted


async def _ids(service: Live, feed: str) -> list[str]:
    """Every story that the feed leads to, its archives included (RFC 5005); isolates are for the eye."""
    found: list[str] = []
    path = f"/feeds/{feed}.json"
    while path:
        status, body = await service.get(path)
        if status != 200:
            return []  # sealed pages have new addresses by now
        document = json.loads(body)
        found += [item["title"].strip("\u2068\u2069") for item in document["items"]]
        path = document.get("next_url", "").removeprefix(service.base)
    return found


async def test_nothing_is_lost_when_anything_is_killed(tmp_path: Path) -> None:
    await run(tmp_path, articles=240, strikes=["redis", "main", "worker", "flushall"], seed=11)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_in_ten_strikes_among_two_thousand_stories(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    strikes = [*("main", "worker", "redis", "flushall") * 2, *rng.choices(["main", "worker", "redis", "flushall"], k=2)]
    rng.shuffle(strikes)
    await run(tmp_path, articles=2_000, strikes=strikes, seed=seed)
