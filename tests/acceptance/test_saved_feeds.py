"""A saved feed by the real command, from its making to its end, as readers see it."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.live import ROOT, Live, live, until

ATOM = "{http://www.w3.org/2005/Atom}"
FILTER = '"climate summit" -tag:sport'


async def wireroom(service: Live, *words: str) -> tuple[int, str, str]:
    """Run a command beside the service, as its operator: exit code, standard output, standard error."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WIREROOM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", *words,
        env={**env, "WIREROOM_DATA_DIR": str(service.data_dir), "PYTHONPATH": str(ROOT)},
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def publish(service: Live, name: str, title: str, **more: Any) -> None:
    status, answer = await service.call("POST", "/v1/articles", {"id": name, "title": title, "language": "en", **more})
    assert status == 201, answer


async def entries(service: Live, address: str) -> dict[str, list[str]]:
    """Ids of the entries, by format; of a feed that does not answer 200 none."""
    found: dict[str, list[str]] = {}
    for form in ("rss", "atom", "json"):
        status, body = await service.get(f"/feeds/{address}.{form}")
        if status != 200:
            continue
        if form == "json":
            found[form] = [item["id"] for item in json.loads(body)["items"]]
        else:
            place = "channel/item/guid" if form == "rss" else f"{ATOM}entry/{ATOM}id"
            found[form] = [str(one.text) for one in ET.fromstring(body).iterfind(place)]
    return found


async def holds(service: Live, address: str, count: int) -> dict[str, list[str]]:
    """Wait until the feed holds so many entries in every format; the same ids in each, in the same order."""

    async def there() -> dict[str, list[str]] | None:
        found = await entries(service, address)
        return found if [len(ids) for ids in found.values()] == [count] * 3 else None

    found = await until(there, f"{count} entries in {address}")
    assert found["rss"] == found["atom"] == found["json"]
    return found


async def status_of(service: Live, path: str) -> tuple[int, str]:
    async with service.session.get(service.base + path, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "")


async def test_a_saved_feed_lives_by_the_real_command(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as service:
        await publish(service, "early", "Climate summit opens")
        await publish(service, "other", "Climate summit football", tags=["Sport"])
        await holds(service, "all", 2)
        code, out, err = await wireroom(service, "feeds", "put", "climate", "--title", "Climate", "--filter", FILTER)
        assert (code, err) == (0, "")
        assert f"{service.base}/feeds/climate.atom" in out
        first = await holds(service, "climate", 1)
        await publish(service, "late", "Talks at the climate summit")
        before = await holds(service, "climate", 2)
        assert set(first["atom"]) < set(before["atom"])

        code, out, _ = await wireroom(service, "feeds", "preview", FILTER, "--json")
        shown = json.loads(out)
        assert (code, [item["id"] for item in shown["items"]], shown["matched"]) == (0, ["late", "early"], 2)
        code, out, _ = await wireroom(service, "feeds", "preview", "climate summit")
        assert code == 0
        assert "3 of 3 looked at" in out
        code, _, err = await wireroom(service, "feeds", "preview", "section:world (lang:fr")
        assert code == 2
        assert "\n              ^\n" in err

        code, _, _ = await wireroom(service, "feeds", "rename", "climate", "planet/climate")
        assert code == 0

        async def moved() -> bool:
            status, to = await status_of(service, "/feeds/climate.rss")
            return status == 308 and to.endswith("/feeds/planet/climate.rss")

        await until(moved, "the old address leads to the new one")
        assert await holds(service, "planet/climate", 2) == before
        assert await holds(service, "climate", 2) == before  # a reader follows
        await publish(service, "last", "The climate summit ends")
        await holds(service, "planet/climate", 3)

        code, out, _ = await wireroom(service, "feeds", "end", "planet/climate")
        assert (code, out) == (0, "planet/climate ended\n")

        async def over() -> bool:
            return {
                (await status_of(service, f"/feeds/planet/climate.{form}"))[0] for form in ("rss", "atom", "json")
            } == {410}

        await until(over, "it is gone")
        code, out, _ = await wireroom(service, "feeds", "check", "--all")  # what is over is over: no fault
        assert code == 0, out
        code, _, err = await wireroom(service, "feeds", "put", "planet/climate", "--filter", "x")
        assert code == 1
        assert "409" in err


async def test_a_saved_feed_outlives_a_kill(tmp_path: Path) -> None:
    """Its filter is read again at the next start, and what it did not carry yet joins then."""
    service = Live(tmp_path / "data")
    try:
        await service.start()
        await publish(service, "early", "Climate summit opens")
        status, _ = await service.call("PUT", "/v1/feeds/climate", {"title": "Climate", "filter": FILTER})
        assert status == 201
        service.kill()
        await service.ended()
        await service.start()
        before = await holds(service, "climate", 1)
        await publish(service, "late", "Talks at the climate summit")
        after = await holds(service, "climate", 2)
        assert set(before["atom"]) < set(after["atom"])
    finally:
        await service.close()
