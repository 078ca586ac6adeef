"""Webhooks, subscribers, deliveries and dead letters over HTTP."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.dead_letter import DeadLetter
from schemas.delivery import Attempt, Cause, Outcome, WorkState
from schemas.enrichment import Enrichment
from schemas.jobs import Enriched, FanOut, Owed, Result
from tests.http_api import Api, api_on

GOOD = {"url": "https://partner.example/hook"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncGenerator[Api]:
    async with api_on(tmp_path) as found:
        yield found


async def delivered(api: Api, webhook_id: str, article_id: str = "a1", state: WorkState = WorkState.DONE) -> str:
    """Publish an article and have one delivery of it end in this state; the delivery's id."""
    event_id = (await api.publish(article_id, sections=["Sport"]))["event_id"]
    now = api.clock()
    await api.store.enrichments.record([Enriched(event_id, Enrichment(title="t"))], now)
    endpoint = await api.store.endpoints.get(webhook_id)
    assert endpoint is not None
    plan = FanOut(
        event_id, article_id, 1, b'{"x":1}', [Owed(webhook_id, endpoint.subscriber_id)], lambda _owed, _n: (b"[", b"]")
    )
    await api.store.deliveries.fan_out([plan], now, api.deps.new_id)
    fence = await api.store.deliveries.lease(webhook_id, "test", now + timedelta(seconds=60), now)
    assert fence is not None
    [due] = await api.store.deliveries.take(webhook_id, 10, (), now)
    attempt = Attempt(n=1, at=now, ms=5.0, outcome=Outcome.RETRY, status=500, cause=Cause.STATUS, body=b"\xffoops")
    result = Result(due.id, webhook_id, fence, attempt, state, cause="status 500")
    assert await api.store.deliveries.record([result], now) == [True]
    await api.store.deliveries.release(webhook_id, fence)
    return due.id


async def test_a_webhook_from_creation_to_deletion(api: Api) -> None:
    made = await api.call(
        "POST", "/v1/webhooks", {**GOOD, "filter": {"section": ["Sport"]}, "headers": {"X-Key": "top"}}
    )
    assert made.status == 201
    webhook = made.body
    assert (webhook["state"], webhook["secret"][:6], len(webhook["secret"])) == ("active", "whsec_", 50)
    path = f"/v1/webhooks/{webhook['id']}"
    assert made.headers["location"] == path
    for shown in ((await api.call("GET", path)), (await api.call("GET", "/v1/webhooks"))):
        assert webhook["secret"].encode() not in shown.raw
        assert b"top" not in shown.raw
    changed = (await api.call("PATCH", path, {"format": "thin", "description": "d"})).body
    assert (changed["format"], changed["description"], changed["url"]) == ("thin", "d", GOOD["url"])
    assert (await api.call("POST", f"{path}/pause", {"reason": "holidays"})).body["state_reason"] == "holidays"
    assert (await api.call("POST", f"{path}/resume")).body["state"] == "active"
    assert api.recorder.wakes == 1
    rotated = (await api.call("POST", f"{path}/secret")).body["secret"]
    assert rotated != webhook["secret"]
    tested = (await api.call("POST", f"{path}/test")).body
    assert (tested["outcome"], tested["status"], tested["body"]) == ("failed", 500, "\\xffno")
    assert api.recorder.tested[0].secret == rotated
    assert (await api.call("DELETE", path)).status == 204
    for method, tail in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/secret"),
        ("POST", "/replay"),
    ):
        assert (await api.call(method, path + tail)).status == 404


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["/url"]),
        ({"url": "http://partner.example"}, ["/url"]),
        ({**GOOD, "secret": "short"}, ["/secret"]),
        ({**GOOD, "secret": "whsec_" + "!" * 40}, ["/secret"]),
        ({**GOOD, "filter": {"sections": ["a"]}}, ["/filter/sections"]),
        ({**GOOD, "filter": "tag:a sectoin:world"}, ["/filter"]),
        ({**GOOD, "filter": {"and": [{"tag": "a"}, {"not": {"urgency": 12}}]}}, ["/filter/and/1/not/urgency"]),
        ({**GOOD, "format": "fat"}, ["/format"]),
        ({**GOOD, "state": "disabled"}, ["/state"]),
        ({**GOOD, "subscriber": "nobody"}, ["/subscriber"]),
        (
            {**GOOD, "headers": {"Host": "x", "Webhook-Id": "x", "Ok": "a\r\nb", "b d": "x", "fine": "y"}},
            ["/headers/Host", "/headers/Webhook-Id", "/headers/Ok", "/headers/b d"],
        ),
        ({**GOOD, "headers": {f"X-{number}": "1" for number in range(21)}}, ["/headers"]),
    ],
)
async def test_a_bad_webhook_is_refused_with_its_faults(api: Api, body: dict[str, Any], places: list[str]) -> None:
    answer = await api.call("POST", "/v1/webhooks", body)
    assert (answer.status, answer.places) == (422, places)
    assert (await api.call("GET", "/v1/webhooks")).body["items"] == []


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        (
            {"section": ["Sport", "!!!"]},
            {"section": ["Sport", "!!!"], "tag": [], "language": [], "source": [], "author": []},
        ),
        (
            "section:Sport lang:(fr OR en) published:>2026-01-01",
            "section:sport language:(fr OR en) published:>2026-01-01",
        ),
        (
            {"section": "Sport", "not": {"tag": ["a", "b"]}, "text": "climate summit"},
            'section:sport -tag:(a OR b) "climate summit"',
        ),
        ("", {"section": [], "tag": [], "language": [], "source": [], "author": []}),
    ],
)
async def test_a_webhook_takes_every_form_of_a_filter(api: Api, stated: object, shown: object) -> None:
    made = await api.call("POST", "/v1/webhooks", {**GOOD, "filter": stated})
    assert (made.status, made.body["filter"]) == (201, shown)
    path = f"/v1/webhooks/{made.body['id']}"
    assert (await api.call("GET", path)).body["filter"] == shown
    assert (await api.call("PATCH", path, {"filter": "urgency:<=2"})).body["filter"] == "urgency:<=2"
    assert (await api.call("PATCH", path, {"filter": stated})).body["filter"] == shown


