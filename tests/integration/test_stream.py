"""Live streams over real sockets, out of the real store."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from services.http.deps import Deps
from services.http.stream import Hub, StreamApp, stream_routes
from services.http.stream.hub import event_id
from services.http.stream.places import Limits
from services.store.changes import Place
from services.syndicate.joiner import Site
from tests.buses import eventually
from tests.feed_desk import BASE, Desk
from tests.http_api import START, Api, api_on

SITE = Site(BASE, "Le Fil", UUID(int=7), START - timedelta(days=1))


@dataclass
class Event:
    """One event as a client understands it."""

    id: str
    type: str
    data: Any

    @property
    def title(self) -> str:
        return self.data["title"]


@dataclass
class Stream:
    """An open stream; fields as the standard's parser has them."""

    answer: aiohttp.ClientResponse
    beats: int = 0
    retry: str = ""
    rest: list[Event] = field(default_factory=list)

    async def next(self) -> Event:
        """Wait for the next event."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            while line := (await self.answer.content.readuntil(b"\n")).decode():
                if line == "\n":
                    if "data" in fields:
                        return Event(fields.get("id", ""), fields.get("event", "message"), json.loads(fields["data"]))
                    continue
                name, _, value = line.rstrip("\n").partition(":")
                if not name:
                    self.beats += 1
                fields[name] = value.removeprefix(" ")
                self.retry = fields.get("retry", self.retry)
        raise AssertionError("the stream ended")

    async def ended(self) -> bool:
        async with asyncio.timeout(10):
            await self.answer.content.read()
        return True


@dataclass
class Live:
    """The app with its hub, and the desk that feeds it."""

    api: Api
    desk: Desk
    hub: Hub

    async def say(self, *articles: dict[str, Any]) -> None:
        """Publish, and tell the hub that something moved."""
        await self.desk.say(*articles, after=timedelta(seconds=1))
        self.hub.wake()

    @asynccontextmanager
    async def listen(self, query: str = "", last: str | None = None, status: int = 200) -> AsyncGenerator[Stream]:
        headers = {} if last is None else {"Last-Event-ID": last}
        async with self.api.session.get(f"{self.api.url}/stream{query}", headers=headers) as answer:
            assert answer.status == status, await answer.text()
            if status == 200:
                assert await answer.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
            yield Stream(answer)


def story(name: str, title: str = "", **more: Any) -> dict[str, Any]:
    return {
        "type": "article.published",
        "data": {"id": name, "title": title or f"Title {name}", "content_text": "It rained.", "language": "en", **more},
    }


def retraction(name: str, kind: str = "withdraw") -> dict[str, Any]:
    return {"type": "article.retracted", "data": {"id": name, "kind": kind, "reason": "It was wrong."}}


@asynccontextmanager
async def live_on(
    directory: Path,
    *,
    beat_s: float = 15.0,
    kept: int = 1_000,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> AsyncGenerator[Live]:
    hubs: list[Hub] = []

    def change(deps: Deps) -> Deps:
        hubs.append(Hub(deps.store.changes, poll_s=0.05, beat_s=beat_s, kept=kept))
        return replace(deps, feeds=(stream_routes(StreamApp(hubs[0], deps.store.feeds, limits)),))

    pool: Executor
    with ThreadPoolExecutor(1) as pool:
        async with api_on(directory, change) as api:
            running = asyncio.create_task(hubs[0].run())
            try:
                yield Live(api, Desk(api.store, pool, SITE, now=START), hubs[0])
            finally:
                hubs[0].close()
                running.cancel()


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with live_on(tmp_path) as made:
        yield made


async def test_whoever_listens_gets_what_is_published_corrected_and_taken_back(live: Live) -> None:
    async with live.listen() as one, live.listen() as other:
        assert one.answer.headers["Content-Type"] == "text/event-stream"
        assert one.answer.headers["Cache-Control"] == "no-store"
        await live.say(story("a"))
        await live.say(story("a", "Corrected", correction_note="It snowed."))
        await live.say(retraction("a", "takedown"))
        for stream in (one, other):
            got = [await stream.next() for _ in range(3)]
            assert [event.type for event in got] == ["article.published", "article.updated", "article.retracted"]
            assert [event.title for event in got] == ["Title a", "Corrected", "Retracted"]
            assert len({event.data["id"] for event in got}) == 1
            assert "rained" not in json.dumps(got[2].data)


async def test_a_stream_goes_on_behind_the_last_event_that_came(live: Live) -> None:
    async with live.listen() as stream:
        await live.say(*(story(f"a{number}") for number in range(5)))  # one commit: one version
        first = [await stream.next() for _ in range(3)]
    await live.say(story("b"))
    async with live.listen(last=first[-1].id) as stream:
        assert [(await stream.next()).title for _ in range(3)] == ["Title a3", "Title a4", "Title b"]
        await live.say(story("c"))
        assert (await stream.next()).title == "Title c"
    async with live.listen(f"?last-event-id={first[0].id}") as stream:
        assert (await stream.next()).title == "Title a1"


async def test_nothing_is_lost_or_repeated_while_a_stream_catches_up(live: Live) -> None:
    async with live.listen() as stream:
        await live.say(story("first"))
        start = (await stream.next()).id
    for number in range(30):
        await live.say(*(story(f"old{number}-{each}") for each in range(10)))
    publishing = asyncio.create_task(_publish(live, 20))
    async with live.listen(last=start) as stream:
        got = [(await stream.next()).title for _ in range(320)]
    await publishing
    assert len(set(got)) == 320
    assert got[-1] == "Title new19"


async def _publish(live: Live, count: int) -> None:
    for number in range(count):
        await live.say(story(f"new{number}"))


async def test_a_listener_too_slow_for_the_log_gets_the_rest_from_the_store(tmp_path: Path) -> None:
    async with live_on(tmp_path, kept=5) as live, live.listen() as stream:
        for number in range(8):
            await live.say(*(story(f"{number}-{each}") for each in range(10)))  # more at once than the log holds
        got = [(await stream.next()).title for _ in range(80)]
    assert got == [f"Title {number}-{each}" for number in range(8) for each in range(10)]


async def test_a_stream_shows_one_feed_or_what_a_filter_wants(live: Live) -> None:
    await live.say(story("before", sections=["Sport"]))
    async with (
        live.listen("?feed=section/sport") as sport,
        live.listen("?filter=tag:rain%20-section:sport") as rain,
    ):
        await live.say(story("a", sections=["World"]))
        await live.say(story("b", sections=["Sport"], tags=["Rain"]))
        await live.say(story("c", tags=["Rain"]))
        assert (await rain.next()).title == "Title c"
        assert (await sport.next()).title == "Title b"
        await live.say(retraction("c"))
        await live.say(story("d", sections=["Sport"]))
        assert (await rain.next()).type == "article.retracted"
        assert (await sport.next()).title == "Title d"


async def test_an_embargoed_article_is_not_streamed_before_its_instant(live: Live) -> None:
    until = (live.desk.now + timedelta(hours=1)).isoformat()
    async with live.listen() as stream:
        await live.say(story("secret", embargo_until=until))
        await live.say(story("open"))
        assert (await stream.next()).title == "Title open"
        await live.desk.wait(timedelta(hours=2))
        live.hub.wake()
        assert (await stream.next()).title == "Title secret"


async def test_what_cannot_be_streamed_is_answered_with_what_to_do(live: Live) -> None:
    await live.say(story("a"))
    for query, status in (("?feed=section/none", 404), ("?filter=colour:red", 400), ("?filter=(", 400)):
        async with live.listen(query, status=status) as stream:
            assert stream.answer.content_type == "application/problem+json"
    async with live.listen(last="nonsense", status=400) as stream:
        assert "leave it out" in await stream.answer.text()
    async with live.api.session.post(f"{live.api.url}/stream") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    async with live.api.session.head(f"{live.api.url}/stream") as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")


async def test_an_id_from_before_a_restored_backup_is_told_to_begin_anew(live: Live) -> None:
    await live.say(story("a"))
    async with live.listen() as stream:
        await live.say(story("b"))
        far = (await stream.next()).id
    assert far
    async with live.listen(last=event_id(Place(1_000, "a"))) as stream:
        assert (await stream.next()).type == "reset"


async def test_a_quiet_stream_shows_that_it_is_alive_and_ends_when_we_stop(tmp_path: Path) -> None:
    async with live_on(tmp_path, beat_s=0.1) as live, live.listen() as stream:
        async with asyncio.timeout(10):
            assert await stream.answer.content.readuntil(b":\n\n") == b":\n\n"
        live.hub.close()
        assert await stream.ended()
        assert len(live.hub) == 0


async def test_one_client_cannot_take_all_streams(tmp_path: Path) -> None:
    async with (
        live_on(tmp_path, limits=Limits(all=3, client=2)) as live,
        live.listen(),
        live.listen(),
        live.listen(status=429) as third,
    ):
        assert third.answer.headers["Retry-After"] == "30"


async def test_many_who_come_at_once_get_no_more_places_than_one_after_another(tmp_path: Path) -> None:
    async with live_on(tmp_path, limits=Limits(all=3, client=50)) as live:

        async def opened() -> aiohttp.ClientResponse:
            return await live.api.session.get(f"{live.api.url}/stream?filter=tag:a")

        answers = await asyncio.gather(*(opened() for _ in range(20)))
        assert sorted(answer.status for answer in answers) == [200] * 3 + [503] * 17
        for answer in answers:
            answer.close()


async def test_a_filter_too_many_is_told_what_to_do(tmp_path: Path) -> None:
    async with (
        live_on(tmp_path, limits=Limits(filters=1)) as live,
        live.listen("?filter=tag:a"),
        live.listen("?filter=tag:a"),
        live.listen(),
    ):
        await eventually(lambda: len(live.hub) == 3)  # all listen, not only answered
        async with live.listen("?filter=tag:b", status=503) as other:
            assert "save the filter as a feed" in await other.answer.text()
