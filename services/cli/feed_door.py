"""What readers reach: documents, their answers, history, private feeds, streams, pages and what leads to them.

feed.updated ─▶ documents ─▶ answers ─▶ fast path, plain route, private feeds
            └─▶ hub ─▶ streams
"""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from schemas.event import FeedUpdated
from schemas.topics import FEED_UPDATED
from services.bus import Batch
from services.cli.feed_watch import watch_feeds
from services.cli.site import discovery_of, site_of
from services.cli.wire import Running, clock
from services.settings import Settings


class OpenFeeds(NamedTuple):
    """The readers' side, open. `hang_up` ends every stream and long poll."""

    routes: tuple[Any, ...]
    answers: Any
    gate: Any
    stream: Any
    hang_up: Callable[[], None]


async def open_feeds(stack: AsyncExitStack, running: Running) -> OpenFeeds:
    """Make and start it; the stack closes it."""
    from services.http.discovery import directory_routes, discovery_routes
    from services.http.feeds import Answers, History, Limits, feed_routes
    from services.http.private import PrivateFeeds, private_routes
    from services.http.stream import Hub, StreamApp, stream_routes

    hub = Hub(running.store.changes)
    running.keep(hub.run(), "stream")
    documents = await _documents(stack, running, hub.wake)
    answers = Answers(
        documents,
        clock=clock,
        monotonic=time.monotonic,
        limits=Limits(_rates(running.settings)),
        on_served=watch_feeds(stack, running, documents),
    )
    stack.push_async_callback(answers.close)
    gate, history, stream = _gate(stack, running), History(answers), StreamApp(hub, running.store.feeds)
    private = PrivateFeeds(answers, gate, (history,))
    routes = (
        feed_routes(answers, (private.under_feeds, history.public)),
        private_routes(private),
        stream_routes(stream),
        discovery_routes(discovery_of(running, documents.site), clock=clock),
        directory_routes(documents.site),
        _pages(running, documents.site),
    )

    def hang_up() -> None:
        hub.close()
        history.close()

    return OpenFeeds(routes, answers, gate, stream, hang_up)


def _gate(stack: AsyncExitStack, running: Running) -> Any:
    from services.http.background import Background
    from services.http.private import Gate

    background, tokens = Background(), running.store.feed_tokens
    stack.push_async_callback(background.finish)
    return Gate(
        tokens,
        clock=clock,
        monotonic=time.monotonic,
        used=lambda token_id: background.run(tokens.touch(token_id, clock())),
    )


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


async def _documents(stack: AsyncExitStack, running: Running, moved_too: Callable[[], None]) -> Any:
    from services.syndicate.documents import Documents

    site = await site_of(running)
    documents = Documents(running.store.feeds, site, cache_bytes=running.settings.feed_cache_mb * 1024 * 1024)

    async def moved(batch: Batch) -> None:
        moved_too()
        for entry in batch.entries:
            event = FeedUpdated.model_validate_json(entry.data or b"{}")
            documents.invalidate(event.feed, event.version)

    running.bus.tail(FEED_UPDATED, moved)
    stack.push_async_callback(documents.close)
    running.keep(documents.run(), "documents")
    return documents


def _pages(running: Running, site: Any) -> Any:
    from services.http.pages import Pages, page_routes

    pages = Pages(title=site.newsroom, base_url=site.base_url)
    return page_routes(pages, running.store, founded=site.founded, max_age_s=site.max_age_s)
