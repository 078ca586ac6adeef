"""Publishing over HTTP, through a real socket into a real SQLite file."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.http_api import Api, api_on

PLAIN = {"id": "a1", "title": "Bridge opens", "sections": ["Actualités"], "language": "fr-CA"}
NDJSON = "application/x-ndjson"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncGenerator[Api]:
    async with api_on(tmp_path) as found:
        yield found


async def test_new_repeat_next_revision_and_conflict(api: Api) -> None:
    new = await api.call("POST", "/v1/articles", PLAIN)
    assert (new.status, new.body["status"], new.body["revision"], new.body["warnings"]) == (201, "accepted", 1, {})
    again = await api.call("POST", "/v1/articles", PLAIN)
    assert (again.status, again.body["status"], again.body["event_id"]) == (200, "repeat", new.body["event_id"])
    changed = await api.call("POST", "/v1/articles", {**PLAIN, "title": "Bridge closed"})
    assert (changed.status, changed.body["revision"]) == (201, 2)
    stale = await api.call("POST", "/v1/articles", {**PLAIN, "title": "x", "revision": 2})
    assert (stale.status, stale.body["code"], stale.body["revision"]) == (409, "conflict", 2)
    assert stale.headers["content-type"] == "application/problem+json"


async def test_rows_are_published_after_the_commit_and_only_once(api: Api) -> None:
    said = await api.publish("a1")
    await api.recorder.published.wait()
    await api.call("POST", "/v1/articles", {"id": "a1", "title": "t"})
    assert [row.event_id for row in api.recorder.rows] == [said["event_id"]]


@pytest.mark.parametrize(
    "article_id", ["plain", "a/b", "tag:news.example,2024:a/trace", "é ü?#%", "https://e.org/a?b=c"]
)
async def test_any_id_can_be_put_read_traced_and_deleted(api: Api, article_id: str) -> None:
    from urllib.parse import quote

    path = f"/v1/articles/{quote(article_id, safe='')}"
    put = await api.call("PUT", path, {"title": "t"})
    assert (put.status, put.body["id"], put.body["revision"]) == (201, article_id, 1)
    found = await api.call("GET", path)
    assert (found.status, found.body["article"]["id"], found.body["status"]) == (200, article_id, "received")
    traced = await api.call("GET", f"{path}/trace")
    assert (traced.status, traced.body["article_id"]) == (200, article_id)
    assert traced.body["steps"]
    gone = await api.call("DELETE", path, {"kind": "takedown", "reason": "wrong"})
    assert (gone.status, gone.body["revision"], gone.body["status"]) == (200, 2, "accepted")
    assert (await api.call("GET", path)).body["status"] == "takedown"
    assert (await api.call("DELETE", path, {"kind": "takedown", "reason": "wrong"})).body["status"] == "repeat"


async def test_a_retraction_may_come_in_the_query_and_before_the_article(api: Api) -> None:
    gone = await api.call("DELETE", "/v1/articles/x?kind=withdraw&reason=error&revision=3")
    assert (gone.status, gone.body["revision"]) == (200, 3)
    late = await api.call("PUT", "/v1/articles/x", {"title": "t", "revision": 3})
    assert (late.status, late.body["status"]) == (201, "stale")
    found = (await api.call("GET", "/v1/articles/x")).body
    assert (found["status"], found["state"]["retraction_reason"], found["revision"]) == ("withdrawn", "error", 3)
    back = await api.call("PUT", "/v1/articles/x", {"title": "t", "reinstate": True})
    assert (back.status, back.body["revision"]) == (201, 4)
    assert (await api.call("GET", "/v1/articles/x")).body["status"] == "received"


@pytest.mark.parametrize("query", ["kind=gone", "revision=0", "why=x", "kind=withdraw&kind2=x"])
async def test_a_bad_retraction_is_refused(api: Api, query: str) -> None:
    assert (await api.call("DELETE", f"/v1/articles/x?{query}")).status == 422


async def test_what_is_unknown_is_404(api: Api) -> None:
    for path in ("/v1/articles/none", "/v1/articles/none/trace", "/nowhere", "/v1/nowhere"):
        answer = await api.call("GET", path)
        assert (answer.status, answer.body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("raw", "status", "places"),
    [
        (json.dumps({**PLAIN, "title": "x" * 1_000_000}).encode(), 422, ["/title"]),
        (b'{"id":"a","title":NaN}', 422, ["/title"]),
        (b"[" * 10_000 + b"]" * 10_000, 422, [""]),
        (json.dumps({**PLAIN, "published_at": "2024-05-01T10:00:00"}).encode(), 422, ["/published_at"]),
        (json.dumps({**PLAIN, "embargo_untill": "x", "colour": 1}).encode(), 422, ["/embargo_untill", "/colour"]),
        (b'{"id":"a","id":"b","title":"t"}', 422, ["/id"]),
        (b"\xff\xfe", 422, ["byte 0"]),
        (b"", 422, ["line 1, column 1"]),
        (b" " * (1024 * 1024 + 1), 413, [""]),
    ],
)
async def test_bad_input_is_refused_with_the_place(api: Api, raw: bytes, status: int, places: list[str]) -> None:
    answer = await api.call("POST", "/v1/articles", raw)
    assert (answer.status, answer.places, answer.body["status"]) == (status, places, status)
    assert (await api.call("GET", "/v1/articles")).body["items"] == []


async def test_what_was_cleaned_is_counted_in_the_answer(api: Api) -> None:
    raw = b'{"id":"a","title":"a\\u0001b\\ud800c\\ufffe\\u0007"}'
    answer = await api.call("POST", "/v1/articles", raw)
    assert answer.status == 201
    assert answer.body["warnings"] == {"control_characters": 2, "lone_surrogates": 1, "non_characters": 1}
    assert (await api.call("GET", "/v1/articles/a")).body["article"]["title"] == "abc"


async def test_cloud_events_structured_binary_and_batch(api: Api) -> None:
    event = {"specversion": "1.0", "id": "e1", "source": "/desk", "type": "article.published", "data": PLAIN}
    first = await api.call("POST", "/v1/articles", event, content_type="application/cloudevents+json; charset=utf-8")
    assert (first.status, first.body["id"]) == (201, "a1")
    headers = {"ce_specversion": "1.0", "ce_id": "e1", "ce_source": "/desk", "ce_type": "article.published"}
    again = await api.call("POST", "/v1/articles", {**PLAIN, "title": "never seen"}, **headers)
    assert (again.status, again.body["event_id"]) == (200, first.body["event_id"])
    batch = [
        event,
        {**event, "id": "e2", "data": {"id": "b"}},
        7,
        {**event, "id": "e3", "data": {"id": "c", "title": "c"}},
    ]
    answer = await api.call("POST", "/v1/articles", batch, content_type="application/cloudevents-batch+json")
    assert answer.status == 200
    assert [item["status"] for item in answer.body["items"]] == ["repeat", "refused", "refused", "accepted"]


async def test_each_item_of_a_batch_stands_alone_and_in_order(api: Api) -> None:
    good = [json.dumps({"id": f"n{number}", "title": "t"}).encode() for number in range(250)]
    conflict = [b'{"id":"n1","title":"u","revision":1}', b'{"id":"n1","title":"t","revision":1}']
    lines = [*good[:120], b"not json", b'{"id":"n0"}', *conflict, b"[" * 5_000, *good[120:], good[0]]
    answer = await api.call("POST", "/v1/articles", b"\n".join(lines) + b"\n\n", content_type=NDJSON)
    items: list[dict[str, Any]] = answer.body["items"]
    assert (answer.status, len(items)) == (200, len(lines))
    statuses = [item["status"] for item in items]
    assert statuses == ["accepted"] * 120 + ["refused", "refused", "conflict", "repeat", "refused"] + [
        "accepted"
    ] * 130 + ["repeat"]
    assert [item["id"] for item in items if item["status"] == "accepted"] == [f"n{number}" for number in range(250)]
    assert items[121]["problem"]["errors"][0] == {"where": "/title", "what": "is required"}
    assert (items[122]["problem"]["status"], items[120]["problem"]["status"]) == (409, 422)
    assert items[-1]["event_id"] == items[0]["event_id"]


async def test_an_item_of_a_batch_has_the_limit_of_one_article(api: Api) -> None:
    large = json.dumps({"id": "l", "title": "t", "extensions": {"x": "y" * 1024 * 1024}}).encode()
    answer = await api.call("POST", "/v1/articles", large + b'\n{"id":"m","title":"t"}', content_type=NDJSON)
    assert [item["status"] for item in answer.body["items"]] == ["refused", "accepted"]
    assert answer.body["items"][0]["problem"]["status"] == 413
    assert (await api.call("POST", "/v1/articles", b"\n" * (10 * 1024 * 1024 + 1), content_type=NDJSON)).status == 413
    assert (await api.call("POST", "/v1/articles", b"{}\n" * 10_001, content_type=NDJSON)).status == 413


async def test_an_idempotency_key_tells_a_repeat_per_api_key(api: Api) -> None:
    first = await api.call("POST", "/v1/articles", PLAIN, idempotency_key="k1")
    again = await api.call("POST", "/v1/articles", {**PLAIN, "title": "edited"}, idempotency_key="k1")
    assert (again.status, again.body["event_id"]) == (200, first.body["event_id"])
    other = await api.key("articles:write")
    theirs = await api.call("POST", "/v1/articles", {**PLAIN, "title": "theirs"}, key=other, idempotency_key="k1")
    assert theirs.status == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "json"])
async def test_another_media_type_is_415_and_says_what_would_do(api: Api, kind: str) -> None:
    answer = await api.call("POST", "/v1/articles", PLAIN, content_type=kind)
    assert answer.status == 415
    assert "application/json" in answer.body["accepts"]
    assert (await api.call("PUT", "/v1/articles/a", b"{}", content_type=NDJSON)).status == 415
    assert (await api.call("POST", "/v1/articles", PLAIN, content_encoding="gzip")).status == 415


async def test_lists_page_by_an_opaque_cursor_and_filter_by_slug(api: Api) -> None:
    for number in range(5):
        await api.publish(f"n{number}", sections=["Actualités" if number % 2 else "Sport"], language="fr-CA")
        api.clock.move(1)
    seen: list[str] = []
    path = "/v1/articles?limit=2"
    cursor = ""
    while True:
        page = (await api.call("GET", path + cursor)).body
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ["n4", "n3", "n2", "n1", "n0"]
    for query in ("section=actualites", "section=ACTUALIT%C3%89S&lang=fr", "section=actualites&lang=fr-CA"):
        assert [item["id"] for item in (await api.call("GET", f"/v1/articles?{query}")).body["items"]] == ["n3", "n1"]
    assert len((await api.call("GET", "/v1/articles?since=2024-05-01T10:00:03Z")).body["items"]) == 2
    assert (await api.call("GET", "/v1/articles?status=published")).body["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=1000000000",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=zzz",
        "sectoin=a",
        "status=lost",
        "since=2024-05-01",
    ],
)
async def test_a_bad_query_is_refused_with_the_parameter(api: Api, query: str) -> None:
    answer = await api.call("GET", f"/v1/articles?{query}")
    assert answer.status == 422
    assert answer.places == [f"query {query.partition('=')[0]}"]
