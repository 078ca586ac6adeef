"""What the app is given by the composition root: collaborators and plain values, nothing global."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fastapi import APIRouter, Request

from schemas.delivery import Response
from schemas.jobs import OutboxRow
from schemas.subscription import Endpoint
from services.store import Store
from services.store.search import Offload

if TYPE_CHECKING:
    from services.http.access import Access
    from services.http.background import Background
    from services.http.private.gate import Gate


class Publishes(Protocol):
    """Puts committed rows on their streams. Never raises: what fails stays for the sweeper."""

    def publish(self, rows: Sequence[OutboxRow]) -> Coroutine[object, object, object]:
        """Publish now, if it can be."""
        ...


class Readiness(NamedTuple):
    """Whether new work can be taken, and each check's own word ("ok" or what is wrong)."""

    ready: bool
    checks: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Deps:
    """Collaborators of the HTTP app. Times come from `clock` (aware, UTC), ids from `new_id`.

    `check_url` says what is wrong with a webhook's address, None if nothing is. `send_test` makes one
    signed test request and never raises for the network. `ready`, `stats` and `metrics` answer from
    what was sampled within the last moments; `stats` raises StoreUnavailable where the sum is unknown.
    `feeds` are the routes of the feeds' hot path.
    """

    store: Store
    relay: Publishes
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    check_url: Callable[[str], str | None]
    send_test: Callable[[Endpoint], Awaitable[Response]]
    ready: Callable[[], Awaitable[Readiness]]
    stats: Callable[[], Awaitable[Mapping[str, Any]]]
    metrics: Callable[[], Awaitable[bytes]]
    asyncapi: Callable[[], Mapping[str, Any]]
    check_room: Callable[[], None] = lambda: None  # raises StoreFull before the disk is full (P8)
    received: Callable[[str, int], None] = lambda _origin, _count: None  # events that were committed
    rejected: Callable[[str], None] = lambda _cause: None  # one that was refused
    wake: Callable[[], None] = lambda: None  # work may be due at once: the sweeper and the drain look
    offload: Offload = asyncio.to_thread  # runs what takes long and waits for nothing
    feeds: Sequence[APIRouter] = ()
    gate: "Gate | None" = None  # judges the tokens of private feeds
    base_url: str = ""  # under which readers reach us
    title: str = "Wireroom"
    version: str = "0"
    admin_key: str | None = field(default=None, repr=False)
    behind_proxy: bool = False
    random: Callable[[int], bytes] = secrets.token_bytes
    monotonic: Callable[[], float] = time.monotonic
    body_deadline_s: float = 30.0


def deps_of(request: Request) -> Deps:
    """Find what `create_app` was given."""
    deps: Deps = request.app.state.deps
    return deps


def access_of(request: Request) -> "Access":
    """Find the judge of keys."""
    access: Access = request.app.state.access
    return access


def background_of(request: Request) -> "Background":
    """Find the runner of work that no answer waits for."""
    background: Background = request.app.state.background
    return background
