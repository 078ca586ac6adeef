"""What every `Sender` does, against servers that mean ill. A second implementation joins SENDERS."""

import asyncio
import ssl
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter

import pytest

from schemas.delivery import Cause, Request, Response
from services.outbound import AddressPolicy, Sender
from services.outbound.aiohttp_sender import AiohttpSender
from services.outbound.capacity import raise_open_files
from services.outbound.lookup import Lookup
from tests import receivers
from tests.receivers import Receiver

LOCAL = AddressPolicy.of(["127.0.0.0/8", "::1/128"])

Make = Callable[[AddressPolicy, Lookup | None, ssl.SSLContext | None], Sender]


def _aiohttp(policy: AddressPolicy, lookup: Lookup | None, context: ssl.SSLContext | None) -> Sender:
    return AiohttpSender(policy, lookup=lookup, context=context or receivers.client_tls())


SENDERS: dict[str, Make] = {"aiohttp": _aiohttp}


@pytest.fixture(params=SENDERS)
def make(request: pytest.FixtureRequest) -> Make:
    return SENDERS[request.param]


@asynccontextmanager
async def sending(
    make: Make,
    policy: AddressPolicy = LOCAL,
    lookup: Lookup | None = None,
    context: ssl.SSLContext | None = None,
) -> AsyncGenerator[Sender]:
    sender = make(policy, lookup, context)
    try:
        yield sender
    finally:
        await sender.close()


def names(**table: Sequence[str] | Sequence[Sequence[str]]) -> Lookup:
    """A resolver with fixed answers; a list of lists answers differently each time."""
    turns = dict.fromkeys(table, 0)

    async def lookup(host: str) -> Sequence[str]:
        name = host.replace(".", "_")
        if name not in table:
            raise OSError("no such name")
        answers = table[name]
        if answers and not isinstance(answers[0], str):
            turns[name] += 1
            return answers[(turns[name] - 1) % len(answers)]  # type: ignore[return-value]
        return answers  # type: ignore[return-value]

    return lookup


def post(url: str, body: bytes = b'{"a":1}', timeout_s: float = 5.0, **headers: str) -> Request:
    return Request(url=url, headers=headers, body=body, timeout_s=timeout_s)


async def ask(make: Make, answer: receivers.Answer, timeout_s: float = 5.0) -> Response:
    async with Receiver(answer) as partner, sending(make) as sender:
        return await sender.send(post(partner.url, timeout_s=timeout_s))


async def test_a_request_goes_out_as_it_was_built_and_nothing_is_added(make: Make) -> None:
    body = b'{"odd":  "spacing",\n"b":"\xc3\xa9"}'
    async with Receiver() as partner, sending(make) as sender:
        url = partner.url + "/p%2Fq?sig=a%2Bb%3D&x=%7E"
        response = await sender.send(Request(url=url, headers={"content-type": "application/json"}, body=body))
    (seen,) = partner.seen
    assert response.status == 200
    assert response.cause is None
    assert response.ms > 0
    assert seen.method == "POST"
    assert seen.target == "/hook/p%2Fq?sig=a%2Bb%3D&x=%7E"
    assert seen.body == body
    assert seen.headers == {
        "host": f"127.0.0.1:{partner.port}",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "content-length": str(len(body)),
    }


@pytest.mark.parametrize("size", [0, 1, 2**20 + 1, 3 * 2**20])
async def test_bodies_of_any_size_arrive_whole(make: Make, size: int) -> None:
    async with Receiver() as partner, sending(make) as sender:
        response = await sender.send(post(partner.url, b"x" * size))
    assert response.status == 200
    assert partner.seen[0].body == b"x" * size


async def test_other_methods_go_out_too(make: Make) -> None:
    async with Receiver() as partner, sending(make) as sender:
        await sender.send(Request(url=partner.url, headers={}, body=b"", method="GET"))
    assert partner.seen[0].method == "GET"


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_2xx_has_no_cause(make: Make, code: int) -> None:
    response = await ask(make, receivers.status(code))
    assert (response.status, response.cause) == (code, None)


