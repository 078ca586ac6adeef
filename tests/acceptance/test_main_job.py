"""The main job, as a newsroom, a reader and a partner see it: publish once, have it everywhere."""

import gzip
import json
from pathlib import Path

import feedparser
import pytest
from standardwebhooks.webhooks import Webhook

from tests.ledger import Ledger
from tests.live import Live, live, raw_get, until

STORY = {
    "id": "bac-1",
    "title": "À Brévanne, le bac « Étoile » repart : l’été commence",
    "content_html": "<p>Le bac a repris ses traversées mardi matin, a indiqué la mairie.</p><script>alert(1)</script><p>Il était temps.</p>",
    "language": "fr",
    "sections": ["Actualités"],
    "tags": ["fleuve"],
    "url": "https://exemple.example/bac?utm_source=x",
    "published_at": "2026-05-02T07:00:00+02:00",
}


async def subscribe(service: Live, url: str, **more: object) -> str:
    status, answer = await service.call("POST", "/v1/webhooks", {"url": url, **more})
    assert status == 201, answer
    return answer["secret"]


async def entries(service: Live, feed: str) -> "feedparser.FeedParserDict":
    status, body = await service.get(f"/feeds/{feed}")
    assert status == 200
    parsed = feedparser.parse(body)
    assert not parsed.bozo, parsed.get("bozo_exception")
    return parsed


async def test_one_publish_reaches_every_feed_and_a_signed_webhook_and_a_retraction_takes_it_back(
    tmp_path: Path,
) -> None:
    async with live(tmp_path / "data") as service, Ledger(500) as partner:
        secret = await subscribe(service, partner.url)
        status, receipt = await service.call("POST", "/v1/articles", STORY)
        assert (status, receipt["revision"], receipt["id"]) == (201, 1, "bac-1")
        again = await service.call("POST", "/v1/articles", STORY)
        assert again[0] == 200
        assert again[1]["event_id"] == receipt["event_id"]

        for feed in ("all", "lang/fr", "section/actualites", "tag/fleuve"):

            async def shows(feed: str = feed) -> bool:
                return "Brévanne".encode() in (await service.get(f"/feeds/{feed}.json"))[1]

            await until(shows, f"the story in {feed}")
            for kind in ("rss", "atom"):
                parsed = await entries(service, f"{feed}.{kind}")
                assert [entry.title for entry in parsed.entries] == [STORY["title"]]
                assert "alert(1)" not in str(parsed.entries[0])
                assert "utm_source" not in parsed.entries[0].link
            body = json.loads((await service.get(f"/feeds/{feed}.json"))[1])
            assert [item["title"] for item in body["items"]] == [STORY["title"]]

        first = (await partner.wait(1))[0]
        verified = Webhook(secret).verify(first.body, first.headers)
        assert verified["type"] == "article.published"
        assert verified["data"]["article"]["title"] == STORY["title"]

        delivery = (await service.call("GET", "/v1/deliveries?article=bac-1"))[1]["items"][0]
        assert delivery["attempts"][0]["status"] == 500
        await service.call("POST", f"/v1/deliveries/{delivery['id']}/retry")
        second = (await partner.wait(2))[1]
        assert second.body == first.body
        assert second.webhook_id == first.webhook_id

        status, _ = await service.call("DELETE", "/v1/articles/bac-1", {"kind": "takedown", "reason": "Falsche Quelle"})
        assert status == 200
        third = json.loads((await partner.wait(3))[2].body)
        assert third["type"] == "article.retracted"
        assert "Brévanne" not in json.dumps(third, ensure_ascii=False)
        for kind in ("rss", "atom", "json"):

            async def gone(kind: str = kind) -> bool:
                return "Brévanne" not in (await service.get(f"/feeds/section/actualites.{kind}"))[1].decode()

            await until(gone, f"the headline out of {kind}")

        async def settled() -> bool:
            stats = await service.stats()
            return stats["accepted"] == stats["done"] == 2

        await until(settled, "both events done")


async def test_rule_12_a_webhook_names_a_story_as_all_feeds_do(tmp_path: Path) -> None:
    """The story and its retraction; an id that the publisher minted for good is taken as it is."""
    own = "urn:uuid:123e4567-e89b-12d3-a456-426614174000"
    async with live(tmp_path / "data") as service, Ledger() as partner:
        await subscribe(service, partner.url)
        for name in ("bac-1", own):
            await service.call("POST", "/v1/articles", {**STORY, "id": name})
        await partner.wait(2)
        await service.call("DELETE", "/v1/articles/bac-1", {"kind": "withdraw"})
        said: dict[str, set[str]] = {}
        for got in await partner.wait(3):
            said.setdefault(got.data["id"], set()).add(got.data["uri"])
        (minted,) = said["bac-1"]
        assert said[own] == {own}

        async def listed() -> list[str] | None:
            found = json.loads((await service.get("/feeds/all.json"))[1])["items"]
            return [one["id"] for one in found] if len(found) == 2 and b"Retracted" in str(found).encode() else None

        assert set(await until(listed, "the story and the stub")) == {minted, own}
        assert {str(entry.id) for entry in (await entries(service, "all.rss")).entries} == {minted, own}
        assert f'ref="{minted}"'.encode() in (await service.get("/feeds/all.atom"))[1]
        ninjs = json.loads((await service.get("/feeds/all.ninjs"))[1])
        assert {one["uri"] for one in ninjs["associations"]} == {minted, own}


async def test_a_second_poll_gets_304_and_gzip_has_a_tag_of_its_own(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as service:
        await service.call("POST", "/v1/articles", STORY)
        await until(lambda: _has(service, "/feeds/all.rss", b"<item>"), "the story")
        headers, identity = await raw_get(service.base + "/feeds/all.rss", {"Accept-Encoding": "identity"})
        tag = headers["ETag"]
        same = {"Accept-Encoding": "identity", "If-None-Match": tag}
        async with service.session.get(service.base + "/feeds/all.rss", headers=same) as second:
            assert (second.status, await second.read()) == (304, b"")
        status, _ = await service.get("/feeds/all.rss", **{"If-None-Match": '"another"'})
        assert status == 200
        packed = await raw_get(service.base + "/feeds/all.rss", {"Accept-Encoding": "gzip"})
        assert gzip.decompress(packed[1]) == identity
        assert packed[0]["ETag"] != tag


async def _has(service: Live, path: str, needle: bytes) -> bool:
    return needle in (await service.get(path))[1]


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
async def test_a_signal_ends_it_with_code_0_and_the_next_start_goes_on(tmp_path: Path, signal_name: str) -> None:
    import signal as signals

    service = Live(tmp_path / "data")
    try:
        await service.start()
        await service.call("POST", "/v1/articles", STORY)
        service.kill(getattr(signals, signal_name))
        assert await service.ended() == 0
        await service.start()
        await until(lambda: _has(service, "/feeds/all.json", "Brévanne".encode()), "the story")
    finally:
        await service.close()