async def test_a_filter_that_cannot_be_read_is_refused_with_its_column(api: Api) -> None:
    answer = await api.call("POST", "/v1/webhooks", {**GOOD, "filter": "tag:a sectoin:world"})
    assert answer.body["errors"][0]["what"].startswith(
        'column 7: there is no field "sectoin"; did you mean "section:"?'
    )


async def test_a_secret_of_ones_own_is_taken(api: Api) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    for stated in (secret, secret.removeprefix("whsec_")):
        assert (await api.call("POST", "/v1/webhooks", {**GOOD, "secret": stated})).body["secret"] == secret


async def test_a_partner_sees_its_own_and_cannot_tell_anothers_from_nothing(api: Api) -> None:
    partners = [(await api.call("POST", "/v1/subscribers", {"name": name})).body["id"] for name in ("A", "B")]
    keys = [await api.key("webhooks:read", "webhooks:write", subscriber=partner) for partner in partners]
    hooks = [(await api.call("POST", "/v1/webhooks", GOOD, key=key)).body for key in keys]
    assert [hook["subscriber"] for hook in hooks] == partners
    for key, partner, other in ((keys[0], partners[0], hooks[1]), (keys[1], partners[1], hooks[0])):
        listed = (await api.call("GET", f"/v1/webhooks?subscriber={other['subscriber']}", key=key)).body["items"]
        assert [hook["subscriber"] for hook in listed] == [partner]
        path = f"/v1/webhooks/{other['id']}"
        foreign = await api.call("GET", path, key=key)
        missing = await api.call("GET", "/v1/webhooks/wh_none", key=key)
        assert (foreign.status, foreign.raw) == (missing.status, missing.raw) == (404, missing.raw)
        for method, tail in (("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/pause"), ("POST", "/replay")):
            body = {"description": "mine"} if method == "PATCH" else None
            assert (await api.call(method, path + tail, body, key=key)).status == 404
        assert (
            await api.call("POST", "/v1/webhooks", {**GOOD, "subscriber": other["subscriber"]}, key=key)
        ).status == 404
        assert (await api.call("GET", f"/v1/subscribers/{other['subscriber']}", key=key)).status == 404
        assert (await api.call("GET", "/v1/subscribers", key=key)).status == 404
        assert (await api.call("POST", "/v1/subscribers", {"name": "C"}, key=key)).status == 404
    only = (await api.call("GET", f"/v1/webhooks?subscriber={partners[0]}")).body["items"]
    assert [hook["id"] for hook in only] == [hooks[0]["id"]]
    wide = await api.call("POST", "/v1/keys", {"name": "x", "scopes": ["admin"], "subscriber": partners[0]})
    assert (wide.status, wide.places) == (422, ["/scopes"])


