"""The commands against the API itself, over a real socket and a real store."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.dead_letter import DeadLetter
from services.cli.app import run
from services.http.deps import Deps
from services.observe.core import Reading
from services.observe.report import stats_body
from tests.http_api import ADMIN, START, Api, api_on


def _with_sums(deps: Deps) -> Deps:
    async def stats() -> dict[str, Any]:
        now = deps.clock()
        return stats_body(Reading(now, await deps.store.stats(now)), "unix:///run/redis.sock")

    return replace(deps, stats=stats)


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Api]:
    async with api_on(tmp_path, _with_sums) as served:
        monkeypatch.setenv("WIREROOM_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("WIREROOM_URL", served.url)
        monkeypatch.setenv("WIREROOM_API_KEY", ADMIN)
        yield served


class Said:
    """Runs commands in a thread, as the service runs in our event loop."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    async def __call__(self, *argv: str, code: int = 0) -> str:
        self._capsys.readouterr()
        found = await asyncio.to_thread(run, argv)
        said = self._capsys.readouterr()
        assert found == code, said.err
        return said.out if code == 0 else said.err

    async def json(self, *argv: str, code: int = 0) -> Any:
        self._capsys.readouterr()
        assert await asyncio.to_thread(run, [*argv, "--json"]) == code
        return json.loads(self._capsys.readouterr().out)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def story(directory: Path, name: str = "story.json", **more: object) -> str:
    path = directory / name
    path.write_text(json.dumps({"id": "a/1", "revision": 1, "title": "Élan", **more}), "utf-8")
    return str(path)


@pytest.mark.usefixtures("api")
async def test_an_article_is_published_traced_counted_and_retracted(said: Said, tmp_path: Path) -> None:
    [receipt] = await said.json("publish", story(tmp_path))
    assert (receipt["status"], receipt["id"], receipt["revision"]) == ("accepted", "a/1", 1)
    assert "repeat" in await said("publish", story(tmp_path))
    assert "409" in await said("publish", story(tmp_path, title="Other"), code=1)
    trace = await said("trace", "a/1")
    assert "a/1  revision 1  received" in trace
    assert f"event {receipt['event_id']}: waiting" in trace
    assert "events: 1 accepted = 0 done + 1 waiting + 0 held + 0 dead" in await said("status")
    assert (await said.json("retract", "a/1", "--reason", "wrong"))["status"] == "accepted"
    assert (await said.json("trace", "a/1"))["status"] == "withdrawn"
    assert "404" in await said("trace", "unknown", code=1)


@pytest.mark.usefixtures("api")
async def test_every_fault_of_a_file_is_named_and_its_neighbours_go_through(said: Said, tmp_path: Path) -> None:
    bad = story(tmp_path, "bad.json", title="", embargo_untill="2026-01-01T00:00:00Z")
    items = await said.json("publish", story(tmp_path), bad, code=1)
    assert [item["status"] for item in items] == ["accepted", "refused"]
    assert "/title" in items[1]["why"]
    assert "/embargo_untill" in items[1]["why"]


@pytest.mark.usefixtures("api")
async def test_a_batch_stands_line_by_line(said: Said, tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    batch.write_text('{"id":"1","title":"One"}\n\n{"id":"2"}\n{"id":"3","title":"Three"}\n', "utf-8")
    items = await said.json("publish", str(batch), code=1)
    assert [item["status"] for item in items] == ["accepted", "refused", "accepted"]


@pytest.mark.usefixtures("api")
async def test_an_event_in_a_file_may_be_a_retraction(said: Said, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"type": "article.retracted", "data": {"id": "a/1", "kind": "takedown", "reason": "r"}}', "utf-8")
    assert "accepted" in await said("publish", str(event))
    assert (await said.json("trace", "a/1"))["status"] == "takedown"


async def test_a_webhook_lives_through_its_commands(api: Api, said: Said) -> None:
    await said("subscribers", "add", "Radio Nord", "--id", "nord")
    assert "Radio Nord" in await said("subscribers", "ls")
    argv = ("https://partner.example/n", "--subscriber", "nord", "--section", "Local", "--thin", "--header", "X-A: b")
    made = await said.json("webhooks", "add", *argv)
    assert made["secret"].startswith("whsec_")
    webhook = made["id"]
    assert "section=Local" in await said("webhooks", "ls", "--subscriber", "nord")
    assert await said("webhooks", "ls", "--subscriber", "other") == "no webhooks\n"
    assert "whsec_" not in await said("webhooks", "show", webhook)
    assert "paused" in await said("webhooks", "pause", webhook)
    assert "active" in await said("webhooks", "resume", webhook)
    await said("webhooks", "test", webhook, code=1)
    assert [endpoint.id for endpoint in api.recorder.tested] == [webhook]
    assert await said("webhooks", "deliveries", webhook, "--state", "dead") == "no deliveries\n"
    assert "404" in await said("webhooks", "replay", "unknown", code=1)
    assert await said("webhooks", "rm", webhook) == "removed\n"
    assert "404" in await said("webhooks", "show", webhook, code=1)
    assert "422" in await said("webhooks", "add", "http://insecure.example/", code=1)


@pytest.mark.usefixtures("api")
async def test_a_key_opens_what_its_scope_says_until_it_is_revoked(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await said.json("keys", "create", "reader", "--scope", "ops:read")
    assert made["id"] in await said("keys", "ls")
    assert made["key"] not in await said("keys", "ls", "--json")
    with monkeypatch.context() as narrow:
        narrow.setenv("WIREROOM_API_KEY", made["key"])
        await said("status")
        assert "403" in await said("keys", "ls", code=1)
    assert await said("keys", "revoke", made["id"]) == "revoked\n"
    monkeypatch.setenv("WIREROOM_API_KEY", made["key"])
    assert "refused the key" in await said("status", code=1)


async def test_dead_letters_are_listed_shown_retried_and_trashed(api: Api, said: Said) -> None:
    assert await said("dead", "ls") == "no dead letters\n"
    raws = (b"\x1b[2Jgarbage", b'{"id": "7", "title": "Mended since"}')
    letters = [DeadLetter(stage="ingest", cause="unreadable", detail="no JSON", at=START, raw=raw) for raw in raws]
    await api.store.dead_letters.add(letters)
    assert (await said("dead", "ls", "--cause", "unreadable")).count("no JSON") == 2
    assert await said("dead", "ls", "--stage", "deliver") == "no dead letters\n"
    assert "�[2Jgarbage" in await said("dead", "show", "1")
    assert "1: " in await said("dead", "retry", "1", code=1)
    assert await said("dead", "retry", "2") == "1 retried\n"
    assert (await said.json("trace", "7"))["status"] == "received"
    assert await said.json("dead", "trash", "--all") == {"trashed": 1, "refused": []}
    assert await said("dead", "ls") == "no dead letters\n"


@pytest.mark.usefixtures("api")
async def test_feeds_that_do_not_exist_are_not_shown(said: Said) -> None:
    assert await said("feeds", "ls") == "no feeds\n"
    assert "404" in await said("feeds", "show", "section/x", code=1)
