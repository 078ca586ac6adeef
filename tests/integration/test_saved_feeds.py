"""Saved feeds over HTTP: by the API, and as readers fetch them."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from services.syndicate.fill import Filler
from services.syndicate.saved import SavedFilters
from tests.feed_desk import Desk
from tests.http_api import START, api_on
from tests.live import until
from tests.serving_feeds import SITE, Feeds, feeds_on

ATOM = "{http://www.w3.org/2005/Atom}"
FERRY: dict[str, Any] = {"title": "Ferries", "filter": "ferry -tag:freight"}


@pytest.fixture
async def feeds(tmp_path: Path) -> AsyncIterator[Feeds]:
    async with feeds_on(tmp_path) as made:
        made.desk.saved = SavedFilters(made.api.store.saved_feeds)
        await made.desk.say(
            {"id": "a", "title": "Ferry stops", "language": "en", "content_text": "No boat today."},
            {"id": "b", "title": "Ferry sold", "language": "en", "tags": ["Freight"]},
            after=timedelta(0),
        )
        yield made


async def fill(feeds: Feeds) -> None:
    """Do what the syndicate stage does beside: fill, and tell every process."""
    store, desk = feeds.api.store, feeds.desk
    filler = Filler(store.feed_fills, store.search, desk, asyncio.to_thread, clock=lambda: desk.now)
    while await filler.fill_next():
        pass
    await heard(feeds)


async def heard(feeds: Feeds) -> None:
    """Let the documents hear of every change, the API's own too."""
    await feeds.desk.publish(feeds.api.recorder.rows)
    for update in feeds.desk.updates:
        feeds.documents.invalidate(update.feed, update.version)


async def put(
    feeds: Feeds, name: str, body: dict[str, Any], status: int = 201, key: str | None = None
) -> dict[str, Any]:
    answer = await (
        feeds.api.call("PUT", f"/v1/feeds/{name}", body)
        if key is None
        else feeds.api.call("PUT", f"/v1/feeds/{name}", body, key=key)
    )
    assert answer.status == status, answer.raw
    return answer.body


async def titles(feeds: Feeds, address: str) -> list[str]:
    status, _, body = await feeds.ask(f"/feeds/{address}.json")
    return [item["title"] for item in json.loads(body)["items"]] if status == 200 else [str(status)]


async def test_a_feed_that_is_put_carries_what_matches_in_every_format(feeds: Feeds) -> None:
    made = await put(feeds, "traffic/ferries", {**FERRY, "description": "Boats.", "max_age_s": 300})
    assert made["documents"]["atom"] == "/feeds/traffic/ferries.atom"
    assert (made["filter"], made["filling"], made["subscriber"]) == ("ferry -tag:freight", True, None)
    await fill(feeds)
    read = (await feeds.api.call("GET", "/v1/feeds/traffic/ferries")).body
    assert (read["filling"], read["items"]) == (False, 1)
    for form in ("rss", "atom", "json"):
        status, headers, body = await feeds.ask(f"/feeds/traffic/ferries.{form}")
        assert status == 200
        assert body.count(b"Ferry stops") >= 1
        assert b"Ferry sold" not in body
        assert "max-age=300" in headers["Cache-Control"]
        assert b"Boats." in body
    await feeds.desk.say({"id": "c", "title": "Ferry goes", "language": "en"})
    await heard(feeds)

    async def joined() -> bool:
        return sorted(await titles(feeds, "traffic/ferries")) == ["Ferry goes", "Ferry stops"]

    await until(joined, "the new article")


async def test_putting_the_same_again_changes_nothing(feeds: Feeds) -> None:
    first = await put(feeds, "ferries", FERRY)
    again = await put(
        feeds, "ferries", {"title": "Ferries", "filter": {"text": "ferry", "not": {"tag": ["freight"]}}}, 200
    )
    assert again == first
    changed = await put(feeds, "ferries", {**FERRY, "body": "summary"}, 200)
    assert (changed["version"], changed["body"]) == (first["version"] + 1, "summary")


