"""From an enriched event to the bytes that readers fetch, on the real store."""

import json
import multiprocessing
import re
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import feedparser
import pytest

from services.bus.entry import Batch, read_entry
from services.store import Store
from services.syndicate.joiner import Site
from services.syndicate.prepare import Prepared
from services.syndicate.render import Rendered
from services.syndicate.worker import syndicate_articles
from tests.feed_desk import BASE, T0, Desk

FORMS = ("rss", "atom", "json")
SITE = Site(BASE, "Le Fil", UUID(int=7), T0)


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as made:
        yield made


@pytest.fixture
async def desk(tmp_path: Path, pool: Executor) -> AsyncIterator[Desk]:
    async with Store.open(str(tmp_path / "wireroom.db")) as store:
        await store.migrate()
        yield Desk(store, pool, SITE)


def article(**more: Any) -> dict[str, Any]:
    said = {
        "id": "x",
        "title": "Un été",
        "url": f"{BASE}/a/un-ete",
        "content_text": "Il a fait chaud cet été dans la ville et les gens sont restés chez eux.",
        "language": "fr",
        "sections": ["Actualités"],
        "published_at": "2026-11-03T08:00:00Z",
    }
    return {**said, **more}


def retraction(**more: Any) -> dict[str, Any]:
    return {"type": "article.retracted", "data": {"id": "x", "kind": "withdraw", "reason": "Wrong.", **more}}


async def everything(desk: Desk, *names: str) -> dict[tuple[str, str], str]:
    return {(name, form): await desk.read(name, form) for name in names for form in FORMS}


async def test_an_article_is_in_each_of_its_feeds_once_in_every_format(desk: Desk) -> None:
    await desk.say(article())
    for (name, form), document in (await everything(desk, "all", "lang/fr", "section/actualites")).items():
        assert document.count("Un été</title>" if form != "json" else '"title":"Un été"') == 1, (name, form)
        if form != "json":
            found = feedparser.parse(document.encode())
            assert not found.bozo
            assert [entry.title for entry in found.entries] == ["Un été"]
            assert found.entries[0].link == f"{BASE}/a/un-ete"
    assert sorted(update.feed for update in desk.updates) == ["all", "lang/fr", "section/actualites"]


async def test_a_bare_headline_from_right_to_left_is_shown(desk: Desk) -> None:
    await desk.say({"id": "x", "title": "أعلنت الحكومة خطة جديدة للمياه", "language": "ar"})
    for document in (await everything(desk, "all", "lang/ar")).values():
        assert "الحكومة" in document


async def test_one_id_stands_in_every_format(desk: Desk) -> None:
    await desk.say(article())
    (item,) = json.loads(await desk.read("all", "json"))["items"]
    assert item["id"].startswith("urn:uuid:")
    assert f'<guid isPermaLink="false">{item["id"]}</guid>' in await desk.read("all", "rss")
    assert f"<id>{item['id']}</id>" in await desk.read("all", "atom")


async def test_a_repeat_changes_nothing(desk: Desk) -> None:
    desk.now += timedelta(minutes=1)
    await desk.accept(article())
    rows = await desk.syndicate()
    before, updates = await everything(desk, "all"), list(desk.updates)
    desk.now += timedelta(minutes=5)
    await desk.syndicate(rows)
    assert await everything(desk, "all") == before
    assert desk.updates == updates


async def test_a_correction_keeps_id_and_date_and_says_so(desk: Desk) -> None:
    await desk.say(article(revision=1))
    (before,) = json.loads(await desk.read("all", "json"))["items"]
    await desk.say(article(revision=2, sections=["Monde"], correction_note="C’était hier."), after=timedelta(hours=1))
    for name in ("all", "section/actualites", "section/monde"):
        (after,) = json.loads(await desk.read(name, "json"))["items"]
        assert (after["id"], after["date_published"]) == (before["id"], before["date_published"])
        assert (before["date_modified"], after["date_modified"]) == ("2026-11-03T08:00:00Z", "2026-11-03T09:16:00Z")
        assert after["content_html"].startswith(
            '<div dir="ltr" lang="fr"><p><strong>Correction:</strong> C’était hier.</p>'
        )


async def test_a_change_of_tags_moves_no_date(desk: Desk) -> None:
    await desk.say(article(revision=1))
    await desk.say(article(revision=2, tags=["météo"]))
    (item,) = json.loads(await desk.read("tag/meteo", "json"))["items"]
    assert item["date_modified"] == "2026-11-03T08:00:00Z"


async def test_a_retraction_leaves_a_tombstone_or_a_stub_wherever_the_article_was(desk: Desk) -> None:
    await desk.say(article(revision=1))
    await desk.say(article(revision=2, sections=["Monde"]))
    await desk.say(retraction())
    feeds = ("all", "lang/fr", "section/actualites", "section/monde")
    for (name, form), document in (await everything(desk, *feeds)).items():
        assert "chaud" not in document, (name, form)
        assert "Wrong." in document, (name, form)
        if form == "atom":
            assert re.search(r'<at:deleted-entry ref="urn:uuid:[^"]+" when="2026-11-03T08:18:00Z">', document)
            assert "<entry" not in document
            assert "<updated>2026-11-03T08:18:00Z</updated>" in document
        else:
            assert "Retracted: Un été" in document


async def test_a_takedown_leaves_no_headline_anywhere(desk: Desk) -> None:
    await desk.say(article())
    await desk.say(retraction(kind="takedown"))
    for key, document in (await everything(desk, "all", "section/actualites")).items():
        assert "Un été" not in document, key
        assert "un-ete" not in document, key
        assert "Wrong." in document, key


