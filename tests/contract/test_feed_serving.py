"""One suite for all ways to a feed document: the fast path says, to the byte, what the plain route says.

`fast` answers from within the HTTP parser, `shortcut` before the app's routing, `route` is the app's own route.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import cast

import pytest

from schemas.serving import Served
from services.http.clients import Proxies
from services.http.feeds import Rates
from services.syndicate.document import Document, pack
from tests.buses import eventually
from tests.feed_desk import BASE
from tests.serving_feeds import Address, Doors, doors_on, heard

LAST = b"GET /feeds/all.atom HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_DATE = re.compile(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")


async def fill(doors: Doors) -> None:
    """Put some articles into the feeds, and have their documents ready."""
    body = "".join(f"<p>{n} " + "word " * 40 + "</p>" for n in range(30))
    for n in range(5):
        story = {"id": f"x{n}", "title": "Un été", "content_html": body, "sections": ["Actualités"], "tags": ["政治"]}
        await doors.feeds.desk.say(story, after=timedelta(0))
    for name in ("all", "section/actualites", "tag/政治"):
        for form in ("rss", "atom", "json"):
            document = await doors.feeds.documents.get(name, form)
            assert isinstance(document, Document)
            document.more["br"] = pack(document, "br")


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    async with doors_on(tmp_path) as made:
        await fill(made)
        yield made


def get(target: str = "/feeds/all.rss", *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"{method} {target} HTTP/{version}", "Host: x", *lines, "")).encode()


async def same(doors: Doors, *parts: bytes) -> bytes:
    """Say the same at all doors, and insist on the same answers, besides their dates."""
    said: dict[str, bytes] = {}
    for name, address in doors.at.items():
        raw = await heard(address, *parts)
        assert len(_DATE.findall(raw)) >= raw.count(b"HTTP/1.1 200 OK") + raw.count(b"HTTP/1.1 304"), raw[:300]
        said[name] = _DATE.sub(b"\r\n", raw)
    assert said["fast"] == said["route"]
    assert said["shortcut"] == said["route"]
    return said["fast"]


REQUESTS = {
    "plain": get(),
    "head": get(method="HEAD"),
    "head gzip": get("/feeds/all.json", "Accept-Encoding: gzip", method="HEAD"),
    "gzip": get("/feeds/all.atom", "Accept-Encoding: gzip"),
    "br": get("/feeds/all.json", "accept-encoding: gzip, deflate, br"),
    "several lines": get("/feeds/all.json", "Accept-Encoding: gzip;q=0.5", "Accept-Encoding: br"),
    "any tag": get("/feeds/all.rss", "If-None-Match: *"),
    "any tag, head": get("/feeds/all.rss", "If-None-Match: *", method="HEAD"),
    "other tags": get("/feeds/all.rss", 'If-None-Match: "a"', 'If-None-Match: W/"b", "c"'),
    "since later": get("/feeds/all.rss", "If-Modified-Since: Tue, 03 Nov 2037 08:15:00 GMT"),
    "since garbage": get("/feeds/all.rss", "If-Modified-Since: yesterday"),
    "section": get("/feeds/section/actualites.rss"),
    "encoded slash": get("/feeds/section%2Factualites.rss"),
    "other script": get("/feeds/tag/%E6%94%BF%E6%B2%BB.json"),
    "lower hex": get("/feeds/tag/%e6%94%bf%e6%b2%bb.json"),
    "query": get("/feeds/all.rss?utm_source=x&null"),
    "query of nothing": get("/feeds/all.rss?"),
    "query of history": get("/feeds/all.rss?since=1"),
    "query with a NUL": get("/feeds/all.rss?a=%00"),
    "delta": get("/feeds/all.rss", "A-IM: feed"),
    "key": get("/feeds/all.rss", "Authorization: Bearer x"),
    "absolute form": get("http://other.example/feeds/all.rss"),
    "range": get("/feeds/all.rss", "Range: bytes=0-9", "If-Range: x"),
    "cookie": get("/feeds/all.rss", "Cookie: a=b", "Accept: text/html", "User-Agent: Reader/1.0"),
    "forwarded": get("/feeds/all.rss", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"),
    "unknown": get("/feeds/none.rss"),
    "unknown json": get("/feeds/none.json", "Origin: https://a.example"),
    "no format": get("/feeds/all.xml"),
    "dots": get("/feeds/../feeds/all.rss"),
    "post": get(method="POST"),
    "put": get(method="PUT"),
    "delete": get(method="DELETE"),
    "patch": get("/feeds/all.json", method="PATCH"),
    "options": get(method="OPTIONS"),
    "preflight": get("/feeds/all.json", "Origin: https://a.example", "Access-Control-Request-Method: GET", method="OPTIONS"),
    "body": get("/feeds/all.rss", "Content-Length: 5") + b"hello",
    "no body": get("/feeds/all.rss", "Content-Length: 0"),
    "chunks": get("/feeds/all.rss", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    "expect": get("/feeds/all.rss", "Expect: 100-continue"),
    "upgrade": get("/feeds/all.rss", "Connection: upgrade", "Upgrade: h2c"),
    "many headers": get("/feeds/all.rss", *(f"X-{n}: 1" for n in range(70))),
    "too many headers": get("/feeds/all.rss", *(f"X-{n}: 1" for n in range(110))),
    "long header": get("/feeds/all.rss", "X-Long: " + "y" * 9_000),
    "too long header": get("/feeds/all.rss", "X-Long: " + "y" * 17_000),
    "long url": get("/feeds/all.rss?" + "y" * 5_000),
    "too long url": get("/feeds/all.rss?" + "y" * 9_000),
}  # fmt: skip


async def test_all_doors_give_the_same_answer(doors: Doors) -> None:
    for request in REQUESTS.values():
        doors.feeds.api.clock.move(60)  # nobody shall be too fast here
        thrice = await same(doors, request, request, request, LAST)  # the third time its bytes are known
        assert thrice.count(b"HTTP/1.1 ") >= 2
        await same(doors, request.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n", 1))


async def test_connections_are_kept_or_closed_alike(doors: Doors) -> None:
    for target in ("/feeds/all.rss", "/healthz"):
        for version in ("1.0", "1.1"):
            for line in ("Accept: */*", "Connection: keep-alive", "Connection: close"):
                request = get(target, line, version=version)
                closes = version == "1.0" or line == "Connection: close"
                said = await same(doors, *([request] if closes else [request, request, LAST]))
                assert said.count(b"HTTP/1.1 200") == (1 if closes else 3)
                assert said.count(b"\r\nconnection: close\r\n") == 1


@pytest.mark.parametrize("apart", [True, False])
async def test_pipelined_requests_are_answered_in_their_order(doors: Doors, apart: bool) -> None:  # noqa: FBT001 - a table
    requests = [
        get("/feeds/all.rss"),
        get("/healthz"),
        get("/feeds/all.json", "If-None-Match: *"),
        get("/feeds/none.rss"),
        get("/feeds/all.atom", method="HEAD"),
        get("/feeds/all.rss", "Content-Length: 3") + b"abc",
        get("/feeds/tag/%E6%94%BF%E6%B2%BB.rss"),
        LAST,
    ]
    said = await same(doors, *(requests if apart else [b"".join(requests)]))
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", said)
    assert statuses == [b"200", b"200", b"304", b"404", b"200", b"200", b"200", b"200"]


async def test_a_request_in_pieces_is_one_request(doors: Doors) -> None:
    request = get("/feeds/all.rss", "Accept-Encoding: gzip")
    whole = await same(doors, request, LAST)
    for at in (1, 10, len(request) - 1):
        assert await same(doors, request[:at], request[at:], LAST) == whole
    assert await same(doors, *(bytes([byte]) for byte in request), LAST) == whole
    assert await same(doors, request + LAST[:7], LAST[7:]) == whole
    double = await same(doors, *[request + request] * 3, LAST)
    assert double.count(b"HTTP/1.1 200") == 7


async def test_known_bytes_in_the_midst_of_another_request_are_no_request(doors: Doors) -> None:
    """The same bytes mean something else as the body of a POST, or behind half a request line."""
    known = get("/feeds/all.rss")
    await same(doors, known, known, known, LAST)
    said = await same(doors, get("/v1/nothing", f"Content-Length: {len(known)}", method="POST"), known, LAST)
    assert said.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 400" in await same(doors, b"GET /feeds/all.rss HTT", known)


async def test_rule_45_each_tag_gets_304_at_all_doors(doors: Doors) -> None:
    document = doors.feeds.documents.cached("all", "json")
    assert document is not None
    for coding in ("identity", "gzip", "br"):
        for form in ("%s", "W/%s", '"other", %s'):
            tag = form % document.tags[coding].decode()
            accepts = "identity" if coding == "identity" else "gzip, br"
            said = await same(
                doors,
                get("/feeds/all.json", f"Accept-Encoding: {accepts}", f"If-None-Match: {tag}", "Connection: close"),
            )
            assert said.startswith(b"HTTP/1.1 304 Not Modified\r\netag: " + document.tags[coding])
            assert said.endswith(b"\r\n\r\n")


async def test_rule_45_a_304_has_a_date(doors: Doors) -> None:
    for address in doors.at.values():
        assert _DATE.search(await heard(address, get("/feeds/all.rss", "If-None-Match: *", "Connection: close")))


async def test_rule_44_date_is_when_the_answer_goes_out_so_that_last_modified_is_not_ahead_of_it(doors: Doors) -> None:
    """To the second, also of what is refused: a change of this second is told with this second's Date."""
    asked = (
        get("/feeds/all.rss", "Connection: close"),
        get("/feeds/none.rss", "Connection: close"),
        b"no HTTP\r\n\r\n",
    )
    await asyncio.sleep(1 - time.time() % 1)
    began = int(time.time())
    for address in doors.at.values():
        for request in asked:
            said = re.search(rb"\r\ndate: (.*?)\r\n", await heard(address, request))
            assert said is not None, request
            assert began <= parsedate_to_datetime(said[1].decode()).timestamp() <= time.time(), request


