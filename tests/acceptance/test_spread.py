"""The same service spread over processes: stages of their own on PostgreSQL and a shared Redis."""

import json
from pathlib import Path

from tests.ledger import Ledger
from tests.live import Live, until
from tests.servers_redis import RedisServer

KEY = "a-preset-admin-key-of-more-than-32-characters"


def part(directory: Path, name: str, database: str, redis_url: str, *stages: str) -> Live:
    settings = {
        "WIREROOM_DATABASE_URL": database,
        "WIREROOM_REDIS_URL": redis_url,
        "WIREROOM_ADMIN_KEY": KEY,
        "WIREROOM_ENRICH_WORKERS": "1",
        "WIREROOM_DELIVERY_SCHEDULE_S": "0.2,0.5,1,1,1,1",
    }
    return Live(directory / name, settings, ("run", *stages) if stages else ("up",))


async def test_stages_in_processes_of_their_own_lose_nothing_when_one_is_killed(
    tmp_path: Path, postgres_url: str, own_redis: RedisServer
) -> None:
    door = part(tmp_path, "door", postgres_url, own_redis.url, "http", "ingest")
    works = [part(tmp_path, f"work{n}", postgres_url, own_redis.url, "enrich", "syndicate", "deliver") for n in (1, 2)]
    try:
        await door.start(within_s=40)
        for work in works:
            work.spawn()
        async with Ledger() as partner:
            assert (await door.call("POST", "/v1/webhooks", {"url": partner.url}))[0] == 201
            stories = [
                {"id": f"s{n}", "revision": 1, "title": f"Story {n}", "content_text": "It is so."} for n in range(60)
            ]
            for story in stories[:30]:
                assert (await door.call("POST", "/v1/articles", story))[0] == 201
            works[0].kill()
            await works[0].ended()
            for story in stories[30:]:
                assert (await door.call("POST", "/v1/articles", story))[0] == 201

            async def done() -> bool:
                stats = await door.stats()
                return bool(stats["done"] == stats["accepted"] == len(stories))

            # What the killed process had read comes back after the claim time of a minute.
            await until(done, "every event done", within_s=100)
            assert {got.data["id"] for got in partner.got} == {story["id"] for story in stories}

            async def shown() -> bool:
                items = json.loads((await door.get("/feeds/all.json"))[1])["items"]
                return len(items) == len({item["id"] for item in items}) == len(stories)

            await until(shown, "every story in the feed")
    finally:
        for live in (*works, door):
            await live.close()


async def test_up_runs_on_postgresql_and_a_configured_redis(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    service = part(tmp_path, "up", postgres_url, redis_url)
    try:
        await service.start(within_s=40)
        assert (await service.call("POST", "/v1/articles", {"id": "a", "title": "On PostgreSQL"}))[0] == 201

        async def shown() -> bool:
            return b"On PostgreSQL" in (await service.get("/feeds/all.atom"))[1]

        await until(shown, "the story")
        assert "sqlite" not in " ".join(path.name for path in service.data_dir.iterdir())
    finally:
        await service.close()


async def test_run_on_sqlite_refuses_all_but_http_and_names_the_cure(tmp_path: Path) -> None:
    refused = Live(tmp_path / "data", command=("run", "enrich"))
    refused.spawn()
    assert await refused.ended() == 1
    assert "WIREROOM_DATABASE_URL" in refused.log.read_text()


async def test_http_alone_serves_feeds_read_only_beside_a_running_up(tmp_path: Path) -> None:
    up, reader = Live(tmp_path / "data"), Live(tmp_path / "data", command=("run", "http"))
    reader.log = tmp_path / "reader.log"
    try:
        await up.start()
        address = up.base
        assert (await up.call("POST", "/v1/articles", {"id": "a", "title": "Read by another process"}))[0] == 201
        reader.spawn(forget=False)

        async def another() -> str | None:
            found = [word for word in reader.log.read_text().split() if word.startswith("http://127.0.0.1:")]
            return next((word.partition("/feeds")[0] for word in found if not word.startswith(address)), None)

        base = await until(another, "the reader's address")

        async def shown() -> bool:
            async with up.session.get(base + "/feeds/all.rss") as response:
                return b"Read by another process" in await response.read()

        await until(shown, "the story in the other process")
        async with up.session.post(
            base + "/v1/articles", json={"id": "b", "title": "x"}, headers={"Authorization": f"Bearer {up.key}"}
        ) as response:
            assert response.status == 503
        assert up.base == address
    finally:
        await reader.close()
        await up.close()
