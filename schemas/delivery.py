"""Deliveries and attempts: one event owed to one endpoint, and each try at it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class WorkState(StrEnum):
    """P4: every piece of work is in exactly one of these."""

    WAITING = "waiting"
    HELD = "held"  # waits on purpose: embargo, pause, a disabled endpoint
    DONE = "done"
    DEAD = "dead"


class Outcome(StrEnum):
    """How an attempt ended (reference: Standard Webhooks, retry manners)."""

    OK = "ok"  # 200-299
    RETRY = "retry"
    THROTTLED = "throttled"  # 429, 502, 504
    GONE = "gone"  # 410
    BLOCKED = "blocked"  # the address guard refused, before any byte was sent


class Cause(StrEnum):
    """Why an attempt failed, in words that are safe to show its owner."""

    STATUS = "status"  # the endpoint answered, but not 2xx
    REDIRECT = "redirect"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    BLOCKED_ADDRESS = "blocked_address"
    INTERNAL = "internal"  # ours


class Response(BaseModel):
    """What came back, or why nothing did. Never raises for the network: a failure is a value.

    `body` holds at most 16 KiB of what was read (`truncated` says there was more); it is raw, never
    inflated. Times are milliseconds of the whole exchange.
    """

    model_config = ConfigDict(frozen=True)
    status: int | None = None  # None: no answer
    cause: Cause | None = None  # None: 2xx
    detail: str = ""
    retry_after: str | None = None  # the header, unparsed
    body: bytes = b""
    truncated: bool = False
    ms: float = 0.0


class Request(BaseModel):
    """One POST to an address that a partner named. Built by a destination, sent by outbound."""

    model_config = ConfigDict(frozen=True)
    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    timeout_s: float = 15.0  # over everything: DNS, connect, TLS, headers and body


class PendingDelivery(BaseModel):
    """A delivery due now: everything needed to make its request.

    `body` is what every attempt and replay sends, byte for byte; `webhook_id` stays the same, `attempt`
    counts from 1 and is the number of the try about to be made.
    """

    model_config = ConfigDict(frozen=True)
    id: str
    webhook_id: str
    endpoint_id: str
    subscriber_id: str
    event_id: str
    article_id: str
    revision: int
    sequence: int
    attempt: int
    body: bytes
    body_sha256: str
    owed_at: datetime | None = None  # since when it waits; None: not known


class Attempt(BaseModel):
    """One try, as recorded."""

    model_config = ConfigDict(frozen=True)
    n: int
    at: datetime
    ms: float
    outcome: Outcome
    status: int | None = None
    cause: Cause | None = None
    detail: str = ""
    body: bytes = b""
    truncated: bool = False
