"""The ledger: a partner that stores all it got, byte for byte. One of the three oracles of the fault tests."""

import asyncio
import contextlib
import json
from collections import defaultdict
from typing import Any, NamedTuple, Self


class Got(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)["data"]
        return loaded


class Ledger:
    """Listens on loopback, answers with `statuses` in turn and then 204, and keeps every request."""

    def __init__(self, *statuses: int) -> None:
        self.got: list[Got] = []
        self._statuses = list(statuses)
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    @property
    def events(self) -> dict[tuple[str, int, str], list[Got]]:
        """What came, by (article id, revision, type)."""
        found: dict[tuple[str, int, str], list[Got]] = defaultdict(list)
        for got in self.got:
            found[got.data["id"], got.data["revision"], json.loads(got.body)["type"]].append(got)
        return found

    async def wait(self, count: int, *, within_s: float = 20.0) -> list[Got]:
        """Wait until `count` requests came."""
        async with asyncio.timeout(within_s):
            while len(self.got) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.got

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.got.append(Got(headers, body))
                self._changed.set()
                status = self._statuses.pop(0) if self._statuses else 204
                writer.write(f"HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        writer.close()
