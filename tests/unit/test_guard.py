"""The address table, edge by edge, and URLs as they are judged when an endpoint is saved."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from services.outbound.guard import (
    FAULT_ADDRESS,
    FAULT_HTTP,
    GLOBAL_V6,
    METADATA,
    REFUSED_V4,
    REFUSED_V6,
    AddressPolicy,
    check_url,
    dialled_url,
    judge,
)

STRICT = AddressPolicy()
LOCAL = AddressPolicy.of(["127.0.0.0/8", "::1/128"])

# Written out again from the specification, so that a slip in the table shows.
V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]


def refused(address: object, policy: AddressPolicy = STRICT) -> bool:
    return judge(str(address), 443, "https", policy) is not None


def test_the_tables_are_those_of_the_specification() -> None:
    assert [str(net) for net in REFUSED_V4] == V4
    assert [str(net) for net in REFUSED_V6] == V6
    assert IPv6Network("2000::/3") == GLOBAL_V6


@pytest.mark.parametrize("cidr", V4)
def test_first_and_last_of_each_ipv4_range_are_refused_and_their_neighbours_judged(cidr: str) -> None:
    net = ip_network(cidr)
    first, last = int(net.network_address), int(net.broadcast_address)
    assert refused(IPv4Address(first))
    assert refused(IPv4Address(last))
    for neighbour in (first - 1, last + 1):
        if 0 <= neighbour < 2**32:
            address = IPv4Address(neighbour)
            assert refused(address) is any(address in ip_network(other) for other in V4), address


@pytest.mark.parametrize("cidr", V6)
def test_first_and_last_of_each_ipv6_range_are_refused_and_their_neighbours_judged(cidr: str) -> None:
    net = ip_network(cidr)
    first, last = int(net.network_address), int(net.broadcast_address)
    assert refused(IPv6Address(first))
    assert refused(IPv6Address(last))
    for neighbour in (first - 1, last + 1):
        address = IPv6Address(neighbour)
        outside = address not in IPv6Network("2000::/3")
        assert refused(address) is (outside or any(address in ip_network(other) for other in V6)), address


def test_outside_2000_3_all_ipv6_is_refused() -> None:
    for text in ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "::", "::1", "fe80::1", "fc00::1", "ff02::1"):
        assert refused(text)
    assert not refused("2000::")
    assert not refused("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    assert not refused("2606:4700::1111")


@pytest.mark.parametrize(
    "text",
    [
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "::127.0.0.1",
        "fec0::1",
        "224.0.0.1",
        "192.0.0.8",
        "192.88.99.1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_what_the_standard_library_calls_global_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("cidr", V4)
def test_every_embedding_of_a_refused_ipv4_is_refused(cidr: str) -> None:
    for inner in (ip_network(cidr).network_address, ip_network(cidr).broadcast_address):
        number = int(inner)
        for address in (
            IPv6Address(0xFFFF_0000_0000 | number),  # mapped
            IPv6Address(number),  # compatible
            IPv6Address((0x64_FF9B << 96) | number),  # NAT64
            IPv6Address((0x64_FF9B_0001 << 80) | number),  # local NAT64
            IPv6Address((0x2002 << 112) | (number << 80) | 1),  # 6to4
        ):
            assert refused(address), address


def test_mapped_and_nat64_forms_of_a_public_ipv4_are_as_good_as_it() -> None:
    assert not refused("::ffff:8.8.8.8")
    assert not refused("64:ff9b::8.8.8.8")
    assert refused("2002:808:808::1")
    assert refused("64:ff9b:1::8.8.8.8")


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_metadata_stays_refused_whatever_the_operator_allows(address: str) -> None:
    for policy in (STRICT, AddressPolicy.of(["0.0.0.0/0", "::/0"], allow_http=True)):
        assert refused(address, policy)
        parsed = ip_address(address)
        if isinstance(parsed, IPv4Address):
            assert refused(f"::ffff:{address}", policy)
            assert refused(f"64:ff9b::{address}", policy)


def test_a_scope_does_not_hide_an_address() -> None:
    assert refused("fd00:ec2::254%1", AddressPolicy.of(["::/0"]))


def test_the_four_of_the_specification_are_metadata() -> None:
    assert {ip_address(t) for t in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200")} <= METADATA


def test_an_allowed_network_permits_http_and_any_port_and_nothing_around_it() -> None:
    policy = AddressPolicy.of(["10.1.0.0/16"])
    assert judge("10.1.2.3", 9_999, "http", policy) is None
    assert judge("10.2.0.0", 443, "https", policy) == FAULT_ADDRESS
    assert judge("8.8.8.8", 443, "http", policy) == FAULT_HTTP
    assert judge("8.8.8.8", 9_999, "https", policy) == "port 9999 is not allowed"
    assert refused("::ffff:10.2.0.1", policy)


def test_allowing_an_ipv6_range_does_not_open_the_ipv4_inside_it() -> None:
    policy = AddressPolicy.of(["2002::/16", "64:ff9b::/96", "::ffff:0:0/96"])
    for text in ("2002:7f00:1::1", "64:ff9b::7f00:1", "::ffff:127.0.0.1"):
        assert refused(text, policy)


def test_our_own_addresses_and_listeners_are_refused() -> None:
    policy = AddressPolicy.of(
        ["127.0.0.0/8"], own=["93.184.216.34"], listeners=[("127.0.0.1", 8080), ("0.0.0.0", 9000)]
    )
    assert refused("93.184.216.34", policy)
    assert judge("127.0.0.1", 8080, "http", policy) == FAULT_ADDRESS
    assert judge("127.0.0.2", 8080, "http", policy) is None
    assert judge("127.0.0.2", 9000, "http", policy) == FAULT_ADDRESS
    assert judge("93.184.216.34", 9000, "http", policy) == FAULT_ADDRESS


@pytest.mark.parametrize("port", [443, 80, 8443, 8080])
def test_the_usual_ports_are_open(port: int) -> None:
    assert judge("8.8.8.8", port, "https", STRICT) is None


@pytest.mark.parametrize("port", [22, 25, 6379, 81, 442, 444, 65_535])
def test_other_ports_need_the_operator(port: int) -> None:
    assert judge("8.8.8.8", port, "https", STRICT) == f"port {port} is not allowed"
    assert judge("8.8.8.8", port, "https", AddressPolicy.of(allow_ports=[port])) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://partner.example/hook",
        "https://partner.example",
        "https://partner.example:8443/a/b?c=d&e=%20",
        "https://bücher.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "HTTPS://PARTNER.EXAMPLE/",
        "https://partner.example./",
        "https://xn--bcher-kva.example/",
        "https://1.partner.example/",
        "https://partner.example/a@b",
        "https://partner.example/?mail=a@b",
    ],
)
def test_good_urls_pass(url: str) -> None:
    assert check_url(url, STRICT) is None


BAD = [
    "",
    "partner.example",
    "//partner.example/",
    "http://partner.example/",
    "ftp://partner.example/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "gopher://partner.example/",
    "https://",
    "https:///path",
    "https://:443/",
    "https://partner.example:0/",
    "https://partner.example:65536/",
    "https://partner.example:x/",
    "https://partner.example:22/",
    "https://user@partner.example/",
    "https://user:pw@partner.example/",
    "https://@partner.example/",
    "https://partner.example@127.0.0.1/",
    "https://partner.example/#top",
    "https://partner.example/\r\nx-evil: 1",
    "https://partner.example/\nx",
    "https://partner.example/a b",
    "https://partner.example/\ttab",
    "https://partner.example/\x00",
    "https://partner.example\\@127.0.0.1/",
    " https://partner.example/",
    "https://partner.example/" + "a" * 2_030,
    "https://" + "a" * 64 + ".example/",
    "https://a..example/",
    "https://127.0.0.1/",
    "https://0177.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://127.0.1/",
    "https://１２７.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::]/",
    "https://[fe80::1%25eth0]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://partner.localhost/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://0.0.0.0/",
    "https://255.255.255.255/",
    "https://exa\u200dmple.example/",
]


@pytest.mark.parametrize("url", BAD)
def test_bad_urls_are_refused_with_a_reason(url: str) -> None:
    fault = check_url(url, STRICT)
    assert fault is not None
    assert "127.0.0.1" not in fault


@pytest.mark.parametrize("url", [url for url in BAD if url != "http://partner.example/"])
def test_allowing_http_opens_nothing_else(url: str) -> None:
    assert check_url(url, AddressPolicy.of(allow_http=True)) is not None


def test_where_a_network_is_allowed_a_name_is_judged_when_it_is_dialled() -> None:
    assert check_url("http://receiver.internal:9000/", LOCAL) is None
    assert check_url("http://localhost:9000/", LOCAL) is None
    assert check_url("http://127.0.0.1:9000/", LOCAL) is None
    assert check_url("http://[::1]:9000/", LOCAL) is None
    assert check_url("http://8.8.8.8:9000/", LOCAL) == FAULT_HTTP
    assert check_url("http://127.1:9000/", LOCAL) is not None


def test_the_dialled_url_keeps_path_and_query_byte_for_byte() -> None:
    assert (
        str(dialled_url("https://partner.example/a%2Fb?x=%7E&y=a%2Bb")) == "https://partner.example/a%2Fb?x=%7E&y=a%2Bb"
    )
    assert dialled_url("https://bücher.example/ä").raw_host == "xn--bcher-kva.example"


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "0177.0.0.1", "1.2.3.4.5", "fe80::1%eth0", "::g"])
def test_what_is_no_address_is_never_dialled(text: str) -> None:
    assert refused(text)