@pytest.mark.parametrize("code", [304, 400, 404, 410, 429, 500, 503])
async def test_other_answers_are_failures_with_their_status(make: Make, code: int) -> None:
    response = await ask(make, receivers.status(code, retry_after="7"))
    assert (response.status, response.cause, response.retry_after) == (code, Cause.STATUS, "7")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_are_never_followed(make: Make, code: int) -> None:
    async with (
        Receiver() as canary,
        sending(make) as sender,
        Receiver(receivers.status(code, location=canary.url)) as partner,
    ):
        response = await sender.send(post(partner.url))
    assert (response.status, response.cause) == (code, Cause.REDIRECT)
    assert canary.connections == 0


async def test_cookies_are_not_kept(make: Make) -> None:
    async with Receiver(receivers.status(200, set_cookie="a=b; Path=/")) as partner, sending(make) as sender:
        await sender.send(post(partner.url))
        await sender.send(post(partner.url))
    assert "cookie" not in partner.seen[1].headers


async def test_proxies_in_the_environment_are_ignored(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as proxy, Receiver() as partner:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with sending(make) as sender:
            await sender.send(post(partner.url))
    assert (proxy.connections, partner.connections) == (0, 1)


# --- time


async def test_a_partner_that_hangs_is_cut_at_the_deadline(make: Make) -> None:
    started = perf_counter()
    response = await ask(make, receivers.hang(), timeout_s=0.4)
    assert (response.status, response.cause) == (None, Cause.TIMEOUT)
    assert 0.35 <= perf_counter() - started < 1.4


async def test_dripping_headers_are_cut_at_the_deadline(make: Make) -> None:
    response = await ask(make, receivers.drip(b"HTTP/1.1 200 OK\r\nx-a: "), timeout_s=0.5)
    assert (response.status, response.cause) == (None, Cause.TIMEOUT)
    assert 400 <= response.ms < 1_500


async def test_a_dripping_body_is_cut_at_the_deadline_and_its_status_counts(make: Make) -> None:
    async with (
        sending(make) as sender,
        Receiver(receivers.drip(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")) as partner,
    ):
        response = await sender.send(post(partner.url, timeout_s=0.5))
        assert (response.status, response.cause) == (200, Cause.TIMEOUT)
        assert 400 <= response.ms < 1_500
        assert response.body.startswith(b"x")
        assert len(partner.seen) == 1


async def test_a_lookup_that_hangs_is_cut_at_the_deadline(make: Make) -> None:
    async def never(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    async with sending(make, lookup=never) as sender:
        response = await sender.send(post("https://partner.test/", timeout_s=0.3))
    assert response.cause is Cause.TIMEOUT


async def test_a_partner_that_never_reads_is_cut_at_the_deadline(make: Make) -> None:
    async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        _reader._transport.pause_reading()  # type: ignore[attr-defined]
        await gone.wait()
        _writer.transport.abort()

    gone = asyncio.Event()
    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with sending(make) as sender:
        response = await sender.send(post(f"http://127.0.0.1:{port}/", bytes(20 * 2**20), timeout_s=0.5))
    gone.set()
    server.close()
    await server.wait_closed()
    assert response.cause is Cause.TIMEOUT


async def test_silent_tls_is_cut_at_the_deadline(make: Make) -> None:
    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.transport.abort()

    gone = asyncio.Event()
    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with sending(make) as sender:
        response = await sender.send(post(f"https://127.0.0.1:{port}/", timeout_s=0.5))
    gone.set()
    server.close()
    await server.wait_closed()
    assert response.cause is Cause.TIMEOUT


async def test_cancelling_a_send_closes_its_connection(make: Make) -> None:
    async with Receiver(receivers.hang(), receivers.status(200)) as partner, sending(make) as sender:
        task = asyncio.create_task(sender.send(post(partner.url)))
        await partner.got(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await sender.send(post(partner.url))).status == 200
    assert [seen.connection for seen in partner.seen] == [1, 2]


async def test_a_thousand_hanging_partners_do_not_hold_up_one_more(make: Make) -> None:
    if raise_open_files() < 4_096:
        pytest.skip("the system lets us open too few files")
    async with Receiver(receivers.hang()) as stuck, Receiver() as partner, sending(make) as sender:
        hanging = [asyncio.create_task(sender.send(post(stuck.url, timeout_s=20))) for _ in range(1_000)]
        await stuck.got(1_000)
        response = await sender.send(post(partner.url, timeout_s=2))
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
    assert response.status == 200


# --- bytes

MIB = 2**20


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n", b"x" * 65_536),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
    ],
    ids=["endless", "1 GiB", "chunked", "tiny chunks"],
)
async def test_a_body_without_end_is_read_to_64_kib_and_kept_to_16(make: Make, head: bytes, piece: bytes) -> None:
    tracemalloc.start()
    async with Receiver(receivers.flood(head, piece, 1024 * MIB)) as partner, sending(make) as sender:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        response = await sender.send(post(partner.url))
        grown = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert (response.status, response.cause) == (200, None)
    assert (len(response.body), response.truncated) == (16 * 1024, True)
    assert response.ms < 4_000
    assert grown < 20 * MIB


async def test_gzip_is_not_asked_for_and_never_inflated(make: Make) -> None:
    bomb = receivers.gzip_bomb(64 * MIB)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    response = await ask(make, receivers.raw(head + bomb))
    assert response.status == 200
    assert response.body == bomb[: 16 * 1024]
    assert response.truncated


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-%s: a\r\n" % (b"n" * 90)),
        (b"HTTP/1.1 200 OK\r\nx-endless: ", b"v" * 8_192),
        (b"HTTP/1.1 200 ", b"reason" * 1_000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", b"extension" * 1_000),
    ],
    ids=["many headers", "one header", "reason", "early hints", "chunk extension"],
)
async def test_10_mib_before_any_body_is_refused_in_little_memory(make: Make, head: bytes, piece: bytes) -> None:
    tracemalloc.start()
    async with Receiver(receivers.flood(head, piece, 10 * MIB)) as partner, sending(make) as sender:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        response = await sender.send(post(partner.url, timeout_s=10))
        grown = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert response.cause is Cause.PROTOCOL
    assert response.ms < 5_000
    assert grown < 20 * MIB


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 65_536, 70_000])
async def test_what_was_left_out_of_a_body_is_marked(make: Make, size: int) -> None:
    response = await ask(make, receivers.status(500, b"y" * size))
    assert response.body == b"y" * min(size, 16_384)
    assert response.truncated is (size > 16_384)


