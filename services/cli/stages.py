"""Which stage reads which stream, with which collaborators. `schemas.topics` is the map, this is its wiring."""

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from schemas.dead_letter import DeadLetter
from schemas.delivery import Attempt, Cause, Outcome, PendingDelivery, Response
from schemas.event import FeedUpdated, ThinEvent
from schemas.subscription import Endpoint
from schemas.topics import FEED_UPDATED, INBOX, READS
from services.bus import Batch, Entry
from services.cli.wire import Running, clock, first_key, made_at, new_id

_OUTBOUND_STAGES = frozenset({"deliver", "http"})


class _Sending(NamedTuple):
    sender: Any
    policy: Any


async def start_stages(stack: AsyncExitStack, running: Running) -> None:
    """Subscribe the chosen stages' handlers and start what else they need; the bus starts later."""
    handlers: dict[str, Callable[[Batch], Awaitable[None]]] = {}
    parts: dict[str, Any] = {"relay": running.relay, "clock": clock}
    if "ingest" in running.stages:
        from services.ingest.worker import ingest_inbox

        handlers["ingest"] = partial(
            ingest_inbox,
            store=running.store,
            new_id=new_id,
            check_room=partial(_check_room, running),
            received=running.metrics.received,
            rejected=running.metrics.rejected,
            **parts,
        )
    if "enrich" in running.stages:
        from services.enrich.worker import enrich_articles

        off = frozenset(running.settings.enrich_off)
        handlers["enrich"] = partial(enrich_articles, store=running.store, pool=running.pool, off=off, **parts)
    if "syndicate" in running.stages:
        from services.syndicate.worker import syndicate_articles

        handlers["syndicate"] = partial(
            syndicate_articles,
            store=running.store,
            pool=running.pool,
            base_url=running.base_url,
            publisher=running.settings.title,
            shown=partial(_time_feeds, running),
            **parts,
        )
    if "deliver" in running.stages:
        handlers["deliver"] = await _deliver(stack, running)
    for stage, handler in handlers.items():
        running.bus.subscribe(
            READS[stage], stage, running.metrics.watch(stage, handler, lambda batch: len(batch.entries))
        )
    running.bus.on_poison = partial(_bury, running)


async def _deliver(stack: AsyncExitStack, running: Running) -> Callable[[Batch], Awaitable[None]]:
    from services.deliver.drain import Drain
    from services.deliver.mailbox import Options
    from services.deliver.worker import Targets, fan_out_articles
    from services.outbound.capacity import raise_open_files, requests_at_once
    from services.store import StoreUnavailable

    settings, store = running.settings, running.store
    drain = Drain(
        store.deliveries,
        store.endpoints,
        (await _sending(stack, running)).sender,
        owner=_owner(running),
        clock=clock,
        random=lambda: random.uniform(0, 0.2),  # noqa: S311 - jitter
        options=Options(
            timeout_s=settings.delivery_timeout_s,
            in_flight=settings.delivery_in_flight,
            in_flight_all=requests_at_once(raise_open_files()),
            schedule_s=settings.delivery_schedule_s,
        ),
        waits_for=(StoreUnavailable,),
        on_attempt=partial(_count_attempt, running),
    )
    await drain.start()
    stack.push_async_callback(drain.stop)
    running.wake_drain = drain.wake
    return partial(
        fan_out_articles,
        store=store.deliveries,
        targets=Targets(store.endpoints),
        clock=clock,
        new_id=new_id,
        wake=drain.wake,
    )


def _owner(running: Running) -> str:
    """Name this process in leases. On SQLite there is one at a time: it takes its predecessor's leases over at once."""
    if running.settings.database_url is None:
        return "up"
    return f"{socket.gethostname()}:{os.getpid()}:{new_id()[:12]}"


def _count_attempt(running: Running, _endpoint: Endpoint, delivery: PendingDelivery, attempt: Attempt) -> None:
    running.metrics.attempted(attempt.outcome, attempt.status, attempt.ms / 1000)
    if attempt.outcome is Outcome.OK and attempt.n == 1:
        running.metrics.reached("webhook", attempt.at.timestamp() + attempt.ms / 1000 - made_at(delivery.event_id))


def _time_feeds(running: Running, event_ids: Sequence[str]) -> None:
    now = clock().timestamp()
    for event_id in event_ids:
        running.metrics.reached("feed", now - made_at(event_id))