async def test_a_change_of_some_fields_leaves_the_others(feeds: Feeds) -> None:
    await put(feeds, "ferries", {**FERRY, "description": "Boats.", "body": "summary"})
    await fill(feeds)
    answer = await feeds.api.call("PATCH", "/v1/feeds/ferries", {"title": "All ferries"})
    assert answer.status == 200
    shown = {name: answer.body[name] for name in ("title", "filter", "description", "body", "filling")}
    assert shown == {
        "title": "All ferries",
        "filter": "ferry -tag:freight",
        "description": "Boats.",
        "body": "summary",
        "filling": False,
    }
    assert (await feeds.api.call("PATCH", "/v1/feeds/ferries", {"description": None})).body["description"] is None
    assert (await feeds.api.call("PATCH", "/v1/feeds/nothing", {"title": "x"})).status == 404


async def test_a_filter_that_cannot_be_read_is_answered_with_the_place(feeds: Feeds) -> None:
    answer = await feeds.api.call("PUT", "/v1/feeds/x", {"title": "x", "filter": "section:world (lang:fr"})
    assert (answer.status, answer.places, answer.body["column"]) == (422, ["/filter"], 15)
    answer = await feeds.api.call("PUT", "/v1/feeds/x", {"title": "x", "filter": {"sektion": "world"}})
    assert answer.status == 422
    assert answer.places[0].startswith("/filter")


@pytest.mark.parametrize(
    ("name", "body", "place"),
    [
        ("Ferries", FERRY, "path name"),
        ("fer.ries", FERRY, "path name"),
        ("a/archive", FERRY, "path name"),
        ("page/x", FERRY, "path name"),
        ("a//b", FERRY, "path name"),
        ("x" * 201, FERRY, "path name"),
        ("x/rename", FERRY, "path name"),
        ("section/world", FERRY, "/filter"),
        ("section", FERRY, "path name"),
        ("all", FERRY, "/filter"),
        ("all", {"subscriber": "nord"}, "/subscriber"),
        ("x", {"title": "x"}, "/filter"),
        ("x", {**FERRY, "max_age_s": 5}, "/max_age_s"),
        ("x", {**FERRY, "body": "half"}, "/body"),
        ("x", {**FERRY, "titel": "x"}, "/titel"),
        ("x", {**FERRY, "subscriber": "nobody"}, "/subscriber"),
    ],
)
async def test_what_cannot_be_a_feed_is_refused_with_its_place(
    feeds: Feeds, name: str, body: dict[str, Any], place: str
) -> None:
    answer = await feeds.api.call("PUT", f"/v1/feeds/{name}", body)
    assert (answer.status, answer.places) == (422, [place])
    assert (await feeds.api.call("GET", "/v1/feeds/x")).status == 404


async def test_rule_11_ids_of_feed_and_entries_survive_a_rename(feeds: Feeds) -> None:
    await put(feeds, "ferries", FERRY)
    await fill(feeds)
    before = await ids(feeds, "ferries")
    answer = await feeds.api.call("POST", "/v1/feeds/ferries/rename", {"to": "boats/all"})
    assert (answer.status, answer.body["address"]) == (200, "boats/all")
    await heard(feeds)
    assert await ids(feeds, "boats/all") == before
    assert len(before) == 2


async def ids(feeds: Feeds, address: str) -> list[str]:
    _, _, body = await feeds.ask(f"/feeds/{address}.atom")
    return [str(one.text) for one in ET.fromstring(body).iter(f"{ATOM}id")]


