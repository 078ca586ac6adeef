"""Who asks, when a reverse proxy may stand between: X-Forwarded-* is believed from trusted proxies only.

The client is the right-most address of X-Forwarded-For that is no trusted proxy: whatever stands left of it,
the client may have written itself.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
LOOPBACK = ("127.0.0.0/8", "::1/128")


class Proxies:
    """The reverse proxies that we believe. None trusted: all clients are who they seem to be."""

    def __init__(self, networks: tuple[str, ...] = ()) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, networks))
        self.client = lru_cache(maxsize=8_192)(self._client)
        self.trusts = lru_cache(maxsize=8_192)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _trusts(self, peer: str) -> bool:
        address = read(peer)
        return address is not None and any(address in network for network in self._networks)

    def _client(self, peer: str, forwarded_for: bytes | None) -> str:
        """Find the client's address, given the connection's and all X-Forwarded-For lines as one list.

        "": nobody can know, for a trusted proxy named nobody.
        """
        if not self.trusts(peer):
            return peer
        for part in reversed((forwarded_for or b"").decode("latin-1").split(",")):
            address = read(part.strip())
            if address is None:
                return ""
            if not self.trusts(str(address)):
                return str(address)
        return ""

    @staticmethod
    def is_https(forwarded_proto: bytes | None) -> bool:
        """Read X-Forwarded-Proto: the last member is the one that our proxy wrote."""
        return forwarded_proto is not None and forwarded_proto.rpartition(b",")[2].strip().lower() == b"https"


class Forwarded:
    """ASGI middleware: tells the app of the client and scheme that a trusted proxy names."""

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. An unknown client is ("", 0)."""
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and self._proxies.trusts(client[0]):
            found: dict[bytes, bytes] = {}
            for name, value in scope["headers"]:
                if name in {b"x-forwarded-for", b"x-forwarded-proto"}:
                    found[name] = found[name] + b", " + value if name in found else value
            address = self._proxies.client(client[0], found.get(b"x-forwarded-for"))
            scheme = "https" if self._proxies.is_https(found.get(b"x-forwarded-proto")) else scope["scheme"]
            scope = {**scope, "client": (address, 0), "scheme": scheme}
        await self._app(scope, receive, send)


def read(text: str) -> Address | None:
    """Read an address, with or without a port; IPv4 in IPv6 is IPv4. None: it is none."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Client(NamedTuple):
    """Whom to count as one. `key` "": unknown. `is_local`: on this machine."""

    key: str
    is_local: bool


@lru_cache(maxsize=8_192)
def client_key(address: str) -> Client:
    """Count an IPv4 address as one client, of IPv6 a /64: that is what one household or host gets."""
    found = read(address)
    if found is None:
        return Client("", is_local=False)
    if isinstance(found, IPv6Address) and not found.is_loopback:
        return Client(str(IPv6Address(int(found) >> 64 << 64)) + "/64", is_local=False)
    return Client(str(found), found.is_loopback)