async def _sending(stack: AsyncExitStack, running: Running) -> _Sending:
    """Open the one door to the outside, once per process."""
    if running.sending is None:
        from services.outbound.aiohttp_sender import AiohttpSender
        from services.outbound.guard import AddressPolicy

        settings = running.settings
        policy = AddressPolicy.of(
            settings.allow_addresses,
            allow_http=settings.allow_http,
            allow_ports=settings.allow_ports,
            listeners=[running.listener] if running.listener else [],
        )
        sender = AiohttpSender(policy)
        stack.push_async_callback(sender.close)
        running.sending = _Sending(sender, policy)
    return running.sending


async def _bury(running: Running, group: str, entries: Sequence[Entry], cause: str) -> None:
    """Keep what the bus gives up: an event's work ends as dead; bytes that are no event are kept whole."""
    letters = [_letter(group, entry, cause) for entry in entries]
    events = [letter for letter in letters if letter.event_id]
    if events:
        await running.store.work.give_up(events, clock())
    if others := [letter for letter in letters if not letter.event_id]:
        await running.store.dead_letters.add(others)


def _letter(group: str, entry: Entry, cause: str) -> DeadLetter:
    detail = f"entry {entry.id} after {entry.deliveries} deliveries"
    if group != INBOX.groups[0]:
        try:
            event = ThinEvent.model_validate_json(entry.data or b"")
        except ValueError:
            return DeadLetter(stage=group, cause="unreadable", detail=detail, at=clock(), raw=entry.raw())
        return DeadLetter(
            stage=group, cause=cause, detail=detail, at=clock(), event_id=event.event_id, article_id=event.article_id
        )
    return DeadLetter(stage=group, cause=cause, detail=detail, at=clock(), raw=entry.raw())


async def start_http(stack: AsyncExitStack, running: Running, sock: socket.socket) -> None:
    """Make the app and its documents, and serve them."""
    from services.cli.http_server import serving
    from services.http.app import create_app
    from services.http.deps import Deps
    from services.http.feeds import feed_routes

    documents = await _documents(running)
    stack.push_async_callback(documents.close)
    running.keep(documents.run(), "documents")
    policy = (await _sending(stack, running)).policy
    await first_key(running)
    settings = running.settings
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
            check_room=partial(_check_room, running),
            received=running.metrics.received,
            rejected=running.metrics.rejected,
            wake=partial(_wake, running),
            feeds=(feed_routes(documents, clock=clock, on_served=running.metrics.feed_served),),
            title=settings.title,
            version=running.version,
            admin_key=settings.admin_key.get_secret_value() if settings.admin_key else None,
            behind_proxy=settings.behind_proxy,
        )
    )
    task = await stack.enter_async_context(serving(app, sock, behind_proxy=settings.behind_proxy))
    running.tasks.append(task)


async def _documents(running: Running) -> Any:
    from services.syndicate.documents import Documents
    from services.syndicate.joiner import Site

    settings, meta = running.settings, running.store.meta
    if (founded := await meta.get("founded")) is None:
        founded = clock().isoformat(timespec="seconds")
        await meta.set("founded", founded)
    site = Site(
        base_url=running.base_url,
        newsroom=settings.title,
        installation=UUID(await meta.get("namespace")),
        founded=datetime.fromisoformat(founded),
        max_age_s=settings.feed_max_age_s,
    )
    documents = Documents(running.store.feeds, site, cache_bytes=settings.feed_cache_mb * 1024 * 1024)

    async def moved(batch: Batch) -> None:
        for entry in batch.entries:
            event = FeedUpdated.model_validate_json(entry.data or b"{}")
            documents.invalidate(event.feed, event.version)

    running.bus.tail(FEED_UPDATED, moved)
    return documents


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


def _check_room(running: Running) -> None:
    """Refuse new events while what was accepted still has room to be worked on (P8). The sample is 2 s old at most."""
    from services.store import StoreFull

    reading, least = running.sampler.newest, running.settings.min_free_mb
    if running.settings.database_url is not None or reading is None or reading.disk is None:
        return
    if reading.disk.free < least * 1024 * 1024:
        raise StoreFull(f"less than {least} MiB are free where the data is; new events are refused until there is room")


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
