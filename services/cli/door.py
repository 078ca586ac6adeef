"""The HTTP side of a process: the app with its collaborators, and the server around it."""

import asyncio
import socket
import time
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from schemas.delivery import Cause, Response
from schemas.subscription import Endpoint
from services.cli.feed_door import OpenFeeds, open_feeds
from services.cli.stages import check_room, sending
from services.cli.wire import Running, clock, first_key, new_id


async def start_http(stack: AsyncExitStack, running: Running, sock: socket.socket) -> None:
    """Make the app and its documents, and serve them."""
    from services.cli.http_server import serving
    from services.http.app import create_app
    from services.http.clients import Proxies
    from services.http.closed import Closed
    from services.http.stream import Shortcut

    feeds = await open_feeds(stack, running)
    policy = (await sending(stack, running)).policy
    await first_key(running)
    settings = running.settings
    app = create_app(_deps(running, policy, feeds))
    feeds.gate.operators = app.state.access.principal
    outer = Shortcut(app, feeds.stream) if settings.public_feeds else Closed(app, app.state.access.principal)
    proxies = Proxies(settings.trusted_proxies if settings.behind_proxy else ())
    served = serving(outer, sock, proxies=proxies, answers=feeds.answers, fast=settings.feed_fast_path)
    task = await stack.enter_async_context(served)
    running.tasks.append(task)
    stack.callback(feeds.hang_up)  # the server waits for open answers: streams and long polls end first


def _deps(running: Running, policy: Any, feeds: OpenFeeds) -> Any:
    from services.http.deps import Deps
    from services.syndicate.fill import in_pool

    settings = running.settings
    return Deps(
        store=running.store,
        relay=running.relay,
        clock=clock,
        new_id=new_id,
        check_url=partial(_check_url, policy),
        send_test=partial(_send_test, running),
        ready=partial(_ready, running),
        stats=partial(_stats, running),
        metrics=partial(_metrics, running),
        asyncapi=partial(_asyncapi, running),
        check_room=partial(check_room, running),
        received=running.metrics.received,
        rejected=running.metrics.rejected,
        wake=partial(_wake, running),
        offload=in_pool(running.pool.submit) if running.pool is not None else asyncio.to_thread,
        feeds=feeds.routes,
        gate=feeds.gate,
        base_url=running.base_url,
        title=settings.title,
        version=running.version,
        admin_key=settings.admin_key.get_secret_value() if settings.admin_key else None,
        behind_proxy=settings.behind_proxy,
    )


def _check_url(policy: Any, url: str) -> str | None:
    from services.outbound.guard import check_url

    return check_url(url, policy)


async def _send_test(running: Running, endpoint: Endpoint) -> Response:
    """Owe the endpoint a test event like any other, and wait for what comes of the first try."""
    from services.deliver.requests import owe_test

    store = running.store.deliveries
    delivery_id = await owe_test(endpoint.id, store=store, clock=clock, new_id=new_id, wake=partial(_wake, running))
    until = time.monotonic() + running.settings.delivery_timeout_s + 2
    while delivery_id is not None and time.monotonic() < until:
        delivery = await store.get(delivery_id)
        if delivery is not None and delivery.attempts:
            last = delivery.attempts[-1]
            return Response(
                status=last.status,
                cause=last.cause,
                detail=last.detail,
                body=last.body,
                truncated=last.truncated,
                ms=last.ms,
            )
        await asyncio.sleep(0.05)
    return Response(
        cause=Cause.INTERNAL, detail="the test waits: the endpoint is paused, disabled or busy; see its deliveries"
    )


async def _ready(running: Running) -> Any:
    from services.http.deps import Readiness

    ready, body = await running.health.readyz()
    return Readiness(ready, body["checks"])


async def _stats(running: Running) -> Mapping[str, Any]:
    from services.observe.report import stats_body
    from services.store import StoreUnavailable

    reading = await running.sampler.fresh()
    if reading.stats is None:
        raise StoreUnavailable("the sum is unknown now")
    return stats_body(reading, running.redis_address)


async def _metrics(running: Running) -> bytes:
    await running.sampler.fresh()
    return running.metrics.render()


def _asyncapi(running: Running) -> Mapping[str, Any]:
    from services.bus.asyncapi import asyncapi

    return asyncapi(running.version)


def _wake(running: Running, endpoint_ids: Collection[str] = ()) -> None:
    running.sweeper.wake()
    if running.wake_drain is not None:
        running.wake_drain(endpoint_ids)
