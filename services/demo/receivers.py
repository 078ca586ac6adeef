"""Partners' webhook receivers on this machine: one behaves well, one is slow, one flaky, one broken."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

Check = Callable[[dict[str, str], bytes], bool]
"""Says whether a request's Standard Webhooks signature is right."""

_REASONS = {204: "No Content", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass
class Receiver:
    """One partner. `manner` is called with every request and returns the status, or None to hang up."""

    name: str
    manner: Callable[[], Awaitable[int | None]]
    check: Check | None = None
    filter: dict[str, list[str]] = field(default_factory=dict)
    received: int = 0
    refused: int = 0
    forged: int = 0
    ids: set[str] = field(default_factory=set)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def start(self) -> str:
        """Listen on a free loopback port; returns the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{self.port}/{self.name}"

    async def stop(self) -> None:
        """Stop listening and hang up: a sender that waits for a slow partner need not wait any longer."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:]) if k}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status = await self._judge(headers, body)
                if status is None:
                    break
                writer.write(f"HTTP/1.1 {status} {_REASONS.get(status, 'OK')}\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        self._open.discard(writer)
        writer.close()

    async def _judge(self, headers: dict[str, str], body: bytes) -> int | None:
        if self.check is not None and not self.check(headers, body):
            self.forged += 1
            return 400
        status = await self.manner()
        if status is not None and 200 <= status < 300:
            self.received += 1
            self.ids.add(headers.get("webhook-id", ""))
        else:
            self.refused += 1
        return status


def partners(rng: Random) -> list[Receiver]:
    """Four manners that every sender of webhooks meets."""

    async def good() -> int:
        return 204

    async def slow() -> int:
        await asyncio.sleep(2)
        return 204

    async def flaky() -> int | None:
        return rng.choice((204, 204, 503, None))

    async def broken() -> int:
        return 500

    return [
        Receiver("good", good),
        Receiver("slow", slow),
        Receiver("flaky", flaky),
        Receiver("broken", broken, filter={"language": ["fr"]}),
    ]
