"""The request that one attempt makes."""

from datetime import UTC, datetime

import pytest

from schemas.delivery import PendingDelivery
from schemas.subscription import BodyFormat, Endpoint, EndpointState, Filter
from services.deliver.destinations import DESTINATIONS
from services.deliver.destinations.webhook import check_headers
from services.deliver.signing import make_secret, parse_secret, sign

SECRET = make_secret(b"k" * 32)
AT = datetime(2026, 3, 4, 12, 0, 0, 999_999, tzinfo=UTC)
DELIVERY = PendingDelivery(
    id="d-1",
    webhook_id="msg_1",
    endpoint_id="w-1",
    subscriber_id="s-1",
    event_id="e-1",
    article_id="a-1",
    revision=1,
    sequence=1,
    attempt=1,
    body=b'{"a": 1}',
    body_sha256="",
)


def endpoint(**headers: str) -> Endpoint:
    return Endpoint(
        id="w-1",
        subscriber_id="s-1",
        url="https://partner.example/hook",
        filter=Filter(),
        format=BodyFormat.FULL,
        secret=SECRET,
        headers=headers,
        state=EndpointState.ACTIVE,
        created_at=AT,
    )


def test_a_webhook_is_a_signed_post() -> None:
    request = DESTINATIONS["webhook"](endpoint(), DELIVERY, AT, 12.5)
    assert (request.method, request.url, request.timeout_s) == ("POST", "https://partner.example/hook", 12.5)
    assert request.body == DELIVERY.body
    assert request.headers == {
        "content-type": "application/json",
        "user-agent": "Wireroom (webhook sender)",
        "webhook-id": "msg_1",
        "webhook-timestamp": "1772625600",
        "webhook-signature": sign([parse_secret(SECRET)], "msg_1", 1_772_625_600, DELIVERY.body),
    }


def test_custom_headers_are_added_and_never_replace_ours() -> None:
    custom = {
        "X-Desk": "paris",
        "Content-Type": "text/plain",
        "Webhook-Id": "forged",
        "HOST": "evil",
        "Authorization": "Bearer x",
    }
    headers = DESTINATIONS["webhook"](endpoint(**custom), DELIVERY, AT, 15.0).headers
    assert headers["X-Desk"] == "paris"
    assert headers["Authorization"] == "Bearer x"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "msg_1"
    assert not {"Content-Type", "Webhook-Id", "HOST"} & set(headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "a"),
        ("content-LENGTH", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Webhook-Signature", "v1,x"),
        ("webhook-anything", "x"),
        ("User-Agent", "x"),
        ("Accept-Encoding", "gzip"),
        ("bad name", "x"),
        ("", "x"),
        ("x\r\ny", "x"),
        ("x-a", "b\r\nx-evil: 1"),
        ("x-a", "b\nc"),
        ("x-a", "\x00"),
        ("x-a", "é"),
        ("x-a", "v" * 4_097),
    ],
)
def test_headers_that_cannot_be_sent_are_named(name: str, value: str) -> None:
    assert [fault[0] for fault in check_headers({"X-Fine": "1", name: value})] == [name]


def test_there_is_a_limit_to_headers() -> None:
    assert check_headers({f"x-{n}": "1" for n in range(20)}) == []
    assert check_headers({f"x-{n}": "1" for n in range(21)}) != []
