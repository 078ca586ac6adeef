"""The HTTP side of a process: the app with its collaborators, the documents it serves, the server around it."""

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from schemas.delivery import Cause, Response
from schemas.event import FeedUpdated
from schemas.subscription import Endpoint
from schemas.topics import FEED_UPDATED
from services.bus import Batch
from services.cli.site import discovery_of, site_of
from services.cli.stages import check_room, sending
from services.cli.wire import Running, clock, first_key, new_id
from services.settings import Settings


async def start_http(stack: AsyncExitStack, running: Running, sock: socket.socket) -> None:
    """Make the app and its documents, and serve them."""
    from services.cli.feed_watch import watch_feeds
    from services.cli.http_server import serving
    from services.http.app import create_app
    from services.http.background import Background
    from services.http.clients import Proxies
    from services.http.deps import Deps
    from services.http.discovery import directory_routes, discovery_routes
    from services.http.feeds import Answers, History, Limits, feed_routes
    from services.http.private import Gate, PrivateFeeds, private_routes
    from services.http.stream import Hub, Shortcut, StreamApp, stream_routes
    from services.syndicate.fill import in_pool

    hub = Hub(running.store.changes)
    running.keep(hub.run(), "stream")
    documents = await _documents(running, hub.wake)
    stack.push_async_callback(documents.close)
    running.keep(documents.run(), "documents")
    policy = (await sending(stack, running)).policy
    await first_key(running)
    settings = running.settings
    answers = Answers(
        documents,
        clock=clock,
        monotonic=time.monotonic,
        limits=Limits(_rates(settings)),
        on_served=watch_feeds(stack, running, documents),
    )
    stack.push_async_callback(answers.close)
    background, tokens = Background(), running.store.feed_tokens
    stack.push_async_callback(background.finish)
    gate = Gate(
        tokens,
        clock=clock,
        monotonic=time.monotonic,
        principal=lambda header: app.state.access.principal(header),  # noqa: PLW0108 - the app is made later
        used=lambda token_id: background.run(tokens.touch(token_id, clock())),
    )
    history = History(answers)
    private = PrivateFeeds(answers, gate, (history,))
    stream = StreamApp(hub, running.store.feeds)
    app = create_app(
        Deps(
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
            feeds=(
                feed_routes(answers, (private.under_feeds, history.public)),
                private_routes(private),
                stream_routes(stream),
                discovery_routes(discovery_of(running, documents.site), clock=clock),
                directory_routes(documents.site),
                _pages(running, documents.site),
            ),
            gate=gate,
            base_url=running.base_url,
            title=settings.title,
            version=running.version,
            admin_key=settings.admin_key.get_secret_value() if settings.admin_key else None,
            behind_proxy=settings.behind_proxy,
        )
    )
    proxies = Proxies(settings.trusted_proxies if settings.behind_proxy else ())
    served = serving(Shortcut(app, stream), sock, proxies=proxies, answers=answers, fast=settings.feed_fast_path)
    task = await stack.enter_async_context(served)
    running.tasks.append(task)
    stack.callback(history.close)
    stack.callback(hub.close)  # the server waits for open answers: streams end first


def _rates(settings: Settings) -> Any:
    from services.http.feeds import Rates

    return Rates(
        enabled=settings.poll_limit,
        burst=settings.poll_burst,
        every_s=settings.poll_every_s,
        client_burst=settings.poll_client_burst,
        client_per_s=settings.poll_client_per_s,
        local_burst=max(settings.poll_burst, 40),
        local_per_s=settings.poll_local_per_s,
    )


async def _documents(running: Running, moved_too: Callable[[], None]) -> Any:
    from services.syndicate.documents import Documents

    site = await site_of(running)
    documents = Documents(running.store.feeds, site, cache_bytes=running.settings.feed_cache_mb * 1024 * 1024)

    async def moved(batch: Batch) -> None:
        moved_too()
        for entry in batch.entries:
            event = FeedUpdated.model_validate_json(entry.data or b"{}")
            documents.invalidate(event.feed, event.version)

    running.bus.tail(FEED_UPDATED, moved)
    return documents


def _pages(running: Running, site: Any) -> Any:
    from services.http.pages import Pages, page_routes

    pages = Pages(title=site.newsroom, base_url=site.base_url)
    return page_routes(pages, running.store, founded=site.founded, max_age_s=site.max_age_s)


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
