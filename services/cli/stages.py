"""Which stage reads which stream, with which collaborators. `schemas.topics` is the map, this is its wiring."""

import os
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, NamedTuple

from schemas.dead_letter import DeadLetter
from schemas.delivery import Attempt, Outcome, PendingDelivery
from schemas.event import ThinEvent
from schemas.subscription import Endpoint
from schemas.topics import INBOX, READS
from services.bus import Batch, Entry
from services.cli.wire import Running, clock, made_at, new_id

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
            check_room=partial(check_room, running),
            received=running.metrics.received,
            rejected=running.metrics.rejected,
            **parts,
        )
    if "enrich" in running.stages:
        from services.enrich.worker import enrich_articles

        off = frozenset(running.settings.enrich_off)
        handlers["enrich"] = partial(enrich_articles, store=running.store, pool=running.pool, off=off, **parts)
    if "syndicate" in running.stages:
        from services.cli.saved_feeds import start_saved_feeds
        from services.syndicate.worker import syndicate_articles

        saved = await start_saved_feeds(running)
        handlers["syndicate"] = partial(
            syndicate_articles,
            store=running.store,
            pool=running.pool,
            base_url=running.base_url,
            publisher=running.settings.title,
            has_pages=running.settings.public_feeds,
            saved=saved,
            shown=partial(_time_feeds, running),
            moved=_archivist(running).moved,
            **parts,
        )
    if "deliver" in running.stages:
        handlers["deliver"] = await _deliver(stack, running)
    if "syndicate" in running.stages:
        from services.cli.static import start_publishing

        await start_publishing(running)
    for stage, handler in handlers.items():
        running.bus.subscribe(
            READS[stage], stage, running.metrics.watch(stage, handler, lambda batch: len(batch.entries))
        )
    running.bus.on_poison = partial(_bury, running)


def _archivist(running: Running) -> Any:
    from services.syndicate.archivist import Archivist

    archivist = Archivist(running.store.archives, running.relay, clock=clock)
    running.keep(archivist.run(), "archivist")
    return archivist


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
        (await sending(stack, running)).sender,
        owner=owner_of(running),
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


def owner_of(running: Running) -> str:
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


async def sending(stack: AsyncExitStack, running: Running) -> _Sending:
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


def check_room(running: Running) -> None:
    """Refuse new events while what was accepted still has room to be worked on (P8). The sample is 2 s old at most."""
    from services.store import StoreFull

    reading, least = running.sampler.newest, running.settings.min_free_mb
    if running.settings.database_url is not None or reading is None or reading.disk is None:
        return
    if reading.disk.free < least * 1024 * 1024:
        raise StoreFull(f"less than {least} MiB are free where the data is; new events are refused until there is room")
