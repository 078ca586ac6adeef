"""Check 19: Redis gone, or all that works behind the door gone: feeds are served, new articles taken, health says so."""

import asyncio
import json
from pathlib import Path

from tests.acceptance.test_spread import part
from tests.live import Live, until
from tests.servers_redis import RedisServer

FORMS = ("rss", "atom", "json")
GZIP = {"Accept-Encoding": "gzip"}


async def publish(service: Live, name: str, section: str = "Sport") -> None:
    status, answer = await service.call("POST", "/v1/articles", {"id": name, "title": name, "sections": [section]})
    assert status in (200, 201), answer


async def shows(service: Live, name: str) -> None:
    async def shown() -> bool:
        return name in [item["id"] for item in await stories(service)]

    async def stories(service: Live) -> list[dict[str, str]]:
        status, body = await service.get("/feeds/all.json")
        assert status == 200
        return [{"id": item["title"]} for item in json.loads(body)["items"]]

    await until(shown, f"{name} in the feed", within_s=90)


async def tags(service: Live, feeds: tuple[str, ...] = ("all",)) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (f"/feeds/{feed}.{form}" for feed in feeds for form in FORMS):
        async with service.session.get(service.base + path, headers=GZIP) as got:
            assert got.status == 200
            found[path] = got.headers["ETag"]
    return found


async def served(service: Live, known: dict[str, str]) -> None:
    """All of them, whole and by their tags, with nothing lost and no 5xx."""
    for path, tag in known.items():
        for headers, expected in (({}, 200), ({"If-None-Match": tag}, 304)):
            async with service.session.get(service.base + path, headers=GZIP | headers) as got:
                assert (got.status, got.headers["ETag"]) == (expected, tag)


async def not_ready(service: Live) -> bool:
    return (await service.get("/readyz"))[0] == 503


async def test_redis_is_gone_and_feeds_are_served_all_the_while(tmp_path: Path, own_redis: RedisServer) -> None:
    service = Live(tmp_path / "data", {"WIREROOM_REDIS_URL": own_redis.url})
    try:
        await service.start(within_s=60)
        await publish(service, "before")
        await shows(service, "before")
        known = await tags(service)
        own_redis.kill()
        await until(lambda: not_ready(service), "health says so", within_s=60)
        await served(service, known)
        never_asked_for = await tags(service, ("section/sport",))  # joined from SQL while Redis is away
        await served(service, never_asked_for)
        await publish(service, "meanwhile")  # taken: it is in SQL
        await served(service, known)
        own_redis.start()  # and empty
        await shows(service, "meanwhile")
        assert (await tags(service)).keys() == known.keys()
    finally:
        await service.close()


async def test_all_stages_are_gone_and_the_door_serves_feeds(
    tmp_path: Path, postgres_url: str, own_redis: RedisServer
) -> None:
    door = part(tmp_path, "door", postgres_url, own_redis.url, "http", "ingest")
    work = part(tmp_path, "work", postgres_url, own_redis.url, "enrich", "syndicate", "deliver")
    try:
        await door.start(within_s=60)
        work.spawn()
        await publish(door, "before")
        await shows(door, "before")
        known = await tags(door)
        work.kill()
        await work.ended()
        await publish(door, "meanwhile", "World")
        await served(door, known)
        await served(door, await tags(door, ("section/sport",)))
        async with asyncio.timeout(5):  # the door has no need of anybody to look at what it holds
            await served(door, known)
        work.spawn()
        await shows(door, "meanwhile")
    finally:
        await work.close()
        await door.close()