async def test_after_a_change_no_door_serves_what_was(doors: Doors) -> None:
    """Rule 44, check 9: nor to who repeats a request that is known by its bytes."""
    known = get("/feeds/all.rss", "Connection: close")
    other = get("/feeds/section/actualites.rss", "Connection: close")
    for _ in range(2):
        await same(doors, known)
    before, aside = await same(doors, known), await same(doors, other)
    tag = re.search(rb'etag: (".*?")', before)
    assert tag is not None
    feeds = doors.feeds
    await feeds.desk.say({"id": "new", "title": "Nouveau", "sections": ["Sport"]}, after=timedelta(0))
    for update in feeds.desk.updates:
        feeds.documents.invalidate(update.feed, update.version)

    def shown() -> bool:
        document = feeds.documents.cached("all", "rss")
        return document is not None and b"Nouveau" in document.identity.data

    await eventually(shown)
    after = await same(doors, known)
    assert b"Nouveau" in after
    assert b"Nouveau" not in before
    again = get("/feeds/all.rss", f"If-None-Match: {tag[1].decode()}", "Connection: close")
    assert (await same(doors, again)).startswith(b"HTTP/1.1 200 OK")
    assert await same(doors, other) == aside


async def test_every_door_counts_alike(doors: Doors) -> None:
    """Rule 51, checks 22 and 25: what is told of an answer."""
    agent = "User-Agent: Feedly/1.0 (7 subscribers)"
    for request in (
        get("/feeds/all.rss", agent),
        get("/feeds/all.rss", "If-None-Match: *", agent),
        get("/feeds/all.json", method="HEAD"),
        get("/feeds/none.rss"),
    ):
        await same(doors, request, request, LAST)
    told = doors.served["route"]
    assert doors.served["fast"] == told
    assert doors.served["shortcut"] == told
    assert len(told) == 6 + 4  # the unknown feed is none
    assert told[0][:3] == ("all", "rss", 200)
    assert told[0][4:] == (b"Feedly/1.0 (7 subscribers)", "127.0.0.1", False)
    assert told[3][2:4] == (304, 0)
    assert told[3].conditional


