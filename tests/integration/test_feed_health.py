"""Health of feeds over the real store, the real API and the real command; a crooked entry, quarantined."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.enrichment import Enrichment
from schemas.feed_health import Judged
from schemas.jobs import Enriched
from services.cli.app import run
from services.ingest.core import arrived, read_event
from services.ingest.lifecycle import decide
from services.observe.audience import Audience
from services.syndicate.checker import DocumentChecker
from services.syndicate.document import Document
from tests.feed_desk import Desk
from tests.http_api import ADMIN
from tests.serving_feeds import Feeds, feeds_on

NOW = timedelta(0)
STORY = {"id": "x", "title": "Un été", "sections": ["Actualités"], "content_html": "<p>Chaud.</p>", "language": "fr"}


@pytest.fixture
async def feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feeds]:
    async with feeds_on(tmp_path) as made:
        monkeypatch.setenv("WIREROOM_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("WIREROOM_URL", made.api.url)
        monkeypatch.setenv("WIREROOM_API_KEY", ADMIN)
        await made.desk.say(STORY, after=NOW)
        yield made


def written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("wireroom.sqlite*"))


async def command(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    """Run it in a thread, as the service runs in our event loop; its JSON."""
    capsys.readouterr()
    assert await asyncio.to_thread(run, [*argv, "--json"]) == code
    return json.loads(capsys.readouterr().out)


async def crooked(desk: Desk, event: dict[str, Any], html: str) -> None:
    """Take an event through the desk with a body that no step would let through."""
    read: Any = read_event(json.dumps(event).encode())
    [accepted] = await desk.store.articles.accept(
        [arrived(read, desk.now)], decide, desk.now, lambda: f"c{next(desk.ids)}"
    )
    ids = [json.loads(row.payload)["event_id"] for row in accepted.rows]
    made = Enrichment(title="Un été", body_html=html, lang="fr", dropped_chars=3)
    desk.pending += await desk.store.enrichments.record([Enriched(one, made) for one in ids], desk.now)


async def test_an_entry_that_breaks_a_rule_is_quarantined_and_the_rest_goes_on(feeds: Feeds) -> None:
    desk = feeds.desk
    await crooked(desk, {**STORY, "title": "Encore"}, '<p><img src="/a.jpg"></p>')
    await crooked(desk, {**STORY, "id": "y"}, "<p>open")
    await desk.accept({"id": "z", "title": "Bon"})
    await desk.syndicate()
    document = await desk.read("all", "atom")
    assert "Bon" in document
    assert "<title>Un été</title>" in document  # the last good entry of x
    assert document.count("<entry") == 2
    letters = {one.article_id: one for one in (await desk.store.dead_letters.list()).items}
    assert {one.cause for one in letters.values()} == {"unrenderable"}
    assert letters["x"].detail.startswith("rule 8: ")
    assert "rule 7: " in letters["y"].detail
    stats = await desk.store.stats(desk.now)
    assert stats.accepted == stats.done + stats.waiting + stats.held + stats.dead


async def test_a_crooked_correction_is_mended_by_the_next(feeds: Feeds) -> None:
    await crooked(feeds.desk, {**STORY, "title": "Encore"}, "<p>open")
    await feeds.desk.syndicate()
    await feeds.desk.say({**STORY, "title": "Réparé"})
    assert "Réparé" in await feeds.desk.read("all", "rss")


async def test_feeds_that_keep_every_rule_pass_the_check(feeds: Feeds, capsys: pytest.CaptureFixture[str]) -> None:
    found = await command(capsys, "feeds", "check", "all", "section/actualites")
    assert found == {"documents": 12, "faults": [], "notes": []}
    assert (await command(capsys, "feeds", "check", "--all"))["faults"] == []
    url = f"{feeds.api.url}/feeds/all.atom"
    elsewhere = await command(capsys, "feeds", "check", "--url", url, code=1)
    assert {fault["rule"] for fault in elsewhere["faults"]} == {19, 53}  # it says that it stands under another address


async def test_the_check_follows_a_feed_into_its_archive(feeds: Feeds, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(70):
        await feeds.desk.say({**STORY, "id": f"n{n}", "title": f"Numéro {n}"}, after=timedelta(hours=1))
    feeds.api.clock.now = feeds.desk.now
    await feeds.api.store.archives.seal(["all"], feeds.desk.now)
    found = await command(capsys, "feeds", "check", "all")
    assert found["faults"] == []
    assert found["documents"] == 12  # each format leads to its newest archive


async def test_a_fault_is_named_with_its_rule_and_a_cure(feeds: Feeds, capsys: pytest.CaptureFixture[str]) -> None:
    held = await feeds.documents.get("all", "rss")
    assert isinstance(held, Document)
    spoilt = held.identity.data.replace(b"<title>Un", b"<title>&lt;b&gt;Un")
    feeds.documents._held["all", "rss", ""].document = replace(
        held, identity=held.identity._replace(data=spoilt), memo={}
    )
    found = await command(capsys, "feeds", "check", "all", code=1)
    rules = {fault["rule"] for fault in found["faults"]}
    assert 3 in rules
    [fault] = [one for one in found["faults"] if one["rule"] == 3]
    assert fault["url"].endswith("/feeds/all.rss")
    assert fault["cure"]
    missing = await command(capsys, "feeds", "check", "section/none", code=1)
    [unknown] = missing["faults"]  # said once, not in every format
    assert unknown["rule"] == 50
    assert "feeds ls" in unknown["cure"]


async def test_operators_see_readers_formats_faults_and_silence(
    feeds: Feeds, capsys: pytest.CaptureFixture[str]
) -> None:
    store, clock = feeds.api.store.feed_health, feeds.api.clock
    audience = Audience(store, clock=clock, random=bytes)
    for agent in ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1234 subscribers)", "NetNewsWire/6"):
        _, headers, _ = await feeds.ask("/feeds/all.rss", User_Agent=agent)
        await feeds.ask("/feeds/all.rss", User_Agent=agent, If_None_Match=headers["ETag"])
    for told in feeds.served:
        audience.served(told)
    await audience.flush()
    checker = DocumentChecker(feeds.documents.peek, store, clock=clock)
    assert await checker.check(("all", "rss", "")) == []
    await crooked(feeds.desk, {"id": "w", "title": "Un été"}, "<p>Bien.</p>")
    await feeds.desk.syndicate()
    found = await command(capsys, "feeds", "show", "all")
    assert (found["requests"], found["not_modified"], found["not_modified_ratio"]) == (4, 2, 0.5)
    assert (found["subscribers"], found["readers"], found["dropped_characters"]) == (1_234, 1, 3)
    assert [one["client"] for one in found["clients"]] == ["Feedly", "NetNewsWire"]
    [rss] = found["formats"]
    assert (rss["format"], rss["faults"], rss["version"]) == ("rss", 0, 1)
    assert rss["size"] > 500
    assert found["silent_after_s"] is None
    await store.judged(Judged("all", "rss", 2, clock(), 900, ((8, "link", "is relative"),)))
    [listed] = [one for one in await command(capsys, "feeds", "ls") if one["feed"]["name"] == "all"]
    assert (listed["faults"], listed["subscribers"]) == (1, 1_234)
    [fault] = (await command(capsys, "feeds", "show", "all"))["faults"]
    assert (fault["rule"], fault["where"]) == (8, "link")
    answer = await feeds.api.call("GET", "/v1/feed-health/section/none")
    assert answer.status == 404


async def test_the_databases_hold_no_address_of_any_reader(feeds: Feeds, tmp_path: Path) -> None:
    store = feeds.api.store
    audience = Audience(store.feed_health, clock=feeds.api.clock, random=bytes)
    await feeds.ask("/feeds/all.rss", User_Agent="NetNewsWire/6")
    [told] = feeds.served
    for n in range(50):
        audience.served(told._replace(client=f"198.51.100.{n}"))
    await audience.flush()
    await store.close()
    kept = written(tmp_path)
    assert b"NetNewsWire" in kept
    assert b"198.51.100" not in kept


async def test_health_is_closed_without_a_key(feeds: Feeds) -> None:
    assert (await feeds.api.call("GET", "/v1/feed-health", key=None)).status == 401
    key = await feeds.api.key("articles:write")
    assert (await feeds.api.call("GET", "/v1/feed-health/all", key=key)).status == 403