async def test_rule_50_a_renamed_feed_answers_308_for_good_and_an_ended_one_410(feeds: Feeds) -> None:
    await put(feeds, "ferries", FERRY)
    await fill(feeds)
    assert await titles(feeds, "ferries") == ["Ferry stops"]
    for name, to in (("ferries", "boats"), ("boats", "ships")):
        assert (await feeds.api.call("POST", f"/v1/feeds/{name}/rename", {"to": to})).status == 200
        await heard(feeds)
    for old in ("ferries", "boats"):
        for form in ("rss", "atom", "json"):
            headers = await answered(feeds, f"/feeds/{old}.{form}", 308)
            assert headers["Location"].endswith(f"/feeds/ships.{form}")
        assert (await feeds.api.call("GET", f"/v1/feeds/{old}")).body["address"] == "ships"  # led there
        assert (await feeds.api.call("PUT", f"/v1/feeds/{old}", FERRY)).body["code"] == "moved"
        assert (await feeds.api.call("POST", "/v1/feeds/ships/rename", {"to": old})).body["code"] == "taken"
    assert (await feeds.api.call("DELETE", "/v1/feeds/ships")).status == 200
    assert (await feeds.api.call("DELETE", "/v1/feeds/ships")).status == 200
    await heard(feeds)
    for form in ("rss", "atom", "json"):
        await answered(feeds, f"/feeds/ships.{form}", 410)
        await answered(feeds, f"/feeds/ferries.{form}", 308)
    assert (await feeds.api.call("PUT", "/v1/feeds/ships", FERRY)).body["code"] == "ended"
    assert (await feeds.api.call("POST", "/v1/feeds/ships/rename", {"to": "new"})).status == 409


async def answered(feeds: Feeds, path: str, status: int) -> Any:
    """Read until the answer is this one: a change shows within a second. Its headers."""

    async def there() -> Any:
        found, headers, _ = await feeds.ask(path)
        return headers if found == status else None

    return await until(there, f"{status} of {path}")


async def test_automatic_feeds_are_not_renamed_or_ended(feeds: Feeds) -> None:
    for method, path, body in (
        ("POST", "/all/rename", {"to": "x"}),
        ("DELETE", "/all", None),
        ("DELETE", "/tag/freight", None),
    ):
        answer = await feeds.api.call(method, f"/v1/feeds{path}", body)
        assert (answer.status, answer.body["code"]) == (409, "automatic")
    assert (await feeds.api.call("DELETE", "/v1/feeds/nothing")).status == 404


async def test_an_automatic_feed_takes_a_title_of_its_own(feeds: Feeds) -> None:
    made = await put(feeds, "tag/freight", {"title": "Freight and more", "body": "summary"}, 200)
    assert (made["title"], made["filter"], made["filling"]) == ("Freight and more", None, False)
    _, _, body = await feeds.ask("/feeds/tag/freight.json")
    assert json.loads(body)["title"].endswith("Freight and more")


async def test_rule_37_a_search_feed_is_paged_and_kept_out_of_search_engines(feeds: Feeds) -> None:
    await put(feeds, "ferries", FERRY)
    await put(feeds, "everything", {"title": "Everything", "filter": "-tag:freight"})
    for day in range(4):
        many = [
            {"id": f"f{day}-{number:02}", "title": f"Ferry {day}-{number}", "language": "en"} for number in range(25)
        ]
        await feeds.desk.say(*many, after=timedelta(days=2))
    await fill(feeds)
    for name in ("ferries", "everything"):
        await feeds.api.store.archives.seal([name], feeds.desk.now)
    status, headers, body = await feeds.ask("/feeds/ferries.atom")
    assert (status, headers["X-Robots-Tag"]) == (200, "noindex")
    seen, walked, address = list[str](), 0, "/feeds/ferries.atom"
    newer: str | None = None
    while True:
        status, headers, body = await feeds.ask(address)
        assert (status, headers["X-Robots-Tag"]) == (200, "noindex"), address
        tree = ET.fromstring(body)
        links = {str(link.get("rel")): str(link.get("href")) for link in tree.findall(f"{ATOM}link")}
        assert links["first"].endswith("/feeds/ferries.atom")
        assert ("previous" in links) == (walked > 0)
        if newer is not None and walked > 1:
            assert links["previous"] == newer
        seen += [str(one.text) for one in tree.iterfind(f"{ATOM}entry/{ATOM}id")]
        if "next" not in links:
            break
        newer, address, walked = links["self"], "/feeds/" + links["next"].partition("/feeds/")[2], walked + 1
    assert walked >= 2
    assert len(seen) == len(set(seen)) == 101
    _, headers, body = await feeds.ask("/feeds/everything.atom")
    assert "X-Robots-Tag" not in headers
    assert b'rel="next"' not in body
    assert b'rel="prev-archive"' in body