async def test_subscribers_are_listed_and_their_ids_are_theirs(api: Api) -> None:
    assert (await api.call("POST", "/v1/subscribers", {"name": "Radio", "id": "radio"})).body["id"] == "radio"
    assert (await api.call("POST", "/v1/subscribers", {"name": "Other", "id": "radio"})).status == 409
    assert (await api.call("POST", "/v1/subscribers", {"name": " "})).status == 422
    assert (await api.call("GET", "/v1/subscribers/radio")).body["name"] == "Radio"
    assert [one["id"] for one in (await api.call("GET", "/v1/subscribers")).body["items"]] == ["radio"]
    assert (await api.call("GET", "/v1/subscribers/none")).status == 404


async def test_deliveries_show_every_attempt_and_can_be_retried_and_replayed(api: Api) -> None:
    webhook = (await api.call("POST", "/v1/webhooks", GOOD)).body["id"]
    delivery = await delivered(api, webhook, state=WorkState.DEAD)
    listed = (await api.call("GET", f"/v1/deliveries?webhook={webhook}&article=a1&state=dead")).body["items"]
    assert [one["id"] for one in listed] == [delivery]
    assert (listed[0]["webhook"], listed[0]["attempts"][0]["body"], listed[0]["attempts"][0]["status"]) == (
        webhook,
        "\\xffoops",
        500,
    )
    assert (await api.call("GET", "/v1/deliveries?state=done")).body["items"] == []
    assert (await api.call("GET", f"/v1/deliveries/{delivery}/body")).raw == b'[{"x":1}]'
    [letter] = (await api.call("GET", "/v1/dead-letters?stage=deliver")).body["items"]
    assert letter["delivery_id"] == delivery
    again = await api.call("POST", f"/v1/deliveries/{delivery}/replay")
    assert (again.status, again.body["replay_of"]) == (202, delivery)
    assert (await api.call("POST", f"/v1/deliveries/{delivery}/retry")).status == 202
    assert (await api.call("GET", f"/v1/deliveries/{delivery}")).body["state"] == "waiting"
    for tail in ("", "/body"):
        assert (await api.call("GET", f"/v1/deliveries/none{tail}")).status == 404
    for verb in ("retry", "replay"):
        assert (await api.call("POST", f"/v1/deliveries/none/{verb}")).status == 404
    done = await delivered(api, (await api.call("POST", "/v1/webhooks", GOOD)).body["id"], "a2")
    assert (await api.call("POST", f"/v1/deliveries/{done}/retry")).status == 409


async def test_a_dead_delivery_of_a_deleted_webhook_cannot_be_retried_and_says_so(api: Api) -> None:
    webhook = (await api.call("POST", "/v1/webhooks", GOOD)).body["id"]
    await delivered(api, webhook, state=WorkState.DEAD)
    await api.call("DELETE", f"/v1/webhooks/{webhook}")
    [letter] = (await api.call("GET", "/v1/dead-letters?stage=deliver")).body["items"]
    assert (await api.call("POST", f"/v1/dead-letters/{letter['id']}/retry")).status == 409
    assert (await api.call("POST", f"/v1/dead-letters/{letter['id']}/trash")).status == 200


async def test_a_partner_sees_and_repeats_its_own_deliveries_only(api: Api) -> None:
    partners = [(await api.call("POST", "/v1/subscribers", {"name": name})).body["id"] for name in ("A", "B")]
    hooks = [
        (await api.call("POST", "/v1/webhooks", {**GOOD, "subscriber": partner})).body["id"] for partner in partners
    ]
    own, other = await delivered(api, hooks[0], "a1"), await delivered(api, hooks[1], "a2")
    key = await api.key("webhooks:read", "webhooks:write", subscriber=partners[0])
    assert [one["id"] for one in (await api.call("GET", "/v1/deliveries", key=key)).body["items"]] == [own]
    assert (await api.call("GET", f"/v1/deliveries?webhook={hooks[1]}", key=key)).body["items"] == []
    for method, tail in (("GET", ""), ("GET", "/body"), ("POST", "/retry"), ("POST", "/replay")):
        assert (await api.call(method, f"/v1/deliveries/{other}{tail}", key=key)).status == 404
    assert (await api.call("POST", f"/v1/deliveries/{own}/replay", key=key)).status == 202


