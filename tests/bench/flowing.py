"""The whole path in one service: articles per second, and how soon one is in a feed and at a partner."""

import asyncio
import json
import multiprocessing
import re
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench import sink
from tests.bench.measure import Row, cpu_s, percentile, progress, rss_mb
from tests.bench.news import articles
from tests.live import Live, descendants, until

THROUGHPUT = 2_000
RATES = (50, 200)
SECONDS = 10
_ADDRESS = re.compile(rb"newsroom\.example/(latency\d+)/(\d+)")


def flowing() -> Iterator[Row]:
    """Throughput first, then latencies at each rate; each on a fresh service."""
    yield from asyncio.run(_throughput())
    for rate in RATES:
        yield from asyncio.run(_latency(rate))


@asynccontextmanager
async def service(settings: Mapping[str, str] | None = None) -> AsyncGenerator[Live]:
    """A fresh `up` that is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="wireroom-bench-", ignore_cleanup_errors=True) as directory:
        live = Live(Path(directory) / "data", {"WIREROOM_LOG_LEVEL": "warning", **(settings or {})})
        await live.start(within_s=60)
        try:
            yield live
        finally:
            await live.close()


@asynccontextmanager
async def sunk(live: Live) -> AsyncGenerator[Any]:
    """A fast sink, subscribed to everything; asks it by its pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=sink.serve, args=(theirs,), daemon=True)
    process.start()
    try:
        port = await asyncio.to_thread(ours.recv)
        status, answer = await live.call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{port}/sink"})
        assert status == 201, answer
        yield ours
    finally:
        process.terminate()


def everything(live: Live) -> list[int]:
    """The service's processes: itself, its pool, its Redis."""
    return [live.pid, *descendants(live.pid)]


async def _throughput() -> list[Row]:
    progress(f"publishing {THROUGHPUT} articles of 5 KB as fast as they are taken")
    async with service() as live:
        batches = [list(articles(100, prefix=f"batch{n}")) for n in range(THROUGHPUT // 100)]
        before, begun = cpu_s(everything(live)), time.perf_counter()
        for batch in batches:
            lines = b"\n".join(json.dumps(article).encode() for article in batch)
            status, answer = await live.call(
                "POST", "/v1/articles", lines, headers={"Content-Type": "application/x-ndjson"}
            )
            assert status == 200, answer

        async def done() -> bool:
            stats = await live.stats()
            return bool(stats["done"] == stats["accepted"] >= THROUGHPUT)

        await until(done, "all articles in their feeds", within_s=300)
        took = time.perf_counter() - begun
        used = cpu_s(everything(live)) - before
        return [
            Row(
                "pipeline, publish to feeds", THROUGHPUT / took, "articles/s", used / THROUGHPUT * 1e6, "", None,
                "≥ 150/s per core",
                note=f"{used:.1f} CPU s in {took:.1f} s, all processes; {THROUGHPUT / used:.0f} articles per CPU second; main process {rss_mb(live.pid):.0f} MiB",
            )
        ]  # fmt: skip


async def _latency(rate: int) -> list[Row]:
    progress(f"publishing {rate} articles a second for {SECONDS} s")
    async with service() as live, sunk(live) as pipe:
        sent: dict[str, float] = {}
        shown: dict[str, float] = {}
        watching = asyncio.create_task(_watch(live, shown))
        before = cpu_s(everything(live))
        await _publish(live, rate, sent)
        wanted = len(sent)

        async def arrived() -> bool:
            await asyncio.to_thread(pipe.send, "count")
            stats = await live.stats()
            return bool(await asyncio.to_thread(pipe.recv) >= wanted and stats["done"] == stats["accepted"])

        try:
            await until(arrived, "everything arrived", within_s=120)
            await asyncio.sleep(1.5)  # the last poll; what was sealed between two polls is not timed
        finally:
            watching.cancel()
        used = cpu_s(everything(live)) - before
        await asyncio.to_thread(pipe.send, "all")
        got: dict[str, float] = await asyncio.to_thread(pipe.recv)
    hooks = [got[name] - at for name, at in sent.items()]
    feeds = [shown[name] - at for name, at in sent.items() if name in shown]
    return [
        _row(f"publish → webhook at {rate}/s", hooks, used, "p95 ≤ 120 ms" if rate == 50 else ""),
        _row(f"publish → feed at {rate}/s", feeds, used, "p99 ≤ 1 s" if rate == 50 else ""),
    ]


def _row(name: str, seconds: list[float], used: float, aim: str) -> Row:
    p50, p95, p99 = (percentile(seconds, share) * 1000 for share in (0.5, 0.95, 0.99))
    note = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms over {len(seconds)} articles; {used / (SECONDS + 0.0):.2f} CPU s per second"
    return Row(name, p95, "ms p95", used / len(seconds) * 1e6, aim=aim, note=note)


async def _publish(live: Live, rate: int, sent: dict[str, float]) -> None:
    """Open loop: each publish leaves at its time, whatever became of the others."""
    begun = time.time()
    under_way: set[asyncio.Task[None]] = set()

    async def one(article: dict[str, Any]) -> None:
        status, answer = await live.call("POST", "/v1/articles", article)
        assert status == 201, answer

    for n, article in enumerate(articles(rate * SECONDS, prefix=f"latency{rate}")):
        await asyncio.sleep(max(0.0, begun + n / rate - time.time()))
        sent[article["id"]] = time.time()
        under_way.add(asyncio.create_task(one(article)))
    await asyncio.gather(*under_way)


async def _watch(live: Live, shown: dict[str, float]) -> None:
    """Poll the feed as an impatient reader would, and note when each article first stands in it."""
    tag = ""
    while True:
        async with live.session.get(live.base + "/feeds/all.json", headers={"If-None-Match": tag}) as response:
            body = await response.read()
            tag = response.headers.get("ETag", "")
        now = time.time()
        for prefix, number in set(_ADDRESS.findall(body)):
            shown.setdefault(f"{prefix.decode()}-{number.decode()}", now)
        await asyncio.sleep(0.05)
