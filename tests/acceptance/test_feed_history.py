"""A feed's history, as readers of a running service see it: walked while 500 stories come in, polled by lemon24/reader."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.history import Read, walk
from tests.lemon24 import make_reader
from tests.live import Live, live, until

COUNT = 500
NDJSON = {"Content-Type": "application/x-ndjson"}
_IDENTITY = {"Accept-Encoding": "identity"}  # a page has a tag for each coding


def story(name: str, **more: Any) -> dict[str, Any]:
    text = f"The text of {name} says what happened in the harbour yesterday. " * 60
    said = {
        "id": name,
        "title": f"Headline of {name}",
        "url": f"https://news.example/{name}",
        "content_text": text,
        "language": "en",
        "sections": ["World"],
    }
    return {**said, **more}


async def publish(service: Live, *stories: dict[str, Any]) -> None:
    body = b"\n".join(json.dumps(one).encode() for one in stories)
    status, answer = await service.call("POST", "/v1/articles", body, headers=NDJSON)
    assert status == 200, answer
    assert {item["status"] for item in answer["items"]} == {"accepted"}


class Walker:
    """Reads a feed to its oldest page; remembers what each sealed page's tag was."""

    def __init__(self, service: Live) -> None:
        self.service = service
        self.tags: dict[str, str] = {}

    async def fetch(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        path = url.removeprefix(self.service.base)
        async with self.service.session.get(self.service.base + path, headers=_IDENTITY) as answer:
            body = await answer.read()
            if answer.status == 200 and "/archive/" in url and "Content-Location" not in answer.headers:
                assert self.tags.setdefault(url, answer.headers["ETag"]) == answer.headers["ETag"], url
            return answer.status, answer.headers, body

    async def walk(self, form: str = "json") -> list[tuple[str, Read]]:
        return await walk(self.fetch, f"{self.service.base}/feeds/all.{form}")


def ids(seen: list[tuple[str, Read]]) -> list[str]:
    return [one for _, read in seen for one in read.ids]


async def test_a_walk_finds_each_of_500_stories_once_while_they_come_in(tmp_path: Path) -> None:
    """Rule 35; checks 13, 16 and 17."""
    async with live(tmp_path / "data", {"WIREROOM_POLL_LIMIT": "false"}) as service:
        walker = Walker(service)
        await publish(service, *(story(f"s{number:04}") for number in range(20)))
        told: list[set[str]] = []
        done = asyncio.Event()

        async def walking() -> None:
            while not done.is_set():
                found = ids(await walker.walk())
                assert len(found) == len(set(found))
                if told:
                    assert told[-1] <= set(found)  # nothing that was there is missed
                told.append(set(found))

        walk_on = asyncio.create_task(walking())
        for start in range(20, COUNT, 20):
            await publish(service, *(story(f"s{number:04}") for number in range(start, start + 20)))
        await until(lambda: _all(walker, COUNT), "each story once")

        async def small() -> bool:
            return len((await service.get("/feeds/all.rss"))[1]) < 700_000

        await until(small, "the document near 512 KB")
        done.set()
        await walk_on
        assert len(told) > 3

        before = await walker.walk()
        assert len(walker.tags) > 10
        assert len(before[0][1].ids) >= 30
        await _take_back(service, walker, before)


async def _take_back(service: Live, walker: Walker, before: list[tuple[str, Read]]) -> None:
    """Take the oldest page's first story down: within seconds its archive stands elsewhere, whole, with the stub."""
    old = before[-1][0]
    page = json.loads((await walker.fetch(old))[2])
    name = page["items"][0]["url"].rpartition("/")[2]
    status, _ = await service.call("DELETE", f"/v1/articles/{name}", {"kind": "takedown", "reason": "Wrong."})
    assert status == 200

    async def gone() -> bool:
        return (await walker.fetch(old))[0] == 410

    await until(gone, "the old address", within_s=5)
    for url, _ in before[1:]:
        assert (await walker.fetch(url))[0] == 410
    for form in ("json", "rss", "atom"):
        after = await walker.walk(form)
        assert {one for _, read in after for one in (*read.ids, *read.gone)} == set(ids(before))
        for url, _ in after:
            _, _, body = await walker.fetch(url)
            assert f"text of {name} ".encode() not in body
            assert f"Headline of {name}<".encode() not in body
            assert f'Headline of {name}"'.encode() not in body
    with sqlite3.connect(f"file:{service.data_dir / 'wireroom.sqlite'}?mode=ro", uri=True) as database:
        for table in ("past_fragment", "fragment"):
            rows = database.execute(f"SELECT data FROM {table}")
            assert not any(f"text of {name} ".encode() in row[0] for row in rows)


async def _all(walker: Walker, count: int) -> bool:
    found = ids(await walker.walk())
    assert len(found) == len(set(found))
    return len(found) == count


async def test_lemon24_reader_sees_new_once_then_nothing_then_what_changed(tmp_path: Path) -> None:
    """Check 10: new, 304, one changed, and after a retraction no text of it anywhere."""
    async with live(tmp_path / "data", {"WIREROOM_POLL_LIMIT": "false"}) as service:
        await publish(service, *(story(f"s{number}") for number in range(40)))
        urls = [f"{service.base}/feeds/all.{form}" for form in ("rss", "atom", "json")]

        async def filled() -> bool:
            return (await service.get("/feeds/all.json"))[1].count(b'"date_published"') == 40

        await until(filled, "all stories")
        reader = await asyncio.to_thread(make_reader, str(tmp_path / "reader.sqlite"))
        try:
            for url in urls:
                reader.add_feed(url)
                first = reader.update_feed(url)
                assert first is not None
                assert (first.new, first.modified) == (40, 0)
                assert reader.update_feed(url) is None  # 304
            await publish(service, story("s7", title="Seven anew", correction_note="It was wrong."))
            for url in urls:
                await _seen(service, url, b"Seven anew")
                second = reader.update_feed(url)
                assert second is not None
                assert (url, second.new, second.modified) == (url, 0, 1)
                assert reader.update_feed(url) is None
            status, _ = await service.call("DELETE", "/v1/articles/s9", {"kind": "withdraw", "reason": "Wrong."})
            assert status == 200
            for url in urls:
                await _seen(service, url, b"Wrong.")
                third = reader.update_feed(url)
                assert third is not None
                assert third.new == 0
                text = (await service.get(url.removeprefix(service.base)))[1]
                assert b"text of s9 " not in text
                if not url.endswith("atom"):  # reader knows no tombstones: it keeps what it has
                    assert third.modified == 1
                    shown = [one for one in reader.get_entries(feed=url) if "text of s9 " in str(one)]
                    assert shown == []
        finally:
            reader.close()


async def _seen(service: Live, url: str, text: bytes) -> None:
    async def there() -> bool:
        return text in (await service.get(url.removeprefix(service.base)))[1]

    await until(there, f"{text!r} in {url}")
