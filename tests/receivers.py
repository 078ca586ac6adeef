"""A partner's HTTP server for tests: it records what came and answers as told, well or badly.

    async with Receiver(answers.status(503), answers.ok()) as partner:
        ...
        await partner.got(2)

The first request gets the first answer, and so on; the last one goes on for ever.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Self

TLS = Path(__file__).parent / "tls"


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int  # 1 for the first that was accepted
    at: float = field(default_factory=monotonic)


Answer = Callable[[Seen, asyncio.StreamWriter], Awaitable[bool]]
"""Writes an answer. True: the connection may carry another request."""


class Receiver:
    """Listens on a free port of `host` while the block runs."""

    def __init__(self, *answers: Answer, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.port = 0
        self._answers = answers or (status(200),)
        self._host = host
        self._tls = tls
        self._came = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}/hook"

    def answer(self, *answers: Answer) -> None:
        """From now on, begin with the first of these."""
        self._answers = answers
        self._offset = len(self.seen)

    _offset = 0

    async def got(self, count: int, timeout_s: float = 10.0) -> list[Seen]:
        """Wait until so many requests came in all."""
        async with asyncio.timeout(timeout_s):
            while len(self.seen) < count:
                self._came.clear()
                await self._came.wait()
        return self.seen

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, self.port, ssl=self._tls, backlog=4_096)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError
            ):
                while await self._serve(reader, writer, number):
                    pass
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        seen = Seen(method, target, headers, body, number)
        self.seen.append(seen)
        self._came.set()
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            answer = self._answers[min(len(self.seen) - self._offset, len(self._answers)) - 1]
            return await answer(seen, writer)
        finally:
            self.open -= 1


def server_tls(name: str = "partner") -> ssl.SSLContext:
    """Speak TLS as `partner.test` or `other.test`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{name}.pem")
    return context


def client_tls() -> ssl.SSLContext:
    """Trust the tests' own authority, and nobody else."""
    return ssl.create_default_context(cafile=str(TLS / "authority.pem"))


def raw(data: bytes, *, keep: bool = False) -> Answer:
    """Send exactly these bytes."""

    async def answer(_: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        if not keep:
            writer.close()
            await writer.wait_closed()
        return keep

    return answer


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer properly. Header names are written with underscores."""
    lines = [f"HTTP/1.1 {code} X", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join([*lines, "", ""]).encode() + body, keep=True)


def slow(delay_s: float, then: Answer) -> Answer:
    """Think first."""

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(delay_s)
        return await then(seen, writer)

    return answer


def held(gate: asyncio.Event, then: Answer) -> Answer:
    """Answer once the gate is open."""

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        await gate.wait()
        return await then(seen, writer)

    return answer


def hang() -> Answer:
    """Never answer."""

    async def answer(_: Seen, _writer: asyncio.StreamWriter) -> bool:
        await asyncio.Event().wait()
        return False

    return answer


def drip(head: bytes, each_s: float = 0.05) -> Answer:
    """Send the head at once, then a byte at a time, for ever."""

    async def answer(_: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head)
        while True:
            await writer.drain()
            await asyncio.sleep(each_s)
            writer.write(b"x")

    return answer


def flood(head: bytes, piece: bytes, total: int) -> Answer:
    """Send the head, then the piece over and over, up to `total` bytes or until nobody reads."""

    async def answer(_: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head)
        for _i in range(total // len(piece)):
            writer.write(piece)
            await writer.drain()
        writer.close()
        return False

    return answer


def reset() -> Answer:
    """Cut the connection with an RST."""

    async def answer(_: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    return answer


def close_after(answer_bytes: bytes = b"") -> Answer:
    """Send these bytes, if any, and close."""
    return raw(answer_bytes)


def gzip_bomb(inflated: int) -> bytes:
    """Make a gzip stream of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(2**20)
    return b"".join([packer.compress(piece) for _ in range(inflated // len(piece))]) + packer.flush()
