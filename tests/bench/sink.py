"""A fast local sink of webhooks in a process of its own: answers 204, notes when each id first came."""

import asyncio
import sys
import time
from multiprocessing.connection import Connection


class _Sink(asyncio.Protocol):
    """Reads just enough HTTP/1.1 to answer: a header block and a body of content-length bytes."""

    def __init__(self, seen: dict[bytes, float]) -> None:
        self._seen = seen
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            start = body.find(b'"id":"')
            self._seen.setdefault(body[start + 6 : body.find(b'"', start + 6)], now)
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def serve(pipe: "Connection[object, object]") -> None:
    """Listen on a free port and send it; then answer every message with what was seen so far."""
    seen: dict[bytes, float] = {}

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Sink(seen), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        while True:
            try:
                order = await asyncio.to_thread(pipe.recv)
            except EOFError:
                sys.exit()
            pipe.send(len(seen) if order == "count" else {key.decode(): at for key, at in seen.items()})

    asyncio.run(main())
