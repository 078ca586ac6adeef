"""What watches over feeds in a serving process: who reads them, whether documents keep the rules, who is silent."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack

from schemas.serving import Served
from services.cli.wire import Running, clock
from services.syndicate.documents import Documents


def watch_feeds(stack: AsyncExitStack, running: Running, documents: Documents) -> Callable[[Served], None]:
    """Start it; returns what is to be told of every answer.

    A process that only reads SQL counts in its metrics alone: it can keep nothing.
    """
    from services.observe.audience import Audience
    from services.observe.feed_watch import FeedWatch
    from services.syndicate.checker import DocumentChecker
    from services.syndicate.fill import in_pool

    store, metrics = running.store, running.metrics
    if store.database.readonly:
        return metrics.feed_served
    audience = Audience(store.feed_health, clock=clock, random=secrets.token_bytes)
    running.keep(audience.run(), "audience")
    stack.push_async_callback(audience.flush)
    watch = FeedWatch(store.feed_health, clock=clock)
    running.keep(watch.run(), "feed watch")
    running.sampler.feeds = lambda: watch.sums
    offload = in_pool(running.pool.submit) if running.pool is not None else asyncio.to_thread
    checker = DocumentChecker(documents.peek, store.feed_health, clock=clock, offload=offload)
    documents.on_kept = checker.note
    running.keep(checker.run(), "feed checker")
    count, remember = metrics.feed_served, audience.served

    def served(told: Served) -> None:
        count(told)
        remember(told)

    return served
