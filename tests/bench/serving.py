"""Feed requests per server-CPU-second, against nginx serving the same bytes from a file."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.bench.flowing import service
from tests.bench.measure import Row, cpu_s, progress
from tests.bench.news import articles
from tests.live import descendants, raw_get, until

CONNECTIONS = 32
SECONDS = 4.0
ITEMS = 60


_GET = b"GET /feeds/all.rss HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\n%s\r\n"
_AGAIN = b"If-None-Match: %s\r\n"
_NUMBER = b"--------"
_NEW = b"X-Request-Id: " + _NUMBER + b"\r\n"
_numbers = count()


class _Load(NamedTuple):
    requests: int
    cpu_s: float
    seconds: float


class _Client(asyncio.Protocol):
    """Sends a request again and again. All answers are equally long, so bytes tell how many came.

    A request with `_NUMBER` in it is another one each time: nothing that was learned from its bytes helps then.
    """

    def __init__(self, request: bytes, until_time: float) -> None:
        self._request, self._until = request, until_time
        self._length = 0
        self._open = b""
        self._left = 0
        self.answers = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._length:
            self._open += data
            end = self._open.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._open[:end].lower()
            at = head.find(b"\r\ncontent-length:")
            body = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 and b" 304 " not in head[:20] else 0
            self._length = self._left = end + 4 + body
            data = self._open
        self._left -= len(data)
        if self._left > 0:
            return
        self.answers += 1
        self._left = self._length
        if time.perf_counter() < self._until:
            self._transport.write(self._request.replace(_NUMBER, b"%08d" % next(_numbers)))
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(exc)


async def _load(host: str, port: int, request: bytes, pids: list[int]) -> _Load:
    loop = asyncio.get_running_loop()
    end = time.perf_counter() + SECONDS
    before, begun = cpu_s(pids), time.perf_counter()
    clients = [(await loop.create_connection(lambda: _Client(request, end), host, port))[1] for _ in range(CONNECTIONS)]
    await asyncio.gather(*(client.ended for client in clients))
    return _Load(sum(client.answers for client in clients), cpu_s(pids) - before, time.perf_counter() - begun)


def serving() -> Iterator[Row]:
    """One feed of some 30 KB gzipped: 304, and 200 with the stored gzip; by the fast path and by the plain route."""
    progress(f"requesting one feed for {SECONDS:.0f} s over {CONNECTIONS} connections, eight times")
    yield from asyncio.run(_serving())


async def _serving() -> list[Row]:
    """All in one run, and each beside the others: what a machine's neighbours do falls on all of them."""
    fast = await _ours({})
    plain = await _ours({"WIREROOM_FEED_FAST_PATH": "false"})
    theirs: tuple[_Load, _Load] | tuple[None, None] = (None, None)
    if shutil.which("nginx"):
        with tempfile.TemporaryDirectory() as directory:
            theirs = await _nginx(Path(directory), fast.plain, fast.packed)
    return [
        _row("feed 304, fast path", fast.again, theirs[0], len(fast.packed), "≥ 0.45"),
        _row("feed 200, stored gzip, fast path", fast.whole, theirs[1], len(fast.packed), "≥ 0.55"),
        _row("feed 304, fast path, each request new", fast.new, theirs[0], len(fast.packed), ""),
        _row("feed 304, plain route", plain.again, theirs[0], len(fast.packed), "≥ 0.18"),
        _row("feed 200, stored gzip, plain route", plain.whole, theirs[1], len(fast.packed), "≥ 0.18"),
    ]


class _Ours(NamedTuple):
    again: _Load
    new: _Load
    whole: _Load
    plain: bytes
    packed: bytes


async def _ours(settings: dict[str, str]) -> _Ours:
    """Limits judge and counters count as always; only the flood that this is, is allowed."""
    allowed = {"WIREROOM_POLL_LOCAL_PER_S": "1e6", "WIREROOM_POLL_CLIENT_BURST": "1000000000"}
    async with service(allowed | settings) as live:
        for article in articles(ITEMS, prefix="serving"):
            await live.call("POST", "/v1/articles", article)

        async def full() -> bool:
            return (await live.get("/feeds/all.rss"))[1].count(b"<item>") == ITEMS

        await until(full, "the feed is full")
        headers, packed = await raw_get(live.base + "/feeds/all.rss", {"Accept-Encoding": "gzip"})
        _, plain = await raw_get(live.base + "/feeds/all.rss", {"Accept-Encoding": "identity"})
        port = int(live.base.rpartition(":")[2])
        again = await _load("127.0.0.1", port, _GET % (_AGAIN % headers["ETag"].encode()), [live.pid])
        unlike = _GET % (_NEW + _AGAIN % headers["ETag"].encode())
        new = await _load("127.0.0.1", port, unlike, [live.pid])
        whole = await _load("127.0.0.1", port, _GET % b"", [live.pid])
    return _Ours(again, new, whole, plain, packed)


def _row(name: str, ours: _Load, theirs: _Load | None, size: int, aim: str) -> Row:
    rate = ours.requests / ours.cpu_s
    ratio = rate / (theirs.requests / theirs.cpu_s) if theirs else None
    note = f"{ours.requests / ours.seconds:,.0f} requests/s as driven; gzip of {size:,} bytes"
    return Row(name, rate, "requests/CPU s", 1e6 / rate, "nginx, same bytes" if theirs else "", ratio, aim, note)


async def _nginx(directory: Path, plain: bytes, packed: bytes) -> tuple[_Load, _Load]:
    config = _configure(directory, plain, packed)
    process = await asyncio.create_subprocess_exec(
        "nginx", "-p", str(directory), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:

        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", 18089)
            except OSError:
                return False
            writer.close()
            return True

        await until(answers, "nginx answers")
        headers, _ = await raw_get("http://127.0.0.1:18089/feeds/all.rss", {"Accept-Encoding": "gzip"})
        pids = [process.pid, *descendants(process.pid)]
        return (
            await _load("127.0.0.1", 18089, _GET % (_AGAIN % headers["ETag"].encode()), pids),
            await _load("127.0.0.1", 18089, _GET % b"", pids),
        )
    finally:
        process.terminate()
        await process.wait()


def _configure(directory: Path, plain: bytes, packed: bytes) -> Path:
    root = directory / "feeds"
    root.mkdir()
    directory.chmod(0o755)
    (root / "all.rss").write_bytes(plain)
    (root / "all.rss.gz").write_bytes(packed)
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; sendfile on; open_file_cache max=100; gzip_static on; etag on; types {{ application/rss+xml rss; }}\n"
        f" server {{ listen 127.0.0.1:18089; root {directory}; keepalive_requests 10000000; }} }}\n"
    )
    return config