async def test_a_retraction_before_its_article_makes_nothing_known(desk: Desk) -> None:
    await desk.say(retraction(revision=3))
    await desk.say(article(revision=1))
    for document in (await everything(desk, "all")).values():
        assert "Un été" not in document
    assert await desk.read("section/actualites", "rss") == ""


async def test_a_reinstated_article_replaces_its_stub(desk: Desk) -> None:
    await desk.say(article(revision=1))
    await desk.say(retraction())
    await desk.say({**article(revision=5, title="Un été, revu"), "reinstate": True})
    for document in (await everything(desk, "all")).values():
        assert "Un été, revu" in document
        assert "Retracted" not in document
        assert "deleted-entry" not in document


async def test_events_handled_late_and_out_of_order_end_in_the_newest_state(desk: Desk) -> None:
    await desk.accept(article(revision=2, title="Deux"))
    late = desk.pending[:]
    await desk.accept(article(revision=1, title="Un"))
    await desk.accept(article(revision=3, title="Trois"))
    await desk.syndicate([desk.pending[2]])
    before = await everything(desk, "all")
    await desk.syndicate([desk.pending[1]])
    await desk.syndicate(late)
    assert await everything(desk, "all") == before
    assert "Trois" in before["all", "rss"]


async def test_an_embargo_changes_no_byte_before_its_instant(desk: Desk) -> None:
    await desk.say(article(id="open"))
    before, updates = await everything(desk, "all", "tag/secret"), list(desk.updates)
    free = desk.now + timedelta(hours=1)
    await desk.say(article(title="Secret", tags=["secret"], embargo_until=free.isoformat(), published_at=None))
    await desk.wait(timedelta(minutes=5))
    assert await everything(desk, "all", "tag/secret") == before
    assert desk.updates == updates
    await desk.wait(timedelta(hours=1))
    (item,) = json.loads(await desk.read("tag/secret", "json"))["items"]
    assert (item["title"], item["date_published"]) == ("Secret", "2026-11-03T09:16:00Z")


async def test_an_expired_article_leaves_its_feeds(desk: Desk) -> None:
    await desk.say(article(expires_at=(desk.now + timedelta(hours=1)).isoformat()))
    assert "Un été" in await desk.read("all", "rss")
    await desk.wait(timedelta(hours=2))
    found = await everything(desk, "all", "section/actualites")
    for (name, form), document in found.items():
        assert "Un été" not in document, (name, form)
        assert ("at:deleted-entry" in document) == (form == "atom")
    assert "has expired" in found["all", "atom"]


async def test_all_formats_show_the_same_items_in_the_same_order(desk: Desk) -> None:
    events = [article(id=f"a{number}", published_at=f"2026-11-03T07:{number % 7:02}:00Z") for number in range(40)]
    await desk.say(*events)
    ids = [item["id"] for item in json.loads(await desk.read("all", "json"))["items"]]
    assert len(ids) == len(set(ids)) == 40
    for form in ("rss", "atom"):
        assert [entry.id for entry in feedparser.parse((await desk.read("all", form)).encode()).entries] == ids


async def test_a_restart_and_another_process_give_the_same_bytes(desk: Desk, tmp_path: Path) -> None:
    await desk.say(article())
    before = await everything(desk, "all", "lang/fr")
    async with Store.open(str(tmp_path / "wireroom.db")) as again:
        with ThreadPoolExecutor(1) as threads:
            assert await everything(Desk(again, threads, SITE), "all", "lang/fr") == before


async def test_an_entry_that_cannot_be_rendered_is_a_dead_letter_and_harms_no_neighbour(desk: Desk) -> None:
    class Picky(Executor):
        """Renders in this process, but finds fault with one title."""

        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            future: Future[Any] = Future()
            made = fn(*args)
            for at, entry in enumerate(args[0]):
                if entry.title == "Mauvais":
                    made[at] = Prepared(Rendered({}, "rss: cannot be"))
            future.set_result(made)
            return future

    desk.pool = Picky()
    await desk.say(article(id="a"), article(id="b", title="Mauvais"), article(id="c"))
    items = json.loads(await desk.read("all", "json"))["items"]
    assert len(items) == 2
    (letter,) = (await desk.store.dead_letters.list()).items
    assert (letter.stage, letter.cause, letter.detail, letter.article_id) == (
        "syndicate",
        "unrenderable",
        "rss: cannot be",
        "b",
    )


async def test_an_entry_that_ends_its_process_is_poison_and_harms_no_neighbour(desk: Desk) -> None:
    class Mined(Executor):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            future: Future[Any] = Future()
            if any(entry.title == "Mauvais" for entry in args[0]):
                future.set_exception(BrokenExecutor("killed"))
            else:
                future.set_result(fn(*args))
            return future

    desk.pool = Mined()
    await desk.say(article(id="a"), article(id="b", title="Mauvais"), article(id="c"))
    assert len(json.loads(await desk.read("all", "json"))["items"]) == 2
    (letter,) = (await desk.store.dead_letters.list()).items
    assert (letter.cause, letter.article_id) == ("poison", "b")


async def test_a_message_that_cannot_be_read_is_a_dead_letter_with_its_bytes(desk: Desk) -> None:
    await desk.accept(article())
    good = desk.pending[0].payload
    entries = [read_entry("1-0", {b"__data__": b'{"no":"event"}'}), read_entry("2-0", {b"__data__": good})]
    await syndicate_articles(
        Batch("article.enriched", "syndicate", entries, desk.now),
        store=desk.store,
        relay=desk,
        pool=desk.pool,
        clock=lambda: desk.now,
        base_url=BASE,
        publisher="Le Fil",
    )
    assert "Un été" in await desk.read("all", "rss")
    (letter,) = (await desk.store.dead_letters.list()).items
    assert (letter.stage, letter.cause, letter.raw) == ("syndicate", "unreadable", b'{"no":"event"}')