async def test_a_slow_reader_fills_no_memory(tmp_path: Path) -> None:
    """Answers are written as the reader takes them; requests wait meanwhile, at every door."""
    async with doors_on(tmp_path, rates=Rates(enabled=False)) as doors:
        await fill(doors)
        for name, address in doors.at.items():
            await _read_slowly(address, doors.served[name])


async def _read_slowly(address: Address, served: list[Served]) -> None:
    one, count = len(await heard(address, get("/feeds/all.rss", "Connection: close"))), 1_000
    before = len(served)
    reader, writer = await asyncio.open_connection(*address, limit=4_096)
    transport = cast("asyncio.Transport", writer.transport)
    transport.pause_reading()
    writer.write(get("/feeds/all.rss") * count + LAST)
    settled = -1
    while settled != len(served):  # until it answers no more
        settled = len(served)
        await asyncio.sleep(0.2)
    assert before < settled
    assert (settled - before) * one < 10_000_000  # what the kernel's buffers take, and little else
    transport.resume_reading()
    got = 0
    while chunk := await reader.read(1 << 20):
        got += len(chunk)
    writer.close()
    assert len(served) - before == count + 1
    assert got > one * count * 0.99


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(doors: Doors) -> None:
    for address in doors.at.values():
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(4):
            writer.write(get("/feeds/all.rss", "If-None-Match: *"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 304")
            await asyncio.sleep(0.3)  # idle for less than the limit of 0.5 s, four times
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def _flood(address: Address, request: bytes, most: int = 60) -> list[bytes]:
    raw = await heard(address, request * most + LAST)
    return re.findall(rb"HTTP/1\.1 (\d+)", raw)


@pytest.mark.parametrize("name", ["fast", "shortcut", "route"])
async def test_rule_51_a_flooder_gets_429_and_readers_at_the_same_address_do_not(doors: Doors, name: str) -> None:
    """Check 20, at every door."""
    address = doors.at[name]
    statuses = await _flood(address, get("/feeds/all.rss"))
    assert statuses[:40] == [b"200"] * 40
    assert statuses[40:60] == [b"429"] * 20
    assert statuses[60:] == [b"200"]  # another document
    refused = await heard(address, get("/feeds/all.rss", "Connection: close"))
    assert refused.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert re.search(rb"\r\nretry-after: [1-9]\d*\r\n", refused)
    assert b"\r\ncontent-type: application/problem+json\r\n" in refused
    assert b"\r\ncache-control: no-store\r\n" in refused
    assert b"<" not in refused.partition(b"\r\n\r\n")[2]
    for _ in range(3):
        conditional = get("/feeds/all.rss", "If-None-Match: *")
        assert set((await _flood(address, conditional))[:60]) == {b"304"}
    changed = get("/feeds/all.rss", f'If-None-Match: "{"0" * 32}"')  # of an earlier document
    assert set((await _flood(address, changed))[:60]) == {b"200"}
    assert set((await _flood(address, get(method="HEAD")))[:60]) == {b"200"}
    assert (await _flood(address, get("/feeds/all.rss", 'If-None-Match: "x"'), 1))[0] == b"429"


async def test_rule_51_who_waits_as_told_is_served_again(doors: Doors) -> None:
    await _flood(doors.at["fast"], get("/feeds/all.rss"))
    refused = await heard(doors.at["fast"], get("/feeds/all.rss", "Connection: close"))
    wait = re.search(rb"\r\nretry-after: (\d+)\r\n", refused)
    assert wait is not None
    doors.feeds.api.clock.move(int(wait[1]))
    assert (await heard(doors.at["fast"], get("/feeds/all.rss", "Connection: close"))).startswith(b"HTTP/1.1 200")


async def test_all_doors_refuse_alike(doors: Doors) -> None:
    for form in ("rss", "json"):
        for _ in range(2):
            await same(doors, get(f"/feeds/all.{form}") * 45 + LAST)


async def test_x_forwarded_is_believed_from_a_trusted_proxy_alone(tmp_path: Path) -> None:
    for trusted in (True, False):
        networks = ("127.0.0.0/8",) if trusted else ("10.0.0.0/8",)
        directory = tmp_path / str(trusted)
        directory.mkdir()
        async with doors_on(directory, proxies=Proxies(networks)) as doors:
            await doors.feeds.documents.get("all", "rss")
            await doors.feeds.documents.get("all", "atom")
            lines = ("X-Forwarded-For: 198.51.100.9, 203.0.113.7", "X-Forwarded-Proto: https")
            said = await same(doors, get("/feeds/all.rss", *lines, "Connection: close"))
            assert (b"strict-transport-security: " in said) == trusted
            for told in doors.served.values():
                assert told[0].client == ("203.0.113.7" if trusted else "127.0.0.1")
            assert f'<{BASE}/feeds/all.rss>; rel="self"'.encode() in said
            flood = b"".join(get("/feeds/all.rss", f"X-Forwarded-For: 203.0.113.{n}") for n in range(100))
            said = await same(doors, flood + LAST)
            assert (b"HTTP/1.1 429" in said) == (not trusted)  # an address of one's own invention helps nobody