# --- protocol


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\x01\x02garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/9.9 what\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header line\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_protocol_failure(make: Make, answer: bytes) -> None:
    response = await ask(make, receivers.raw(answer))
    assert (response.status, response.cause) == (None, Cause.PROTOCOL)


async def test_interim_answers_are_passed_over(make: Make) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    response = await ask(make, receivers.raw(interim + b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert (response.status, response.cause) == (204, None)


async def test_an_upgrade_that_nobody_asked_for_is_a_failure(make: Make) -> None:
    upgrade = b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    response = await ask(make, receivers.raw(upgrade), timeout_s=1)
    assert response.cause is not None


async def test_chunked_bodies_are_joined(make: Make) -> None:
    chunked = b"HTTP/1.1 400 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: v\r\n\r\n"
    response = await ask(make, receivers.raw(chunked, keep=True))
    assert (response.status, response.body, response.truncated) == (400, b"abcde", False)


@pytest.mark.parametrize("answer", [receivers.reset(), receivers.close_after()], ids=["reset", "closed"])
async def test_a_connection_cut_before_an_answer_is_a_reset_and_not_repeated(
    make: Make, answer: receivers.Answer
) -> None:
    async with Receiver(answer) as partner, sending(make) as sender:
        response = await sender.send(post(partner.url))
    assert (response.status, response.cause) == (None, Cause.RESET)
    assert len(partner.seen) == 1


async def test_a_cut_inside_the_headers_is_no_answer(make: Make) -> None:
    response = await ask(make, receivers.close_after(b"HTTP/1.1 200 OK\r\ncontent-le"))
    assert response.status is None
    assert response.cause in {Cause.RESET, Cause.PROTOCOL}


async def test_a_cut_inside_the_body_keeps_the_status_and_says_so(make: Make) -> None:
    response = await ask(make, receivers.close_after(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"))
    assert (response.status, response.cause, response.body) == (200, Cause.RESET, b"half")


async def test_nobody_listening_is_a_connect_failure(make: Make) -> None:
    async with Receiver() as partner:
        url = partner.url
    async with sending(make) as sender:
        response = await sender.send(post(url))
    assert (response.status, response.cause) == (None, Cause.CONNECT)
    assert "127.0.0.1" not in response.detail


async def test_a_header_that_would_split_the_request_is_not_sent(make: Make) -> None:
    async with Receiver() as partner, sending(make) as sender:
        response = await sender.send(Request(url=partner.url, headers={"x-a": "b\r\nx-evil: 1"}, body=b""))
    assert response.cause is Cause.INTERNAL
    assert partner.seen == []


# --- kept-alive connections


async def test_a_connection_is_used_again(make: Make) -> None:
    async with Receiver() as partner, sending(make) as sender:
        for _ in range(3):
            assert (await sender.send(post(partner.url))).status == 200
    assert partner.connections == 1


@pytest.mark.parametrize("cut", [receivers.reset(), receivers.close_after()], ids=["reset", "closed"])
async def test_a_stale_connection_is_replaced_once(make: Make, cut: receivers.Answer) -> None:
    async with Receiver(receivers.status(200), cut, receivers.status(201)) as partner, sending(make) as sender:
        await sender.send(post(partner.url))
        response = await sender.send(post(partner.url))
    assert response.status == 201
    assert [seen.connection for seen in partner.seen] == [1, 1, 2]


async def test_only_once(make: Make) -> None:
    async with Receiver(receivers.status(200), receivers.reset()) as partner, sending(make) as sender:
        await sender.send(post(partner.url))
        response = await sender.send(post(partner.url))
    assert response.cause is Cause.RESET
    assert len(partner.seen) == 3


async def test_every_stale_connection_of_a_pool_costs_no_failure(make: Make) -> None:
    gate = asyncio.Event()
    async with Receiver(receivers.held(gate, receivers.status(200))) as partner, sending(make) as sender:
        first = [asyncio.create_task(sender.send(post(partner.url))) for _ in range(8)]
        await partner.got(8)
        gate.set()
        await asyncio.gather(*first)
        partner.answer(*[receivers.reset()] * 8, receivers.status(202))
        again = await asyncio.gather(*(sender.send(post(partner.url)) for _ in range(8)))
    assert [response.status for response in again] == [202] * 8


async def test_a_stale_connection_is_not_replaced_by_another_stale_one(make: Make) -> None:
    gate = asyncio.Event()

    async def restarted(seen: receivers.Seen, writer: asyncio.StreamWriter) -> bool:
        return await (receivers.reset() if seen.connection <= 8 else receivers.status(202))(seen, writer)

    async with Receiver(receivers.held(gate, receivers.status(200))) as partner, sending(make) as sender:
        first = [asyncio.create_task(sender.send(post(partner.url))) for _ in range(8)]
        await partner.got(8)
        gate.set()
        await asyncio.gather(*first)
        partner.answer(restarted)
        assert (await sender.send(post(partner.url))).status == 202


async def test_a_byte_of_an_answer_forbids_the_repeat(make: Make) -> None:
    async with Receiver(receivers.status(200), receivers.close_after(b"H")) as partner, sending(make) as sender:
        await sender.send(post(partner.url))
        response = await sender.send(post(partner.url))
    assert response.status is None
    assert len(partner.seen) == 2


async def test_a_timeout_on_a_kept_connection_is_not_repeated(make: Make) -> None:
    async with Receiver(receivers.status(200), receivers.hang()) as partner, sending(make) as sender:
        await sender.send(post(partner.url))
        response = await sender.send(post(partner.url, timeout_s=0.3))
    assert response.cause is Cause.TIMEOUT
    assert len(partner.seen) == 2


async def test_bytes_after_an_answer_do_not_answer_the_next_request(make: Make) -> None:
    two = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 2
    async with Receiver(receivers.raw(two, keep=True), receivers.status(503)) as partner, sending(make) as sender:
        await sender.send(post(partner.url))
        response = await sender.send(post(partner.url))
    assert response.status == 503


# --- TLS


async def test_tls_keeps_the_name_in_host_and_certificate(make: Make) -> None:
    async with (
        Receiver(tls=receivers.server_tls()) as partner,
        sending(make, lookup=names(partner_test=["127.0.0.1"])) as sender,
    ):
        response = await sender.send(post(f"https://partner.test:{partner.port}/"))
    assert response.status == 200
    assert partner.seen[0].headers["host"] == f"partner.test:{partner.port}"


async def test_a_certificate_of_another_name_is_refused(make: Make) -> None:
    async with (
        Receiver(tls=receivers.server_tls("other")) as partner,
        sending(make, lookup=names(partner_test=["127.0.0.1"])) as sender,
    ):
        response = await sender.send(post(f"https://partner.test:{partner.port}/"))
    assert response.cause is Cause.TLS
    assert partner.seen == []


async def test_a_certificate_of_an_unknown_authority_is_refused(make: Make) -> None:
    strangers = ssl.create_default_context()
    async with (
        Receiver(tls=receivers.server_tls()) as partner,
        sending(make, lookup=names(partner_test=["127.0.0.1"]), context=strangers) as sender,
    ):
        response = await sender.send(post(f"https://partner.test:{partner.port}/"))
    assert response.cause is Cause.TLS
    assert partner.seen == []


async def test_plain_http_on_a_tls_port_is_a_tls_failure(make: Make) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with sending(make) as sender:
        response = await sender.send(post(f"https://127.0.0.1:{port}/"))
    server.close()
    await server.wait_closed()
    assert response.cause is Cause.TLS


# --- addresses


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "127.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "a.localhost",
    ],
)
async def test_no_spelling_of_loopback_is_dialled(make: Make, host: str) -> None:
    async with Receiver() as partner:
        policy = AddressPolicy.of(allow_http=True, allow_ports=[partner.port])
        async with sending(make, policy) as sender:
            response = await sender.send(post(f"http://{host}:{partner.port}/"))
    assert (response.status, response.cause) == (None, Cause.BLOCKED_ADDRESS)
    assert partner.connections == 0


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["2606:2800::1", "::1"],
        ["fe80::1%lo"],
    ],
)
async def test_a_name_is_refused_if_any_answer_is_bad(make: Make, answers: list[str]) -> None:
    async with Receiver() as partner:
        policy = AddressPolicy.of(allow_http=True, allow_ports=[partner.port])
        async with sending(make, policy, names(partner_test=answers)) as sender:
            response = await sender.send(post(f"http://partner.test:{partner.port}/"))
    assert response.cause is Cause.BLOCKED_ADDRESS
    assert partner.connections == 0
    assert not any(answer in response.detail for answer in answers)