async def test_a_span_of_deliveries_is_replayed_by_filter(api: Api) -> None:
    webhook = (await api.call("POST", "/v1/webhooks", GOOD)).body["id"]
    for number in range(3):
        await delivered(api, webhook, f"a{number}")
        api.clock.move(60)
    path = f"/v1/webhooks/{webhook}/replay"
    for body, count in (
        ({"since": "2024-05-01T10:00:30Z", "until": "2024-05-01T10:01:30Z"}, 1),
        ({"filter": {"section": ["kultur"]}}, 0),
        ({"filter": {"section": ["sport"]}}, 3),
        ({"filter": "-section:sport"}, 0),
        (None, 3),
    ):
        answer = await api.call("POST", path, body)
        assert (answer.status, answer.body["job"]["state"], answer.body["job"]["replayed"]) == (202, "done", count)
    waiting = (await api.call("GET", "/v1/deliveries?state=waiting&limit=200")).body["items"]
    assert len(waiting) == 7


async def test_dead_work_is_listed_shown_and_done_again(api: Api) -> None:
    event_id = (await api.publish("a1"))["event_id"]
    letter = DeadLetter(
        stage="enrich", cause="poison", detail="killed a worker", at=api.clock(), event_id=event_id, article_id="a1"
    )
    await api.store.work.give_up([letter], api.clock())
    [item] = (await api.call("GET", "/v1/dead-letters?cause=poison")).body["items"]
    path = f"/v1/dead-letters/{item['id']}"
    assert (await api.call("GET", path)).body["detail"] == "killed a worker"
    await api.recorder.published.wait()
    api.recorder.published.clear()
    assert (await api.call("POST", f"{path}/retry")).body == {"id": item["id"], "closed": "retried"}
    await api.recorder.published.wait()
    assert api.recorder.rows[-1].event_id == event_id
    assert (await api.call("POST", f"{path}/retry")).status == 409
    assert (await api.call("POST", f"{path}/trash")).status == 409
    for missing in ("999", "0", "x", "9" * 30):
        assert (await api.call("GET", f"/v1/dead-letters/{missing}")).status in {404, 422}


async def test_bytes_that_were_no_event_are_read_again_or_trashed(api: Api) -> None:
    raws = [
        b"\xffgarbage" + b"x" * 5_000,
        b'{"id":"late","title":"Was too early"}',
        b'{"id":"f","title":"Fields","revision":"2"}',
    ]
    await api.store.dead_letters.add(
        [DeadLetter(stage="ingest", cause="unreadable", detail="d", at=api.clock(), raw=raw) for raw in raws]
    )
    fields, good, bad = (await api.call("GET", "/v1/dead-letters?stage=ingest")).body["items"]
    assert len(bad["raw"]) < 5_000 < len((await api.call("GET", f"/v1/dead-letters/{bad['id']}")).body["raw"])
    assert (await api.call("POST", f"/v1/dead-letters/{bad['id']}/retry")).status == 422
    assert (await api.call("POST", f"/v1/dead-letters/{good['id']}/retry")).body["id"] == "late"
    assert (await api.call("POST", f"/v1/dead-letters/{fields['id']}/retry")).body["revision"] == 2
    assert [one["id"] for one in (await api.call("GET", "/v1/dead-letters")).body["items"]] == [bad["id"]]
    assert (await api.call("POST", f"/v1/dead-letters/{bad['id']}/trash")).body["closed"] == "trashed"
    assert (await api.call("GET", "/v1/dead-letters")).body["items"] == []


async def test_keys_page_and_unknown_feeds_are_404(api: Api) -> None:
    for number in range(3):
        await api.call("POST", "/v1/keys", {"name": f"k{number}", "scopes": ["ops:read"]})
        api.clock.move(1)
    first = (await api.call("GET", "/v1/keys?limit=2")).body
    rest = (await api.call("GET", f"/v1/keys?limit=2&cursor={first['next']}")).body
    assert [key["name"] for key in first["items"] + rest["items"]] == ["k0", "k1", "k2"]
    assert rest["next"] is None
    assert (await api.call("GET", "/v1/keys?cursor=zzz")).status == 422
    assert (await api.call("DELETE", "/v1/keys/none")).status == 404
    assert (await api.call("GET", "/v1/feeds")).body == {"items": [], "next": None}
    assert (await api.call("GET", "/v1/feeds/section/sport")).status == 404
    assert (await api.call("GET", "/v1/stats")).body == {"accepted": 0}
