"""Private feeds by the real command: each partner reads what is theirs, and nothing else shows that it is there."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from services.cli.client import Client
from services.cli.feed_check import check_feeds, check_url
from services.syndicate.formats import FORMATS
from tests.live import Live, live, until

PARTNERS = ("nord", "sued", "west")


async def get(service: Live, path: str, **headers: str) -> tuple[int, Mapping[str, str], str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with service.session.get(service.base + path, headers=sent, allow_redirects=False) as answer:
        return answer.status, answer.headers, await answer.text()


async def made(service: Live, method: str, path: str, body: object = None, status: int = 201) -> Any:
    got, answer = await service.call(method, path, body)
    assert got == status, answer
    return answer


async def club(service: Live) -> dict[str, str]:
    """Three partners with a private feed each, of their own section; returns their tokens."""
    tokens: dict[str, str] = {}
    for name in PARTNERS:
        await made(service, "POST", "/v1/subscribers", {"name": name, "id": name})
        await made(
            service, "PUT", f"/v1/feeds/{name}/news", {"title": name, "filter": f"section:{name}", "subscriber": name}
        )
        token = await made(service, "POST", f"/v1/subscribers/{name}/feed-tokens", {"feed": f"{name}/news"})
        tokens[name] = token["token"]
    for name in PARTNERS:
        for number in range(3):
            story = {"id": f"{name}{number}", "title": f"Only {name} {number}", "content_text": "x", "sections": [name]}
            await made(service, "POST", "/v1/articles", story)

    async def full() -> bool:
        texts = [(await get(service, f"/private/{tokens[name]}/{name}/news.ndjson"))[2] for name in PARTNERS]
        return all(text.count("Only") >= 3 for text in texts)

    await until(full, "the private feeds are full")
    return tokens


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


async def test_each_partner_reads_what_is_theirs_and_nothing_of_any_other(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as service:
        tokens = await club(service)
        for reader, owner in product(PARTNERS, PARTNERS):
            for kind in FORMATS:
                in_path = await get(service, f"/private/{tokens[reader]}/{owner}/news.{kind}")
                by_name = await get(service, f"/feeds/{owner}/news.{kind}", Authorization=basic("x", tokens[reader]))
                bearer = await get(service, f"/feeds/{owner}/news.{kind}", Authorization=f"Bearer {tokens[reader]}")
                if reader != owner:
                    assert (in_path[0], by_name[0], bearer[0]) == (404, 401, 401)
                    assert not any("Only" in text for _, _, text in (in_path, by_name, bearer))
                    continue
                assert in_path[2] == by_name[2] == bearer[2]
                assert all(f"Only {owner} {number}" in in_path[2] for number in range(3))
                assert not any(f"Only {other}" in in_path[2] for other in PARTNERS if other != owner)
                for status, headers, text in (in_path, by_name, bearer):
                    assert status == 200
                    assert headers["Cache-Control"].startswith("private")
                    assert headers["Referrer-Policy"] == "no-referrer"
                    assert tokens[reader] not in text
                    assert tokens[reader] not in str(headers)
                again = await get(
                    service, f"/private/{tokens[reader]}/{owner}/news.{kind}", If_None_Match=in_path[1]["ETag"]
                )
                assert again[0] == 304
        await nothing_shows(service, tokens)
        await one_connection_for_all(service, tokens["nord"])
    log = service.log.read_text()
    assert not any(token in log for token in tokens.values())


async def nothing_shows(service: Live, tokens: dict[str, str]) -> None:
    """Without a token, no directory, page, stream or cache knows of a private feed."""
    for name in PARTNERS:
        for kind in FORMATS:
            status, headers, _ = await get(service, f"/feeds/{name}/news.{kind}")
            assert (status, headers["Cache-Control"]) == (401, "no-store")
            assert headers["WWW-Authenticate"].startswith("Basic ")
        assert (await get(service, f"/feeds/{name}/news"))[0] == 404
        assert (await get(service, f"/stream?feed={name}/news"))[0] == 404
        assert (await get(service, f"/private/wrf_abcdefgh1234_x/{name}/news.rss"))[0] == 404
    for path in ("/feeds", "/feeds.opml", "/news-sitemap.xml", "/metrics", "/robots.txt", "/"):
        _, _, text = await get(service, path)
        assert not any(f"{name}/news" in text for name in PARTNERS), path
        assert not any(token in text for token in tokens.values())


async def one_connection_for_all(service: Live, token: str) -> None:
    """A proxy may send everybody's requests over one connection: none borrows another's right."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.base.rpartition(":")[2]))
    plain = b"GET /feeds/nord/news.rss HTTP/1.1\r\nHost: x\r\n\r\n"
    allowed = plain[:-2] + f"Authorization: {basic('x', token)}\r\n\r\n".encode()
    public = plain.replace(b"nord/news", b"all")
    for request, wanted in [(allowed, b"200"), (plain, b"401"), (public, b"200"), (plain, b"401")] * 25:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.split()[1] == wanted, (request, head)
        [length] = [line.split()[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(length))
    writer.close()


async def test_a_token_is_rotated_with_an_overlap_and_revoked_within_seconds(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as service:
        tokens = await club(service)
        address = "/v1/subscribers/nord/feed-tokens"
        [old] = (await made(service, "GET", address, status=200))["items"]
        assert old["hint"] == tokens["nord"][-4:]
        assert "token" not in old
        new = await made(service, "POST", f"{address}/{old['id']}/rotate", {"overlap_s": 3_600})
        assert new["urls"]["rss"].endswith(f"/private/{new['token']}/nord/news.rss")
        for token in (tokens["nord"], new["token"]):
            assert (await get(service, f"/private/{token}/nord/news.rss"))[0] == 200
        status, _ = await service.call("DELETE", f"{address}/{old['id']}")
        assert status == 204

        async def gone() -> bool:
            return (await get(service, f"/private/{tokens['nord']}/nord/news.rss"))[0] == 410

        await until(gone, "the revoked token is refused", within_s=5)
        assert (await get(service, "/feeds/nord/news.rss", Authorization=basic("nord", tokens["nord"])))[0] == 401
        assert (await get(service, f"/private/{new['token']}/nord/news.rss"))[0] == 200
        foreign = await service.call("DELETE", f"/v1/subscribers/sued/feed-tokens/{new['id']}")
        assert foreign[0] == 404


async def test_the_check_reads_a_private_feed_with_the_operators_key_or_by_its_own_address(tmp_path: Path) -> None:
    """`feeds check --all` meets them too; a feed never names the address that opens it."""
    async with live(tmp_path / "data") as service:
        tokens = await club(service)
        client = Client(service.base, service.key)
        checked = await asyncio.to_thread(lambda: list(check_feeds(client, ["nord/news"])))
        assert [(one.url, one.faults) for one in checked if one.faults] == []
        assert len(checked) == len(FORMATS)
        assert (
            await asyncio.to_thread(check_url, f"{service.base}/private/{tokens['nord']}/nord/news.rss")
        ).faults == []
        stranger = await asyncio.to_thread(lambda: list(check_feeds(Client(service.base, None), ["nord/news"])))
        assert all(one.faults for one in stranger)


async def test_a_renamed_private_feed_leads_its_readers_on_and_nobody_else(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as service:
        tokens = await club(service)
        await made(service, "POST", "/v1/feeds/nord/news/rename", {"to": "nord/wire"}, status=200)

        async def moved() -> bool:
            status, headers, _ = await get(service, f"/private/{tokens['nord']}/nord/news.rss")
            return status == 308 and headers["Location"] == f"/private/{tokens['nord']}/nord/wire.rss"

        await until(moved, "the old address leads to the new one")
        assert (await get(service, f"/private/{tokens['nord']}/nord/wire.rss"))[0] == 200
        assert (await get(service, f"/private/{tokens['sued']}/nord/news.rss"))[0] == 404


@pytest.mark.parametrize("bound", ["tag:free"])
async def test_what_a_partner_may_see_at_most_bounds_every_private_feed_of_theirs(tmp_path: Path, bound: str) -> None:
    async with live(tmp_path / "data") as service:
        tokens = await club(service)
        await made(service, "PATCH", "/v1/subscribers/nord", {"filter": bound}, status=200)

        async def emptied() -> bool:
            return "Only" not in (await get(service, f"/private/{tokens['nord']}/nord/news.json"))[2]

        await until(emptied, "what is out of bounds has left")
        for tags in (["free"], ["paid"]):
            story = {
                "id": tags[0],
                "title": f"A {tags[0]} one",
                "content_text": "x",
                "sections": ["nord"],
                "tags": tags,
            }
            await made(service, "POST", "/v1/articles", story)

        async def there() -> bool:
            return "A free one" in (await get(service, f"/private/{tokens['nord']}/nord/news.json"))[2]

        await until(there, "what is within bounds has come")
        document = json.loads((await get(service, f"/private/{tokens['nord']}/nord/news.json"))[2])
        assert [item["title"] for item in document["items"]] == ["A free one"]


async def test_an_installation_without_public_readers_shows_nothing_without_a_token_or_key(tmp_path: Path) -> None:
    async with live(tmp_path / "data", {"WIREROOM_PUBLIC_FEEDS": "false"}) as service:
        tokens = await club(service)
        key = f"Bearer {service.key}"
        article = (await get(service, "/feeds/all.json", Authorization=key))[2]
        assert "Only nord 0" in article
        pages = ["/feeds", "/feeds/all", "/feeds.opml", "/news-sitemap.xml", "/stream", "/articles/" + "0" * 32]
        for path in [*(f"/feeds/all.{kind}" for kind in FORMATS), "/feeds/all.json?since=2026-01-01T00:00:00Z", *pages]:
            status, headers, text = await get(service, path)
            assert (status, headers["Cache-Control"]) == (401, "no-store"), path
            assert "Only" not in text
        for path in ("/feeds", "/feeds/all", "/feeds/section/nord.rss", "/feeds.opml"):
            assert (await get(service, path, Authorization=key))[0] == 200, path
        status, headers, text = await get(service, f"/private/{tokens['nord']}/nord/news.rss")
        assert (status, headers["Cache-Control"].partition(",")[0]) == (200, "private")
        assert "Only nord" in text
        assert (await get(service, f"/private/{tokens['nord']}/all.rss"))[0] == 404
        assert (await get(service, "/feeds/all.rss", Authorization=basic("x", tokens["nord"])))[0] == 401
        assert (await get(service, "/healthz"))[0] == 200


async def test_what_became_of_a_private_feed_is_told_to_its_readers_alone(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as service:
        tokens = await club(service)
        await made(service, "POST", "/v1/feeds/nord/news/rename", {"to": "nord/wire"}, status=200)
        await made(service, "DELETE", "/v1/feeds/sued/news", status=200)
        own, other = basic("x", tokens["nord"]), basic("x", tokens["west"])

        async def known() -> bool:
            moved = await get(service, "/feeds/nord/news.rss?since=0", Authorization=own)
            over = await get(service, f"/private/{tokens['sued']}/sued/news.rss")
            return (moved[0], moved[1].get("Location"), over[0]) == (308, "/feeds/nord/wire.rss?since=0", 410)

        await until(known, "their readers hear of it")
        assert (await get(service, "/feeds/sued/news.rss", Authorization=basic("x", tokens["sued"])))[0] == 410
        for name, status in (("nord/news", 401), ("sued/news", 401)):
            for sent in ({}, {"Authorization": other}):
                for kind in ("rss", "json"):
                    found, headers, text = await get(service, f"/feeds/{name}.{kind}", **sent)
                    assert (found, headers["Cache-Control"]) == (status, "no-store")
                    assert "wire" not in f"{headers}{text}"
            assert (await get(service, f"/private/{tokens['west']}/{name}.rss"))[0] == 404
            assert (await get(service, f"/feeds/{name}"))[0] == 404
            assert (await get(service, f"/stream?feed={name}"))[0] == 404


async def test_security_rule_47_who_waits_for_news_with_a_token_that_is_revoked_gets_none(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as service:
        tokens = await club(service)
        [token] = (await made(service, "GET", "/v1/subscribers/nord/feed-tokens", status=200))["items"]
        path = f"/private/{tokens['nord']}/nord/news.ndjson?wait=20"
        by_name = get(service, "/feeds/nord/news.ndjson?wait=20", Authorization=f"Bearer {tokens['nord']}")
        waiting = [asyncio.create_task(get(service, path)), asyncio.create_task(by_name)]
        [refused, *_] = await asyncio.gather(get(service, "/feeds/nord/news.ndjson?wait=1"))  # by now they wait
        assert refused[0] == 401
        status, _ = await service.call("DELETE", f"/v1/subscribers/nord/feed-tokens/{token['id']}")
        assert status == 204
        story = {"id": "late", "title": "Only nord late", "content_text": "x", "sections": ["nord"]}
        await made(service, "POST", "/v1/articles", story)
        answers = await asyncio.gather(*waiting)
        assert [status for status, _, _ in answers] == [410, 401]
        assert not any("Only" in text for _, _, text in answers)


async def test_without_public_readers_nobody_learns_which_feeds_there_are(tmp_path: Path) -> None:
    async with live(tmp_path / "data", {"WIREROOM_PUBLIC_FEEDS": "false"}) as service:
        await club(service)
        await made(service, "PUT", "/v1/feeds/plan", {"filter": "section:nord"})
        await made(service, "PUT", "/v1/feeds/past", {"filter": "section:nord"})
        await made(service, "POST", "/v1/feeds/plan/rename", {"to": "hush"}, status=200)
        await made(service, "DELETE", "/v1/feeds/past", status=200)
        answers: set[tuple[object, ...]] = set()
        for name in ("section/nord", "section/none", "plan", "past", "hush", "nord/news", "all/archive/1/1-25"):
            for kind in ("rss", "json"):
                status, headers, text = await get(service, f"/feeds/{name}.{kind}", If_None_Match="*")
                answers.add((status, headers["Cache-Control"], headers.get("Location"), text))
        assert [answer[0] for answer in answers] == [401]
        key = f"Bearer {service.key}"
        for name, wanted in (("plan", 308), ("past", 410), ("section/none", 404), ("section/nord", 200)):
            status, headers, _ = await get(service, f"/feeds/{name}.rss", Authorization=key)
            assert status == wanted
            assert "public" not in headers["Cache-Control"]


async def test_security_rule_16_an_open_stream_ends_with_its_key(tmp_path: Path) -> None:
    async with live(tmp_path / "data", {"WIREROOM_PUBLIC_FEEDS": "false"}) as service:
        key = await made(service, "POST", "/v1/keys", {"name": "desk", "scopes": ["ops:read"]})
        sent = {"Authorization": f"Bearer {key['key']}"}
        async with service.session.get(service.base + "/stream", headers=sent) as stream:
            assert await stream.content.readline() == b"retry: 2000\n"
            await service.call("DELETE", f"/v1/keys/{key['id']}")
            async with asyncio.timeout(5):
                assert (await stream.content.read()).strip() == b""
    assert "without completing" not in service.log.read_text()
