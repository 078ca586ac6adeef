"""Webhooks per second to a fast local sink, against a plain aiohttp loop posting the same bytes to it."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import aiohttp

from tests.bench.flowing import everything, service, sunk
from tests.bench.measure import Row, cpu_s, progress
from tests.bench.news import articles
from tests.live import until

COUNT = 2_000
BODY = 2_000


def delivering() -> Iterator[Row]:
    """Hold a backlog by pausing the endpoint, then let it go and time the drain alone."""
    progress(f"delivering {COUNT} webhooks of about {BODY} bytes to a fast local sink")
    yield from asyncio.run(_delivering())


async def _delivering() -> list[Row]:
    async with service() as live, sunk(live) as pipe:
        hook = (await live.call("GET", "/v1/webhooks"))[1]["items"][0]
        await live.call("POST", f"/v1/webhooks/{hook['id']}/pause")
        for start in range(0, COUNT, 200):
            lines = [json.dumps(article) for article in articles(200, size=1_200, prefix=f"d{start}")]
            await live.call(
                "POST", "/v1/articles", "\n".join(lines).encode(), headers={"Content-Type": "application/x-ndjson"}
            )

        async def held() -> bool:
            return bool((await live.stats())["deliveries"]["held"] == COUNT)

        await until(held, "all deliveries written and held", within_s=120)
        before, begun = cpu_s([live.pid]), time.perf_counter()
        await live.call("POST", f"/v1/webhooks/{hook['id']}/resume")

        async def drained() -> bool:
            await asyncio.to_thread(pipe.send, "count")
            return bool(await asyncio.to_thread(pipe.recv) >= COUNT)

        await until(drained, "all delivered", within_s=120)
        took, used = time.perf_counter() - begun, cpu_s([live.pid]) - before
        loop_rate, loop_cpu = await _loop(hook["url"])
    return [
        Row(
            "deliveries, one endpoint", COUNT / took, "deliveries/s", used / COUNT * 1e6, "plain aiohttp loop",
            (COUNT / used) / (1 / loop_cpu),
            note=f"with its SQL bookkeeping; the loop alone {loop_rate:,.0f}/s, {loop_cpu * 1e6:.0f} CPU µs each; see {len(everything(live))} process(es)",
        )
    ]  # fmt: skip


async def _loop(url: str) -> tuple[float, float]:
    """Post as many bodies with 8 in flight, unsigned, unrecorded: per second, and CPU seconds each."""
    body = b'{"data":{"id":"loop"}}'.ljust(BODY)
    todo: list[Any] = list(range(COUNT))

    async def worker(session: aiohttp.ClientSession) -> None:
        while todo:
            todo.pop()
            async with session.post(url, data=body) as response:
                await response.read()

    async with aiohttp.ClientSession() as session:
        before, begun = time.process_time(), time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(8)))
        return COUNT / (time.perf_counter() - begun), (time.process_time() - before) / COUNT
