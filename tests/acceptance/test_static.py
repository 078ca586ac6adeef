"""The real command keeps a directory for a CDN: a story appears, as HTTP serves it; a takedown leaves nothing."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.live import ROOT, Live, live, until

SECRET = "The minister resigned at noon."


def everything(place: Path) -> dict[str, bytes]:
    """What stands in each file, decompressed."""
    found = {str(one.relative_to(place)): one.read_bytes() for one in place.rglob("*") if one.is_file()}
    return {path: gzip.decompress(data) if path.endswith(".gz") else data for path, data in found.items()}


async def wireroom(service: Live, *arguments: str) -> Any:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WIREROOM_")},
        "WIREROOM_URL": service.base,
        "WIREROOM_API_KEY": service.key,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "services", *arguments, "--json"]
    done = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    output, _ = await done.communicate()
    assert done.returncode == 0, output
    return json.loads(output)


async def test_publish_then_file_then_takedown(tmp_path: Path) -> None:
    place = tmp_path / "cdn root"
    settings = {
        "WIREROOM_PUBLISH_URL": place.as_uri(),
        "WIREROOM_PUBLIC_URL": "https://feeds.news.example",
        "WIREROOM_SECURITY_CONTACT": "mailto:security@news.example",
    }
    async with live(tmp_path / "data", settings) as service:
        article = {"id": "x", "title": "Minister", "content_text": SECRET, "sections": ["Politique"]}
        assert (await service.call("POST", "/v1/articles", article))[0] == 201
        target = place / "feeds/section/politique.rss"

        async def there() -> bool:
            return target.exists() and SECRET.encode() in target.read_bytes()

        await until(there, "the story in its file", within_s=10)
        for path in ("feeds/all.rss", "feeds/all.atom", "feeds/section/politique.json", "feeds.opml", "robots.txt"):

            async def same(path: str = path) -> bool:
                return (place / path).exists() and (place / path).read_bytes() == (await service.get(f"/{path}"))[1]

            await until(same, f"{path} as HTTP serves it")
        assert b"https://feeds.news.example/feeds/all.rss" in (place / "feeds/all.rss").read_bytes()
        assert (place / ".well-known/security.txt").exists()

        status, answer = await service.get("/readyz")
        assert (status, json.loads(answer)["checks"]["publish"]) == (200, "ok")
        metrics = (await service.get("/metrics"))[1].decode()
        assert "wireroom_publish_lag_seconds 0.0" in metrics
        assert 'wireroom_publish_objects_total{outcome="written"}' in metrics

        target.unlink()
        [told] = await wireroom(service, "feeds", "publish")
        assert (told["place"], told["fault"], told["behind_since"]) == (place.as_uri(), None, None)
        assert told["written"] > 20
        assert await there()

        taken = {"kind": "takedown", "reason": "Court order."}
        assert (await service.call("DELETE", "/v1/articles/x", taken))[0] == 200

        async def gone() -> bool:
            return not any(SECRET.encode() in data or b"Minister" in data for data in everything(place).values())

        await until(gone, "no file that holds the text", within_s=5)
        assert target.exists(), "the feed stays, with what a takedown leaves"