async def test_scopes_open_and_close(feeds: Feeds) -> None:
    writer, reader = await feeds.api.key("feeds:write"), await feeds.api.key("ops:read")
    await put(feeds, "ferries", FERRY, key=writer)
    assert (await feeds.api.call("GET", "/v1/feeds/ferries", key=reader)).status == 200
    for method, path in (("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rename")):
        answer = await feeds.api.call(method, f"/v1/feeds/ferries{path}", {}, key=reader)
        assert answer.status == 403
        assert (await feeds.api.call(method, f"/v1/feeds/ferries{path}", {}, key=None)).status == 401


async def test_a_partner_makes_private_feeds_of_their_own_and_touches_no_others(feeds: Feeds) -> None:
    for name in ("nord", "sud"):
        await feeds.api.store.subscribers.create(name, name.title(), feeds.api.clock())
    nord = await feeds.api.key("feeds:write", "ops:read", subscriber="nord")
    sud = await feeds.api.key("feeds:write", "ops:read", subscriber="sud")
    made = await put(feeds, "nord/ferries", FERRY, key=nord)
    assert made["subscriber"] == "nord"
    await put(feeds, "open", FERRY)
    for key, name in ((sud, "nord/ferries"), (nord, "open")):
        assert (await feeds.api.call("DELETE", f"/v1/feeds/{name}", key=key)).status == 404
        assert (await feeds.api.call("PATCH", f"/v1/feeds/{name}", {"title": "x"}, key=key)).status == 404
        assert (await feeds.api.call("POST", f"/v1/feeds/{name}/rename", {"to": "y"}, key=key)).status == 404
        assert (await feeds.api.call("PUT", f"/v1/feeds/{name}", FERRY, key=key)).status == 409
    assert (await feeds.api.call("GET", "/v1/feeds/nord/ferries", key=sud)).status == 404
    assert (await feeds.api.call("PUT", "/v1/feeds/tag/freight", {"title": "Mine"}, key=nord)).status == 403
    listed = (await feeds.api.call("GET", "/v1/feeds?limit=200", key=sud)).body["items"]
    assert "nord/ferries" not in {item["name"] for item in listed}
    await fill(feeds)
    assert await titles(feeds, "nord/ferries") in (["401"], ["404"])


async def test_a_subscribers_bound_is_set_by_the_newsroom_and_holds_at_once(feeds: Feeds) -> None:
    await feeds.api.call("POST", "/v1/subscribers", {"name": "Nord", "id": "nord", "filter": "tag:freight"})
    assert (await feeds.api.call("GET", "/v1/subscribers/nord")).body["filter"] == "tag:freight"
    await put(feeds, "nord/ferries", {"title": "x", "filter": "ferry", "subscriber": "nord"})
    await fill(feeds)
    items = [one.article_id for one in await feeds.api.store.feeds.window("nord/ferries")]
    assert items == ["b"]
    partner = await feeds.api.key("webhooks:write", subscriber="nord")
    assert (await feeds.api.call("PATCH", "/v1/subscribers/nord", {"filter": None}, key=partner)).status == 404
    answer = await feeds.api.call("PATCH", "/v1/subscribers/nord", {"filter": "(", "name": "N"})
    assert (answer.status, answer.places) == (422, ["/filter"])
    answer = await feeds.api.call("PATCH", "/v1/subscribers/nord", {"filter": "-tag:freight", "name": "N"})
    assert (answer.status, answer.body["filter"], answer.body["name"]) == (200, "-tag:freight", "N")
    await fill(feeds)
    assert [one.article_id for one in await feeds.api.store.feeds.window("nord/ferries")] == ["a"]
    assert (await feeds.api.call("PATCH", "/v1/subscribers/nobody", {"name": "x"})).status == 404