async def test_a_name_server_that_changes_its_mind_reaches_nothing_refused(make: Make) -> None:
    """127.0.0.2 stands for a public address where nobody listens, 127.0.0.1 for a private one."""
    async with Receiver() as partner:
        policy = AddressPolicy.of(["127.0.0.2/32"], allow_http=True, allow_ports=[partner.port])
        lookup = names(partner_test=[["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]])
        async with sending(make, policy, lookup) as sender:
            sends = [sender.send(post(f"http://partner.test:{partner.port}/")) for _ in range(1_000)]
            responses = await asyncio.gather(*sends)
    assert partner.connections == 0
    causes = [response.cause for response in responses]
    assert causes.count(Cause.CONNECT) == 334
    assert causes.count(Cause.BLOCKED_ADDRESS) == 666


async def test_a_good_answer_is_not_dialled_beside_a_bad_one(make: Make) -> None:
    async with Receiver(host="127.0.0.2") as partner:
        policy = AddressPolicy.of(["127.0.0.2/32"])
        async with sending(make, policy, names(partner_test=["127.0.0.2", "127.0.0.1"])) as sender:
            response = await sender.send(post(f"http://partner.test:{partner.port}/"))
    assert response.cause is Cause.BLOCKED_ADDRESS
    assert partner.connections == 0


async def test_the_judged_address_is_the_dialled_one(make: Make) -> None:
    asked: list[str] = []

    async def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with Receiver() as partner, sending(make, lookup=lookup) as sender:
        response = await sender.send(post(f"http://partner.test:{partner.port}/"))
    assert response.status == 200
    assert asked == ["partner.test"]


async def test_a_lookup_that_fails_is_a_failure_and_never_unchecked(make: Make) -> None:
    calls: list[str] = []

    async def lookup(host: str) -> Sequence[str]:
        calls.append(host)
        if len(calls) == 1:
            raise OSError("SERVFAIL")
        return ["127.0.0.1"]

    async with Receiver() as partner:
        policy = AddressPolicy.of(allow_http=True, allow_ports=[partner.port])
        async with sending(make, policy, lookup) as sender:
            first = await sender.send(post(f"http://partner.test:{partner.port}/"))
            second = await sender.send(post(f"http://partner.test:{partner.port}/"))
    assert (first.cause, second.cause) == (Cause.DNS, Cause.BLOCKED_ADDRESS)
    assert partner.connections == 0


async def test_a_name_without_addresses_is_a_lookup_failure(make: Make) -> None:
    async with sending(make, lookup=names(partner_test=[])) as sender:
        assert (await sender.send(post("https://partner.test/"))).cause is Cause.DNS


async def test_the_second_address_is_tried_when_the_first_is_dead(make: Make) -> None:
    async with Receiver() as partner, sending(make, lookup=names(partner_test=["127.0.0.2", "127.0.0.1"])) as sender:
        response = await sender.send(post(f"http://partner.test:{partner.port}/"))
    assert response.status == 200


async def test_our_own_listener_is_refused_even_where_its_network_is_allowed(make: Make) -> None:
    async with Receiver() as ours:
        policy = AddressPolicy.of(["127.0.0.0/8"], listeners=[("127.0.0.1", ours.port)])
        async with sending(make, policy, names(partner_test=["127.0.0.1"])) as sender:
            by_address = await sender.send(post(ours.url))
            by_name = await sender.send(post(f"http://partner.test:{ours.port}/"))
    assert (by_address.cause, by_name.cause) == (Cause.BLOCKED_ADDRESS, Cause.BLOCKED_ADDRESS)
    assert ours.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://partner.test/",
        "file:///etc/passwd",
        "https://user:secret@partner.test/",
        "https://partner.test@127.0.0.1/",
        "https://partner.test/#x",
        "https://partner.test/\r\nHost: evil",
        "http://partner.test/",
        "https://partner.test:22/",
        "https://partner.test/" + "a" * 2_048,
        "not a url",
    ],
)
async def test_bad_urls_are_refused_at_send_too(make: Make, url: str) -> None:
    asked: list[str] = []

    async def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        return ["8.8.8.8"]

    async with sending(make, AddressPolicy(), lookup) as sender:
        response = await sender.send(post(url))
    assert response.cause is Cause.BLOCKED_ADDRESS
    assert asked == []
