"""Keys, limits, headers and errors of the API. Security rules 12-16, 20, 26, 33, 35-37, 43, 50, 51."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.http.deps import Readiness
from services.http.keys import SCOPES
from services.store import StoreFull, StoreUnavailable
from tests.http_api import ADMIN, Api, api_on, replace

OPEN = {"/healthz", "/readyz", "/docs/style.css"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncGenerator[Api]:
    async with api_on(tmp_path) as found:
        yield found


async def spoken(api: Api, *parts: bytes) -> bytes:
    """Say bytes to the port and hear all that comes back until the server closes."""
    address = urlsplit(api.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def kept_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


def head(*lines: str, key: str = ADMIN) -> bytes:
    return "\r\n".join(
        ["POST /v1/articles HTTP/1.1", "Host: x", f"Authorization: Bearer {key}", *lines, "", ""]
    ).encode()


async def test_every_route_of_the_api_is_closed_and_says_so(api: Api) -> None:
    document = (await api.call("GET", "/openapi.json")).body
    seen = 0
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            answer = await api.call(verb.upper(), re.sub(r"\{[^}]+\}", "1", path), key=None)
            assert (answer.status, answer.body["code"]) == (401, "unauthenticated"), (verb, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert operation["security"] == [{"key": [operation["x-scope"]]}]
            seen += 1
    assert seen > 30


async def test_a_key_opens_its_scopes_and_nothing_else(api: Api) -> None:
    document = (await api.call("GET", "/openapi.json")).body
    for scope in sorted(set(SCOPES) - {"admin"}):
        key = (await api.call("POST", "/v1/keys", {"name": scope, "scopes": [scope]})).body["key"]
        for path, verbs in document["paths"].items():
            for verb, operation in verbs.items():
                answer = await api.call(verb.upper(), re.sub(r"\{[^}]+\}", "1", path), key=key)
                assert (answer.status == 403) is (operation["x-scope"] != scope), (scope, verb, path, answer.status)


async def test_a_partner_s_key_opens_what_is_theirs_alone(api: Api) -> None:
    await api.store.subscribers.create("nord", "Nord", api.clock())
    for scope in SCOPES:
        body = {"name": "n", "scopes": [scope], "subscriber": "nord"}
        theirs = scope in {"webhooks:read", "webhooks:write", "feeds:write"}
        assert (await api.call("POST", "/v1/keys", body)).status == (201 if theirs else 422), scope


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer wr_live_x_y", f"Bearer {ADMIN}x", "Bearer " + "x" * 600]
)
async def test_a_wrong_key_is_refused(api: Api, header: str) -> None:
    answer = await api.call("GET", "/v1/articles", key=None, authorization=header)
    assert (answer.status, answer.body["code"]) == (401, "unauthenticated")


async def test_a_key_with_a_changed_secret_expired_or_mistyped_is_refused(api: Api) -> None:
    from services.http.keys import mint

    key = await api.key("articles:read")
    assert (await api.call("GET", "/v1/articles", key=key)).status == 200
    other = mint(api.deps.random).key
    assert (await api.call("GET", "/v1/articles", key=other)).status == 401
    assert (await api.call("GET", "/v1/articles", key=key[:-1] + ("0" if key[-1] != "0" else "1"))).status == 401


async def test_the_store_holds_no_key(api: Api, tmp_path: Path) -> None:
    made = (await api.call("POST", "/v1/keys", {"name": "desk", "scopes": ["articles:write"]})).body
    assert re.fullmatch(r"wr_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", made["key"])
    assert (await api.call("POST", "/v1/articles", {"id": "a", "title": "t"}, key=made["key"])).status == 201
    listed = (await api.call("GET", "/v1/keys")).raw
    assert made["key"].encode() not in listed
    kept = kept_in(tmp_path)
    assert made["id"].encode() in kept
    assert made["key"].encode() not in kept
    assert made["key"][-38:].encode() not in kept


async def test_a_revoked_or_expired_key_is_refused_within_five_seconds(api: Api) -> None:
    body = {"name": "desk", "scopes": ["articles:read"], "expires_at": "2024-05-01T10:01:00Z"}
    made = (await api.call("POST", "/v1/keys", body)).body
    here, elsewhere = await api.key("articles:read"), await api.key("articles:read")
    for key in (made["key"], here, elsewhere):
        assert (await api.call("GET", "/v1/articles", key=key)).status == 200
    assert (await api.call("DELETE", f"/v1/keys/{here.split('_')[2]}")).status == 204
    assert (await api.call("GET", "/v1/articles", key=here)).status == 401
    await api.store.keys.revoke(elsewhere.split("_")[2], api.clock())  # as another process would
    api.clock.move(5)
    assert (await api.call("GET", "/v1/articles", key=elsewhere)).status == 401
    assert (await api.call("GET", "/v1/articles", key=made["key"])).status == 200
    api.clock.move(56)
    assert (await api.call("GET", "/v1/articles", key=made["key"])).status == 401


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": "x", "scopes": ["everything"]}, "/scopes/0"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["admin"], "sha256": "0"}, "/sha256"),
        ({"name": "x", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "x", "scopes": ["webhooks:read"], "subscriber": "nobody"}, "/subscriber"),
        ({"name": "\u0000", "scopes": ["admin"]}, "/name"),
        ({"name": "\ud800", "scopes": ["admin"]}, "/name"),
        ({"scopes": ["admin"]}, "/name"),
    ],
)
async def test_a_bad_body_names_its_faults(api: Api, body: object, where: str) -> None:
    answer = await api.call("POST", "/v1/keys", body)
    assert (answer.status, answer.places) == (422, [where])


@pytest.mark.parametrize("raw", [b'{"name":"x","name":"y","scopes":["admin"]}', b'{"name":NaN}', b"[" * 40, b"{"])
async def test_every_body_is_strict_json(api: Api, raw: bytes) -> None:
    assert (await api.call("POST", "/v1/keys", raw)).status == 422


async def test_a_large_body_is_refused_and_its_sender_hears_it(api: Api) -> None:
    answer = await api.call("POST", "/v1/articles", b" " * 20_000_000)
    assert (answer.status, answer.body["limit"], answer.places) == (413, 1024 * 1024, [""])
    assert (await api.call("POST", "/v1/keys", b" " * 70_000)).status == 413


async def test_the_cap_counts_bytes_and_believes_no_header(api: Api) -> None:
    chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
    told = await spoken(api, head("Transfer-Encoding: chunked"), *[chunk] * 5, b"0\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 413 ")
    lied = await spoken(api, head("Content-Length: 99999999999999999999", "Expect: 100-continue"))
    assert lied.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))


async def test_without_a_key_no_body_is_read(api: Api) -> None:
    told = await spoken(api, head("Content-Length: 1000000", "Connection: close", key="wrong"))
    assert told.startswith(b"HTTP/1.1 401 ")


async def test_a_body_that_trickles_is_cut_off(tmp_path: Path) -> None:
    async with api_on(tmp_path, lambda deps: replace(deps, body_deadline_s=0.2)) as api:
        told = await spoken(api, head("Content-Length: 100"), b"{")
        assert told.startswith(b"HTTP/1.1 408 ")


async def test_addresses_and_headers_are_bounded(api: Api) -> None:
    assert (await api.call("GET", "/v1/articles?section=" + "x" * 8_200)).status == 414
    assert (await api.call("GET", "/v1/articles", **{f"x_{number}": "1" for number in range(101)})).status == 431
    assert (await api.call("GET", "/v1/articles", x_long="x" * 17_000)).status == 431
    assert (await api.call("GET", "/v1/articles", **{f"x_{number}": "1" for number in range(80)})).status == 200


async def test_a_nul_in_the_address_is_404(api: Api) -> None:
    assert (await api.call("GET", "/v1/webhooks/a%00b")).status == 404
    assert (await api.call("GET", "/v1/deliveries?webhook=%00")).status == 404


async def test_what_is_not_possible_says_what_is(api: Api) -> None:
    answer = await api.call("PATCH", "/v1/articles")
    assert (answer.status, answer.body["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.call("PATCH", "/v1/articles/a1")).headers["allow"] == "DELETE, GET, PUT"
    assert (await api.call("POST", "/metrics")).headers["allow"] == "GET"


async def test_a_fault_of_ours_shows_an_id_and_no_stack(api: Api) -> None:
    answer = await api.call("GET", "/boom")
    assert (answer.status, answer.body["code"]) == (500, "internal")
    assert answer.body["error_id"]
    assert b"secret-detail" not in answer.raw
    assert b"Traceback" not in answer.raw


@pytest.mark.parametrize(
    "path",
    [
        "/v1/articles",
        "/nowhere",
        "/boom",
        "/healthz",
        "/readyz",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/asyncapi.json",
    ],
)
async def test_every_answer_carries_the_security_headers(api: Api, path: str) -> None:
    for key in (ADMIN, None):
        headers = (await api.call("GET", path, key=key)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "server" not in headers


async def test_documents_and_metrics_are_for_this_machine_or_a_key(tmp_path: Path) -> None:
    async with api_on(tmp_path) as api:
        for path in ("/metrics", "/docs", "/openapi.json", "/asyncapi.json"):
            assert (await api.call("GET", path, key=None)).status == 200
            assert (await api.call("GET", path, key=None, x_forwarded_for="203.0.113.9")).status == 401
            assert (
                await api.call("GET", path, key=await api.key("ops:read"), x_forwarded_for="203.0.113.9")
            ).status == 200
    async with api_on(tmp_path, lambda deps: replace(deps, behind_proxy=True)) as api:
        assert (await api.call("GET", "/metrics", key=None)).status == 401


async def test_health_is_open_and_readiness_tells_the_truth(api: Api) -> None:
    assert (await api.call("GET", "/healthz", key=None)).body == {"status": "ok"}
    assert (await api.call("GET", "/readyz", key=None)).status == 200
    api.recorder.ready = Readiness(ready=False, checks={"store": "ok", "enrich": "dead"})
    answer = await api.call("GET", "/readyz", key=None)
    assert (answer.status, answer.body["checks"]["enrich"]) == (503, "dead")


async def test_the_page_of_the_api_names_no_other_origin(api: Api) -> None:
    page = (await api.call("GET", "/docs")).raw.decode()
    assert "POST" in page.upper()
    assert "/v1/articles" in page
    assert not re.findall(r"(?:src|href)=\"(?!/|#)", page)
    assert "<script" not in page
    assert "<style" not in page
    assert (await api.call("GET", "/docs/style.css", key=None)).headers["content-type"].startswith("text/css")


async def test_openapi_names_every_route_and_resolves(api: Api) -> None:
    document = (await api.call("GET", "/openapi.json")).body
    refs = set(re.findall(r'"#/components/schemas/([^"]+)"', str(document).replace("'", '"')))
    assert refs <= document["components"]["schemas"].keys()
    for path in ("/v1/articles", "/v1/articles/{article_id}", "/v1/stats", "/v1/webhooks/{webhook_id}/replay"):
        assert path in document["paths"], sorted(document["paths"])


class FullArticles:
    """Articles of a store without room."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def accept(self, *_: object) -> None:
        raise self.error


@pytest.mark.parametrize(("error", "status"), [(StoreFull("no room"), 507), (StoreUnavailable("locked", 7), 503)])
async def test_a_store_that_cannot_is_told_with_a_time_to_come_back(
    tmp_path: Path, error: Exception, status: int
) -> None:
    async with api_on(tmp_path) as api:
        api.store.articles = FullArticles(error)  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue]
        answer = await api.call("POST", "/v1/articles", {"id": "a", "title": "t"})
        assert answer.status == status
        assert int(answer.headers["retry-after"]) > 0
        assert b"locked" not in answer.raw
