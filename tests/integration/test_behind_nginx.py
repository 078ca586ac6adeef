"""Feeds behind a reverse proxy that compresses and caches: Debian's nginx before the real command (check 6)."""

import gzip
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.live import Live, until
from tests.nginx import free_ports, nginx

PUBLIC = "https://news.example"
SETTINGS = {
    "WIREROOM_BEHIND_PROXY": "true",
    "WIREROOM_PUBLIC_URL": PUBLIC,
    "WIREROOM_FEED_MAX_AGE_S": "1",
    "WIREROOM_POLL_BURST": "5",
}


class Behind(Live):
    """A service whose own address is another than its public one."""

    def __init__(self, data_dir: Path, port: int) -> None:
        super().__init__(data_dir, SETTINGS | {"WIREROOM_BIND": f"127.0.0.1:{port}"})
        self.port = port

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Proxied:
    service: Live
    at: dict[str, str]
    session: aiohttp.ClientSession

    async def get(self, way: str, path: str = "/feeds/all.rss", **headers: str) -> tuple[int, Any, bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Accept-Encoding", "identity")
        async with self.session.get(self.at[way] + path, headers=sent) as got:
            return got.status, got.headers, await got.read()


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Proxied]:
    async with AsyncExitStack() as stack:
        service = Behind(tmp_path / "data", free_ports(1)[0])
        stack.push_async_callback(service.close)
        await service.start(within_s=60)
        at = stack.enter_context(nginx(tmp_path / "nginx", service.port))
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        made = Proxied(service, dict(at), session)
        story = {"id": "a", "title": "Un été", "content_html": "<p>" + "mot " * 300 + "</p>", "sections": ["Sport"]}
        assert (await service.call("POST", "/v1/articles", story))[0] == 201

        async def shown() -> bool:
            with_story = await service.get("/feeds/all.rss")
            with suppress(aiohttp.ClientConnectionError):  # nginx is still starting
                async with session.get(at["passes"] + "/feeds/all.rss") as got:
                    return got.status == 200 and "Un été".encode() in with_story[1]
            return False

        await until(shown, "the story is in the feed, and nginx passes it on")
        yield made


async def test_tags_that_nginx_weakens_still_give_304(proxied: Proxied) -> None:
    """Rules 42, 43 and 46."""
    _, plain, text = await proxied.get("compresses")
    status, packed, body = await proxied.get("compresses", Accept_Encoding="gzip")
    assert (status, packed["Content-Encoding"], packed["ETag"]) == (200, "gzip", f"W/{plain['ETag']}")
    assert gzip.decompress(body) == text
    for tag in (packed["ETag"], plain["ETag"]):
        for accept in ("gzip", "identity"):
            status, again, nothing = await proxied.get("compresses", Accept_Encoding=accept, If_None_Match=tag)
            assert (status, nothing, again["Vary"]) == (304, b"", "Accept-Encoding")
    # Where nginx lets readers say what they accept, our own gzip goes through as it is, under its own tag.
    _, ours, body = await proxied.get("passes", Accept_Encoding="gzip")
    assert (ours["Content-Encoding"], ours["ETag"][:2]) == ("gzip", '"' + plain["ETag"][1])
    assert gzip.decompress(body) == text
    assert (await proxied.get("passes", Accept_Encoding="gzip", If_None_Match=ours["ETag"]))[0] == 304


async def test_addresses_are_the_public_ones_and_the_client_is_the_one_that_nginx_names(proxied: Proxied) -> None:
    """Rule 53, check 23; rule 51."""
    _, headers, body = await proxied.get("passes", Host="evil.example", X_Forwarded_Host="evil.example")
    assert b"evil.example" not in body
    assert f'{PUBLIC}/feeds/all.rss"'.encode() in body
    assert headers["Link"].startswith(f'<{PUBLIC}/feeds/all.rss>; rel="self"')
    assert "Strict-Transport-Security" in headers
    flood = [await proxied.get("passes", X_Forwarded_For="6.6.6.6, 203.0.113.9") for _ in range(8)]
    assert [status for status, _, _ in flood] == [200] * 5 + [429] * 3
    assert flood[-1][1]["Content-Type"] == "application/problem+json"
    assert int(flood[-1][1]["Retry-After"]) >= 1
    assert (await proxied.get("passes", X_Forwarded_For="203.0.113.9", If_None_Match=headers["ETag"]))[0] == 304
    assert (await proxied.get("passes", X_Forwarded_For="203.0.113.10"))[0] == 200
    # nginx itself, asking for nobody that we could name, is never refused
    assert {(await proxied.get("passes"))[0] for _ in range(20)} == {200}


async def test_a_cache_keeps_codings_apart_asks_again_and_outlives_us(proxied: Proxied) -> None:
    """Rules 46 and 49: Vary, validators, stale-if-error; nginx is told nothing but our own headers."""
    bodies: dict[str, bytes] = {}
    for accept in ("identity", "gzip"):
        status, headers, bodies[accept] = await proxied.get("caches", Accept_Encoding=accept)
        assert (status, headers["X-Cache"]) == (200, "MISS")
        assert headers.get("Content-Encoding", "identity") == accept
    assert gzip.decompress(bodies["gzip"]) == bodies["identity"]

    async def cached(state: str, **sent: str) -> bool:
        status, headers, body = await proxied.get("caches", **sent)
        assert status == 200
        assert body == bodies[sent["Accept_Encoding"]]
        return bool(headers["X-Cache"] == state)

    for accept in ("identity", "gzip"):
        await until(lambda: cached("HIT", Accept_Encoding=accept), "from the cache")  # noqa: B023 - awaited here
        await until(lambda: cached("REVALIDATED", Accept_Encoding=accept), "asked again, with our tag")  # noqa: B023
    proxied.service.kill(signal.SIGKILL)
    await proxied.service.ended()
    gone = time.monotonic()

    async def outlives(accept: str) -> bool:
        """By stale-if-error: max-age and stale-while-revalidate, a second each, are long over."""
        return await cached("STALE", Accept_Encoding=accept) and time.monotonic() > gone + 4

    for accept in ("identity", "gzip"):
        await until(lambda: outlives(accept), "served although we are gone")  # noqa: B023
