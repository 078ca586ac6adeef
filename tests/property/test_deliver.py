"""Signatures that any verifier accepts, delays within their bounds, bodies that say what was put in."""

import json
from datetime import UTC, datetime
from time import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from schemas.delivery import Outcome, Response, WorkState
from services.deliver.core import SCHEDULE_S, judge_attempt
from services.deliver.retry_after import CAP_S, seconds_to_wait
from services.deliver.signing import make_secret, parse_secrets, sign

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
IDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=64)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=1_000, deadline=None)
@given(
    payload=JSON,
    spelling=st.sampled_from([{}, {"separators": (", ", ":  ")}, {"ensure_ascii": False, "separators": (",", ":")}]),
    padding=st.integers(0, 256 * 1024) | st.just(0),
    key=st.binary(min_size=24, max_size=64),
    webhook_id=IDS,
)
def test_the_reference_library_accepts_every_signature(
    payload: Any, spelling: dict[str, Any], padding: int, key: bytes, webhook_id: str
) -> None:
    text = json.dumps({"p": payload, "pad": "x" * padding}, **spelling)
    body = text.encode("utf-8", "replace")
    secret = make_secret(key)
    now = int(time())  # the library looks at the clock itself
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(parse_secrets(secret), webhook_id, now, body),
    }
    Webhook(secret).verify(body, headers)


@settings(max_examples=10_000, deadline=None)
@given(attempt=st.integers(1, 9), r=st.floats(0, 0.2), status=st.sampled_from([None, 404, 429, 500, 502, 503]))
def test_a_delay_is_never_below_its_base_nor_above_six_fifths_of_it(attempt: int, r: float, status: int | None) -> None:
    delay = judge_attempt(Response(status=status), attempt, NOW, r).delay_s
    base = SCHEDULE_S[attempt - 1]
    assert delay is not None
    assert base <= delay <= base * 1.2


@given(
    status=st.none() | st.integers(100, 599),
    attempt=st.integers(1, 30),
    r=st.floats(0, 0.2),
    header=st.none() | st.text(max_size=40) | st.integers(-10, 10**9).map(str),
    waited=st.floats(0, 10**7),
)
def test_every_answer_ends_in_exactly_one_way(
    status: int | None, attempt: int, r: float, header: str | None, waited: float
) -> None:
    response = Response(status=status, retry_after=header)
    verdict = judge_attempt(response, attempt, NOW, r, waiting_s=waited)
    hint = seconds_to_wait(header, NOW)
    assert (verdict.state is WorkState.DONE) is (status is not None and 200 <= status < 300)
    assert (verdict.outcome is Outcome.OK) is (verdict.state is WorkState.DONE)
    assert (verdict.state is WorkState.WAITING) is (verdict.delay_s is not None)
    assert (verdict.disable is not None) is (status == 410)
    assert (verdict.cause is None) is (verdict.state is WorkState.DONE)
    if verdict.delay_s is not None and hint is not None:
        assert verdict.delay_s >= hint
        assert verdict.pause_s is None or verdict.pause_s >= hint


@given(st.text(max_size=60))
def test_any_retry_after_is_read_or_absent(header: str) -> None:
    seconds = seconds_to_wait(header, NOW)
    assert seconds is None or 0 <= seconds <= CAP_S
