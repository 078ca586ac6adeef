"""Read deadlines on our own port (security rule 36) and the cap on a request's head (rule 35)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from services.cli.http_server import listen, serving
from services.http.protocol import HEAD_BYTES

Address = tuple[str, int]


async def _app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def address() -> AsyncGenerator[Address]:
    sock = listen("127.0.0.1", 0)
    try:
        async with serving(_app, sock, head_s=0.3):
            yield sock.getsockname()
    finally:
        sock.close()


async def heard(address: Address, *parts: bytes) -> bytes:
    """Say the parts a little apart, then hear everything until the server closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(5):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.02)  # what is slow is the point
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_connection_that_asks_nothing_is_closed(address: Address) -> None:
    assert await heard(address) == b""


async def test_a_head_that_trickles_is_cut_off_at_its_deadline(address: Address) -> None:
    assert await heard(address, *[b"GET / HTTP/1.1\r\n", *[b"x: y\r\n"] * 40]) == b""


async def test_a_head_without_end_is_cut_off_at_its_size(address: Address) -> None:
    line = b"x: " + b"y" * 8_000 + b"\r\n"
    assert await heard(address, b"GET / HTTP/1.1\r\n", *[line] * (HEAD_BYTES // 8_000 + 2)) == b""


async def test_an_honest_request_is_answered_and_its_connection_lives_on(address: Address) -> None:
    ask = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    assert (await heard(address, ask[:10], ask[10:], ask, last)).count(b"200 OK") == 3
