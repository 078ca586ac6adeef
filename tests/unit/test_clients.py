"""Who asks, through reverse proxies: X-Forwarded-* is believed from trusted ones only."""

from typing import Any

import pytest

from services.http.clients import LOOPBACK, Forwarded, Proxies

PROXIES = Proxies((*LOOPBACK, "10.0.0.0/8", "2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # nobody trusts this peer
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the client wrote the first itself
        ("127.0.0.1", "6.6.6.6, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "198.51.100.1, 2001:db8:ffff::1", "198.51.100.1"),
        ("127.0.0.1", "  198.51.100.1  ", "198.51.100.1"),
        ("127.0.0.1", None, ""),
        ("127.0.0.1", "", ""),
        ("127.0.0.1", "10.9.9.9", ""),  # proxies only
        ("127.0.0.1", "6.6.6.6, unknown", ""),
        ("127.0.0.1", "6.6.6.6, <script>", ""),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy(
    peer: str, forwarded_for: str | None, client: str
) -> None:
    assert PROXIES.client(peer, None if forwarded_for is None else forwarded_for.encode()) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert Proxies().client("127.0.0.1", b"198.51.100.1") == "127.0.0.1"
    assert not Proxies()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, False),
        (b"https", True),
        (b"HTTPS ", True),
        (b"http", False),
        (b"https, http", False),
        (b"http,https", True),
    ],
)
def test_the_scheme_is_the_one_that_our_proxy_wrote(sent: bytes | None, expected: bool) -> None:  # noqa: FBT001 - a table
    assert Proxies.is_https(sent) is expected


async def _seen(peer: str, *headers: tuple[bytes, bytes]) -> tuple[Any, Any]:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"], scope["scheme"]))

    scope = {"type": "http", "client": (peer, 4711), "scheme": "http", "headers": list(headers)}

    async def receive() -> Any:
        raise AssertionError("nothing is received")

    async def send(_: Any) -> None:
        raise AssertionError("nothing is sent")

    await Forwarded(app, PROXIES)(scope, receive, send)
    return seen[0]


async def test_the_app_is_told_of_the_true_client() -> None:
    lines = ((b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-proto", b"https"))
    assert await _seen("127.0.0.1", *lines) == (("198.51.100.1", 0), "https")
    assert await _seen("203.0.113.7", *lines) == (("203.0.113.7", 4711), "http")
    assert await _seen("127.0.0.1") == (("", 0), "http")
