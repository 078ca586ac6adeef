"""Live streams: CPU per event and listener against plain writes to as many sockets, and what idle ones cost."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.bench.measure import Row, cpu_s, progress, rss_mb

LISTENERS = 1_000
BURST = 50
ROUNDS = 10
LINES = 4  # of one event
_GET = b"GET /stream HTTP/1.1\r\nHost: bench\r\n\r\n"


class _Listener(asyncio.Protocol):
    """Counts lines; opened when the first blank line of the stream has come."""

    total = 0
    opened = 0

    def __init__(self) -> None:
        self._head = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_GET)

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            _Listener.total += data.count(b"\n")
            return
        self._head += data
        if b"retry: 2000\n\n" in self._head:
            self._is_open = True
            _Listener.opened += 1


class _Cost(NamedTuple):
    one_us: float
    burst_us: float
    idle_kib: float
    idle_cpu: float


@asynccontextmanager
async def _server(kind: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.stream_server", kind, stdin=-1, stdout=-1
    )
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


async def _until(reached: int, what: str) -> None:
    async with asyncio.timeout(60):
        while getattr(_Listener, what) < reached:  # noqa: ASYNC110 - counted by a thousand protocols
            await asyncio.sleep(0.002)


async def _measure(kind: str) -> _Cost:
    async with _server(kind) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(await server.stdout.readline())
        loop = asyncio.get_running_loop()
        _Listener.total = _Listener.opened = 0
        before = rss_mb(server.pid)
        links = [(await loop.create_connection(_Listener, "127.0.0.1", port))[0] for _ in range(LISTENERS)]
        await _until(LISTENERS, "opened")
        idle_kib = (rss_mb(server.pid) - before) * 1024 / LISTENERS
        begun = cpu_s([server.pid])
        await asyncio.sleep(3)
        idle_cpu = (cpu_s([server.pid]) - begun) / 3
        costs: list[float] = []
        for size in (1, BURST):
            begun = cpu_s([server.pid])
            for _ in range(ROUNDS):
                wanted = _Listener.total + LISTENERS * size * LINES
                server.stdin.write(b"burst %d\n" % size)
                await _until(wanted, "total")
            costs.append((cpu_s([server.pid]) - begun) * 1e6 / (ROUNDS * size * LISTENERS))
        for link in links:
            link.close()
        return _Cost(costs[0], costs[1], idle_kib, idle_cpu)


def streaming() -> Iterator[Row]:
    """One event, then bursts of fifty, to a thousand listeners."""
    progress(f"streaming to {LISTENERS:,} listeners, plain writes first")
    raw = asyncio.run(_measure("raw"))
    ours = asyncio.run(_measure("hub"))
    yield Row(
        "stream, one event to 1,000",
        1e6 / ours.one_us,
        "deliveries/CPU s",
        ours.one_us,
        "plain writes",
        raw.one_us / ours.one_us,
        "≥ 0.33",
    )
    yield Row(
        "stream, burst of 50 to 1,000",
        1e6 / ours.burst_us,
        "deliveries/CPU s",
        ours.burst_us,
        "plain writes",
        raw.burst_us / ours.burst_us,
        "≥ 0.33",
    )
    yield Row(
        "stream, an idle listener",
        ours.idle_kib,
        "KiB",
        None,
        "",
        None,
        "≤ 15 KiB",
        f"{ours.idle_cpu:.1%} of a core for {LISTENERS:,}",
    )
