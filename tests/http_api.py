"""The API under test, over a real socket and a real SQLite file, with recorders where other stages would be."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from fastapi import APIRouter

from schemas.delivery import Cause, Response
from schemas.jobs import OutboxRow
from schemas.subscription import Endpoint
from services.cli.http_server import listen, serving
from services.http.app import create_app
from services.http.clients import Proxies
from services.http.deps import Deps, Readiness
from services.http.feeds import Answers, feed_routes
from services.http.keys import mint
from services.store import Store

ADMIN = "an-admin-key-of-32-characters-or-more"
START = datetime(2024, 5, 1, 10, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved; its seconds also count as monotonic time."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Recorder:
    """The relay, the sender of tests and the wake-ups, as they were asked."""

    rows: list[OutboxRow] = field(default_factory=list)
    tested: list[Endpoint] = field(default_factory=list)
    wakes: int = 0
    ready: Readiness = field(default_factory=lambda: Readiness(ready=True, checks={"store": "ok"}))
    published: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        self.rows.extend(rows)
        self.published.set()

    async def send_test(self, endpoint: Endpoint) -> Response:
        self.tested.append(endpoint)
        return Response(status=500, cause=Cause.STATUS, body=b"\xffno")

    def wake(self) -> None:
        self.wakes += 1


@dataclass(frozen=True)
class Answer:
    """One answer, read whole."""

    status: int
    headers: Any
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def places(self) -> list[str]:
        """Where the faults of a problem are."""
        return [fault["where"] for fault in self.body["errors"]]


@dataclass
class Api:
    """A client with the admin key."""

    url: str
    session: aiohttp.ClientSession
    store: Store
    clock: Clock
    recorder: Recorder
    deps: Deps

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = ADMIN, **headers: str
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("content-type", "application/json")
        async with self.session.request(
            method, self.url + path, data=None if data is None else BytesIO(data), headers=sent
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def key(self, *scopes: str, subscriber: str | None = None) -> str:
        """Mint a key past the API."""
        minted = mint(self.deps.random)
        await self.store.keys.create(minted.id, minted.sha256, "test", scopes, self.clock(), subscriber_id=subscriber)
        return minted.key

    async def publish(self, article_id: str, title: str = "t", **more: object) -> dict[str, Any]:
        answer = await self.call("POST", "/v1/articles", {"id": article_id, "title": title, **more})
        assert answer.status == 201, answer.raw
        return answer.body


async def _boom() -> None:
    raise RuntimeError("planted: secret-detail")


def _planted() -> APIRouter:
    router = APIRouter()
    router.add_api_route("/boom", _boom, include_in_schema=False)
    return router


async def _metrics() -> bytes:
    return b"# nothing yet\n"


async def _stats() -> dict[str, Any]:
    return {"accepted": 0}


@asynccontextmanager
async def api_on(
    directory: Path,
    change: Callable[[Deps], Deps] = lambda deps: deps,
    *,
    feeds: Callable[[Deps], Answers] | None = None,
    fast: bool = True,
    proxies: Proxies | None = None,
) -> AsyncGenerator[Api]:
    """Serve the app; `change` may replace collaborators, `feeds` makes what answers for feed documents."""
    clock, recorder, numbers = Clock(), Recorder(), count(1)
    store = Store.open(str(directory / "wireroom.sqlite"))
    await store.migrate()
    sock = listen("127.0.0.1", 0)
    deps = change(
        Deps(
            store=store,
            relay=recorder,
            clock=clock,
            new_id=lambda: f"{next(numbers):06}",
            check_url=lambda url: None if url.startswith("https://") else "must be https",
            send_test=recorder.send_test,
            ready=lambda: asyncio.sleep(0, recorder.ready),
            stats=_stats,
            metrics=_metrics,
            asyncapi=lambda: {"asyncapi": "3.0.0"},
            wake=recorder.wake,
            feeds=(_planted(),),
            admin_key=ADMIN,
            monotonic=clock.monotonic,
        )
    )
    answers = feeds(deps) if feeds is not None else None
    if answers is not None:
        deps = replace(deps, feeds=(*deps.feeds, feed_routes(answers)))
    try:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        served = serving(create_app(deps), sock, answers=answers, fast=fast, proxies=proxies or Proxies())
        async with served, aiohttp.ClientSession() as session:
            yield Api(url, session, store, clock, recorder, deps)
    finally:
        sock.close()
        await store.close()


__all__ = ["ADMIN", "Answer", "Api", "Clock", "Recorder", "api_on", "replace"]
