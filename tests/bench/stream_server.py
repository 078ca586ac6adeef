"""A process that streams to whoever connects: by the real hub and server, or as plain writes to each socket.

It prints its port; every line `burst N` on its input is answered by N events to all.
"""

import asyncio
import sys
from functools import partial
from typing import Any, cast

import orjson
import uvloop

from schemas.jobs import Change
from services.cli.http_server import listen, serving
from services.http.stream import Hub, Shortcut, StreamApp
from services.http.stream.places import Limits
from services.store.changes import Place

ITEM = orjson.dumps({"id": "urn:x:1", "title": "News", "content_html": "<p>" + "word " * 70 + "</p>"})  # some 400 bytes
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 2000\n\n"


class News:
    """The order of commits, in memory."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def last(self, feed: str) -> Place:
        return Place(self.changes[-1].version, feed) if self.changes else Place()

    async def after(self, feed: str, place: Place, limit: int = 200) -> list[Change]:
        return self.changes[place.version : place.version + limit] if feed else []

    async def find(self, address: str) -> None:
        """No feed has a row: `all` is there nevertheless."""

    def grow(self, count: int) -> None:
        start = len(self.changes) + 1
        said: dict[str, Any] = {"first": True, "entry": b'{"id":"urn:x:1"}', "item": ITEM, "feeds": frozenset({"all"})}
        more = (Change(number, "all", **said) for number in range(start, start + count))
        self.changes.extend(more)


class Raw(asyncio.Protocol):
    """The floor: one write per socket."""

    everybody: set[asyncio.Transport]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if data:
            self._transport.write(HEAD)
            self.everybody.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.everybody.discard(self._transport)


async def _commands(burst: "partial[None]") -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        burst(int(line.split()[1]))


def _burst_raw(everybody: set[asyncio.Transport], count: int) -> None:
    data = b"id: WzEsImFsbCJd\nevent: article.published\ndata: %b\n\n" % ITEM * count
    for transport in everybody:
        transport.write(data)


def _burst_hub(news: News, hub: Hub, count: int) -> None:
    news.grow(count)
    hub.wake()


async def main(kind: str) -> None:
    sock = listen("127.0.0.1", 0)
    print(sock.getsockname()[1], flush=True)
    if kind == "raw":
        Raw.everybody = set()
        server = await asyncio.get_running_loop().create_server(Raw, sock=sock, backlog=2_048)
        await _commands(partial(_burst_raw, Raw.everybody))
        server.close()
        return
    news = News()
    hub = Hub(news, beat_s=3_600)
    running = asyncio.create_task(hub.run())
    from fastapi import FastAPI

    app = Shortcut(FastAPI(), StreamApp(hub, news, Limits(all=20_000, client=20_000)))
    async with serving(app, sock):
        await _commands(partial(_burst_hub, news, hub))
        hub.close()
    running.cancel()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
