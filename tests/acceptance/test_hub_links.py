"""Rule 53 (WebSub §4): header, body and JSON name the same hubs and the same self, whoever the proxy says it is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from tests.live import Live, live, raw_get, until

HUBS = ["https://hub.example/", "https://hub.example.org/push?x=1&y=2"]
PUBLIC = "https://feeds.news.example"
ATOM = "{http://www.w3.org/2005/Atom}"
_LINK = re.compile(r'<([^>]+)>;\s*rel="([^"]+)"')


def links(header: str) -> Iterator[tuple[str, str]]:
    for href, rel in _LINK.findall(header):
        yield rel, href


def body_links(path: str, body: bytes) -> dict[str, list[str]]:
    """The hubs and selves that a document itself names."""
    if path.endswith(".json"):
        feed: Any = json.loads(body)
        hubs = feed.get("hubs", [])
        assert all(hub["type"] == "WebSub" for hub in hubs)
        return {"self": [feed["feed_url"]], "hub": [hub["url"] for hub in hubs]}
    root = etree.fromstring(body)
    head = root if path.endswith(".atom") else root.find("channel")
    found = [link for link in head if link.tag == f"{ATOM}link"]
    return {rel: [link.get("href") for link in found if link.get("rel") == rel] for rel in ("self", "hub")}


async def told(service: Live, path: str, **headers: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    got, body = await raw_get(service.base + path, {"Accept-Encoding": "identity", **headers})
    async with service.session.head(service.base + path, headers=headers) as head:
        assert head.headers.getall("Link") == got.getall("Link"), "HEAD tells what GET does"  # pyright: ignore[reportAttributeAccessIssue]
    said = list(links(", ".join(got.getall("Link"))))  # pyright: ignore[reportAttributeAccessIssue]
    return {rel: [href for name, href in said if name == rel] for rel in ("self", "hub")}, body_links(path, body)


@pytest.mark.parametrize("behind_proxy", ["false", "true"])
async def test_rule_53_hub_and_self_agree_in_header_body_and_json_behind_a_proxy_of_another_name(
    tmp_path: Path, behind_proxy: str
) -> None:
    settings = {
        "WIREROOM_PUBLIC_URL": PUBLIC,
        "WIREROOM_HUB_URLS": ",".join(HUBS),
        "WIREROOM_BEHIND_PROXY": behind_proxy,
    }
    proxied = {"Host": "inner:8080", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    async with live(tmp_path, settings) as service:
        story = {"id": "x", "title": "T", "content_text": "B.", "sections": ["Monde"]}
        assert (await service.call("POST", "/v1/articles", story))[0] == 201

        async def there() -> bool:
            return (await service.get("/feeds/section/monde.rss"))[0] == 200

        await until(there, "the section's feed")
        for extension in ("rss", "atom", "json"):
            for address in ("all", "section/monde"):
                path = f"/feeds/{address}.{extension}"
                for headers in ({}, proxied):
                    header, body = await told(service, path, **headers)
                    assert header == body == {"self": [PUBLIC + path], "hub": HUBS}, path


async def test_without_a_hub_none_is_named(tmp_path: Path) -> None:
    async with live(tmp_path, {"WIREROOM_PUBLIC_URL": PUBLIC}) as service:
        for extension in ("rss", "atom", "json"):
            header, body = await told(service, f"/feeds/all.{extension}")
            assert header == body == {"self": [f"{PUBLIC}/feeds/all.{extension}"], "hub": []}
