"""Which URLs and addresses may be dialled. Pure: no lookups, no sockets, no clock.

Own range table: `ipaddress.is_global` is not the judge, on Python 3.11.7 it passes 64:ff9b::a9fe:a9fe,
2002:7f00:1::1, ::127.0.0.1, fec0::1, 224.0.0.1, 192.0.0.8, 192.88.99.1, 3fff::1 and 5f00::1.
URLs are read by yarl, the parser that the sender dials with: two parsers would be two opinions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 2_048  # characters
PORTS = frozenset({443, 80, 8443, 8080})

REFUSED_V4 = tuple(
    IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")  # all else is refused
REFUSED_V6 = tuple(
    IPv6Network(cidr)
    for cidr in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
NAT64 = IPv6Network("64:ff9b::/96")
NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
COMPATIBLE = IPv6Network("::/96")
METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",  # a public address that Azure answers from inside
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)

FAULT_ADDRESS = "the address is private, reserved or our own"
FAULT_HTTP = "plain http is not allowed here, use https"
FAULT_SPELLING = "write an address as four decimal numbers, or in brackets for IPv6"


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What an operator permits beyond the rules.

    Inside `allow`, special addresses, plain http and any port are fine; metadata addresses and our own
    `listeners` stay refused. `own` are this installation's public addresses. A listener on the unspecified
    address (0.0.0.0, ::) is reachable by loopback and by every own address.
    """

    allow: tuple[Network, ...] = ()
    allow_http: bool = False
    ports: frozenset[int] = PORTS
    own: frozenset[Address] = frozenset()
    listeners: frozenset[tuple[Address, int]] = frozenset()

    @classmethod
    def of(
        cls,
        allow_addresses: Iterable[str] = (),
        *,
        allow_http: bool = False,
        allow_ports: Iterable[int] = (),
        own: Iterable[str] = (),
        listeners: Iterable[tuple[str, int]] = (),
    ) -> "AddressPolicy":
        """From plain settings. Raises ValueError on what is no network or address."""
        return cls(
            allow=tuple(ip_network(cidr) for cidr in allow_addresses),
            allow_http=allow_http,
            ports=PORTS | frozenset(allow_ports),
            own=frozenset(ip_address(text) for text in own),
            listeners=frozenset((ip_address(host), port) for host, port in listeners),
        )

    def allows(self, address: Address) -> bool:
        """Say whether the operator named a network that holds this very address."""
        return any(address.version == net.version and address in net for net in self.allow)

    def listens(self, address: Address, port: int) -> bool:
        """Say whether dialling it would reach ourselves."""
        return any(
            port == own_port
            and (address == host or (host.is_unspecified and (address.is_loopback or address in self.own)))
            for host, own_port in self.listeners
        )


def embedded(address: IPv6Address) -> IPv4Address | None:
    """Unwrap the IPv4 address inside a mapped, compatible, NAT64 or 6to4 one, else None."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64 or address in NAT64_LOCAL or (address in COMPATIBLE and int(address) > 0xFFFF):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def is_special(address: Address) -> bool:
    """Say whether an address is refused unless the operator allows it (webhooks reference §8, rules 5 and 6).

    Mapped and NAT64 addresses lead to the IPv4 address inside and are as special as that one: hosts
    behind DNS64 reach IPv4 partners in no other way. 6to4 and locally assigned NAT64 stay refused.
    """
    if isinstance(address, IPv4Address):
        return any(address in net for net in REFUSED_V4)
    if address.ipv4_mapped is not None or address in NAT64:
        inner = embedded(address)
        assert inner is not None
        return is_special(inner)
    return address not in GLOBAL_V6 or any(address in net for net in REFUSED_V6)


def judge(text: str, port: int, scheme: str, policy: AddressPolicy) -> str | None:
    """Judge the address about to be dialled: None when it is fine, else the fault, safe to show."""
    try:
        address = ip_address(text)
    except ValueError:
        return FAULT_SPELLING
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return FAULT_ADDRESS  # link-local; and a scope would hide an address from the sets below
    faces = _faces(address)
    if any(face in METADATA or policy.listens(face, port) for face in faces):
        return FAULT_ADDRESS
    if all(policy.allows(face) for face in faces):
        return None
    if any(face in policy.own for face in faces) or is_special(address):
        return FAULT_ADDRESS
    return _check_way(scheme, port, policy)


def _check_way(scheme: str, port: int, policy: AddressPolicy) -> str | None:
    if scheme != "https" and not policy.allow_http:
        return FAULT_HTTP
    return None if port in policy.ports else f"port {port} is not allowed"


def _faces(address: Address) -> tuple[Address, ...]:
    """Give the address itself, and the IPv4 address inside it, if any."""
    inner = embedded(address) if isinstance(address, IPv6Address) else None
    return (address,) if inner is None else (address, inner)


def check_url(url: str, policy: AddressPolicy) -> str | None:
    """Judge a URL as far as its text tells: None when it is fine, else the fault, safe to show.

    Asked when an endpoint is saved and again before each request. What a name resolves to is judged
    where the socket opens, by `judge`; so http or an odd port on a name passes here when some network is
    allowed, and is refused there if the name leads elsewhere.
    """
    if len(url) > MAX_URL:
        return f"longer than {MAX_URL} characters"
    if any(char <= " " or char in "\x7f\\" for char in url):
        return "control characters, blanks and backslashes are not allowed"
    try:
        parsed = URL(url)
        host, port = parsed.raw_host, parsed.port
    except ValueError:
        return "not a URL"
    if parsed.scheme not in {"http", "https"} or not host or port is None or not 1 <= port <= 65_535:
        return "use https://, a host, and a port from 1 to 65535"
    return _check_extras(url) or _check_host(host, port, parsed.scheme, policy)


def _check_extras(url: str) -> str | None:
    authority = url.split("://", 1)[-1].partition("/")[0].partition("?")[0]
    if "@" in authority:
        return "a user name or password in the URL is not allowed, use headers"
    return "a fragment (#) is not allowed" if "#" in url else None


def _check_host(host: str, port: int, scheme: str, policy: AddressPolicy) -> str | None:
    bare = host.rstrip(".")
    if ":" in host or _ends_in_number(bare):
        return judge(host, port, scheme, policy)
    if len(bare) > 253 or any(not 0 < len(label) <= 63 for label in bare.split(".")):
        return "not a host name"
    if bare == "localhost" or bare.endswith(".localhost"):
        return judge("127.0.0.1", port, scheme, policy)
    return None if policy.allow else _check_way(scheme, port, policy)


def dialled_url(url: str) -> URL:
    """Give the URL as it is dialled: its path and query byte for byte, its host in IDNA form."""
    normal, exact = URL(url), URL(url, encoded=True)
    return exact if url.isascii() and exact.raw_host == normal.raw_host else normal


def _ends_in_number(host: str) -> bool:
    """WHATWG URL §3.5: a host whose last label is a number is an address, however it is spelt.

    getaddrinfo turns 0177.0.0.1, 2130706433, 0x7f.1 and 127.1 into 127.0.0.1.
    """
    last = host.rpartition(".")[2]
    return last.isdigit() or (last[:2] in {"0x", "0X"} and all(c in "0123456789abcdefABCDEF" for c in last[2:]))