async def test_a_preview_shows_what_matches_why_and_how_many_a_day(feeds: Feeds) -> None:
    await feeds.desk.say({"id": "c", "title": "Ferry goes", "language": "en"}, after=timedelta(days=1))
    feeds.api.clock.now = feeds.desk.now
    answer = await feeds.api.call("POST", "/v1/feeds/preview", {"filter": "FERRY (stops OR goes)"})
    assert answer.status == 200
    shown = answer.body
    assert [(item["id"], item["why"]) for item in shown["items"]] == [
        ("c", ["FERRY", "goes"]),
        ("a", ["FERRY", "stops"]),
    ]
    assert (shown["matched"], shown["next"]) == (2, None)
    assert [day["matched"] for day in shown["days"]] == [1, 1]
    assert shown["filter"] == "FERRY (stops OR goes)"
    since = feeds.desk.now.isoformat()
    answer = await feeds.api.call("POST", "/v1/feeds/preview", {"filter": "ferry", "since": since, "limit": 0})
    assert (answer.body["matched"], answer.body["items"]) == (1, [])
    answer = await feeds.api.call("POST", "/v1/feeds/preview", {"filter": 'ferry "', "since": since})
    assert (answer.status, answer.places) == (422, ["/filter"])
    await feeds.api.call("POST", "/v1/subscribers", {"name": "Nord", "id": "nord", "filter": "tag:freight"})
    answer = await feeds.api.call("POST", "/v1/feeds/preview", {"filter": "ferry", "subscriber": "nord"})
    assert [item["id"] for item in answer.body["items"]] == ["b"]
    for name in ("x", ""):
        answer = await feeds.api.call("POST", "/v1/feeds/preview", {"filter": "ferry", "subscriber": name})
        assert answer.status in {404, 422}


async def test_what_takes_long_is_read_on(tmp_path: Path) -> None:
    """With a clock that leaps, every part takes too long; the parts add up to the whole."""
    leaps = count(0, 10)
    body: dict[str, Any] = {"filter": "title:ferry", "since": "2020-01-01T00:00:00Z"}
    with ThreadPoolExecutor(1) as pool:
        async with api_on(tmp_path, lambda deps: replace(deps, monotonic=lambda: float(next(leaps)))) as api:
            desk = Desk(api.store, pool, SITE, now=START)
            await desk.say(*({"id": f"f{number:03}", "title": "Ferry", "language": "en"} for number in range(450)))
            first = (await api.call("POST", "/v1/feeds/preview", body)).body
            assert (first["matched"], first["next"] is not None) == (400, True)
            second = (await api.call("POST", "/v1/feeds/preview", {**body, "cursor": first["next"]})).body
            assert (second["matched"], second["next"]) == (50, None)
            answer = await api.call("POST", "/v1/feeds/preview", {**body, "cursor": "nonsense"})
            assert (answer.status, answer.places) == (422, ["query cursor"])
            answer = await api.call("GET", "/v1/articles?q=-ferry&limit=3")
            assert (answer.body["items"], answer.body["next"] is not None) == ([], True)
            answer = await api.call("GET", f"/v1/articles?q=-ferry&cursor={answer.body['next']}")
            assert (answer.body["items"], answer.body["next"]) == ([], None)


async def test_articles_are_found_by_a_filter_newest_first_page_by_page(feeds: Feeds) -> None:
    await feeds.desk.say({"id": "c", "title": "Ferry goes", "language": "en"})
    seen, after = list[tuple[str, list[str]]](), ""
    while True:
        answer = await feeds.api.call("GET", f"/v1/articles?q=ferry+-sold&limit=1{after}")
        assert answer.status == 200
        seen += [(item["id"], item["why"]) for item in answer.body["items"]]
        if answer.body["next"] is None:
            break
        after = f"&cursor={answer.body['next']}"
    assert seen == [("c", ["ferry"]), ("a", ["ferry"])]
    answer = await feeds.api.call("GET", "/v1/articles?q=section:(")
    assert (answer.status, answer.places, answer.body["column"]) == (422, ["query q"], 9)
    answer = await feeds.api.call("GET", "/v1/articles?q=ferry&section=world")
    assert (answer.status, answer.places) == (422, ["query section"])


async def test_the_openapi_page_tells_of_saved_feeds(feeds: Feeds) -> None:
    document = (await feeds.api.call("GET", "/openapi.json")).body
    assert {"put", "patch", "delete", "get"} <= document["paths"]["/v1/feeds/{name}"].keys()
    assert "post" in document["paths"]["/v1/feeds/{name}/rename"]
    assert "post" in document["paths"]["/v1/feeds/preview"]
