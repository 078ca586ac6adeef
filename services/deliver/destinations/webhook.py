"""A signed POST of JSON: Standard Webhooks 1.0.0. Pure.

The id stays the same through every retry and replay (the receiver's idempotency key); the timestamp is
the attempt's, so a receiver may refuse what is older than five minutes.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from schemas.delivery import PendingDelivery, Request
from schemas.subscription import Endpoint
from services.deliver.signing import parse_secrets, sign

USER_AGENT = "Wireroom (webhook sender)"
MAX_HEADERS = 20
MAX_HEADER = 4_096  # characters of one value

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = frozenset(
    [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ]
)


def build(endpoint: Endpoint, delivery: PendingDelivery, now: datetime, timeout_s: float) -> Request:
    """Make the request of one attempt. Custom headers never replace ours."""
    timestamp = int(now.timestamp())
    custom = {name: value for name, value in endpoint.headers.items() if not _is_ours(name)}
    return Request(
        url=endpoint.url,
        headers={
            **custom,
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": delivery.webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(parse_secrets(endpoint.secret), delivery.webhook_id, timestamp, delivery.body),
        },
        body=delivery.body,
        timeout_s=timeout_s,
    )


def check_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Judge the custom headers of an endpoint: (name, fault) for each that cannot be sent."""
    faults: list[tuple[str, str]] = []
    if len(headers) > MAX_HEADERS:
        faults.append(("", f"at most {MAX_HEADERS} headers"))
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            faults.append((name, "not a header name"))
        elif _is_ours(name):
            faults.append((name, "set by us, it cannot be replaced"))
        elif len(value) > MAX_HEADER or not _VALUE.fullmatch(value):
            faults.append((name, f"a value is printable ASCII, at most {MAX_HEADER} characters"))
    return faults


def _is_ours(name: str) -> bool:
    lower = name.lower()
    return lower in _OURS or lower.startswith("webhook-")
