"""What every kind of endpoint keeps to. A new one joins by its line in DESTINATIONS."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.delivery import PendingDelivery
from schemas.subscription import BodyFormat, Endpoint, EndpointState, Filter
from services.deliver.destinations import DESTINATIONS, Destination
from services.deliver.signing import make_secret

AT = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
BODY = b'{"odd":  "bytes",\n"e":"\xc3\xa9"}'
ENDPOINT = Endpoint(
    id="w-1",
    subscriber_id="s-1",
    url="https://partner.example/hook?a=%2F",
    filter=Filter(),
    format=BodyFormat.FULL,
    secret=make_secret(b"k" * 32),
    headers={"X-Desk": "paris", "Host": "evil.example", "Content-Length": "0", "Transfer-Encoding": "chunked"},
    state=EndpointState.ACTIVE,
    created_at=AT,
)


def delivery(attempt: int = 1) -> PendingDelivery:
    return PendingDelivery(
        id="d-1",
        webhook_id="msg_1",
        endpoint_id="w-1",
        subscriber_id="s-1",
        event_id="e-1",
        article_id="a-1",
        revision=1,
        sequence=1,
        attempt=attempt,
        body=BODY,
        body_sha256="",
    )


@pytest.fixture(params=DESTINATIONS)
def build(request: pytest.FixtureRequest) -> Destination:
    return DESTINATIONS[request.param]


def test_the_body_is_sent_byte_for_byte_to_the_url_as_it_stands(build: Destination) -> None:
    request = build(ENDPOINT, delivery(), AT, 7.5)
    assert (request.body, request.url, request.timeout_s) == (BODY, ENDPOINT.url, 7.5)


def test_the_same_attempt_makes_the_same_request(build: Destination) -> None:
    assert build(ENDPOINT, delivery(), AT, 15.0) == build(ENDPOINT, delivery(), AT, 15.0)


def test_a_retry_differs_in_nothing_but_headers(build: Destination) -> None:
    first, second = build(ENDPOINT, delivery(1), AT, 15.0), build(ENDPOINT, delivery(2), AT + timedelta(hours=1), 15.0)
    assert first.model_copy(update={"headers": {}}) == second.model_copy(update={"headers": {}})


def test_custom_headers_go_along_and_never_touch_the_framing(build: Destination) -> None:
    headers = build(ENDPOINT, delivery(), AT, 15.0).headers
    assert headers["X-Desk"] == "paris"
    assert not {name.lower() for name in headers} & {"host", "content-length", "transfer-encoding", "connection"}


def test_the_secret_itself_is_never_sent(build: Destination) -> None:
    request = build(ENDPOINT, delivery(), AT, 15.0)
    assert ENDPOINT.secret.removeprefix("whsec_") not in request.model_dump_json()
