"""The API under /v1. Every route here is closed: it names the scope that opens it."""

from services.http.api import (
    articles,
    dead,
    deliveries,
    feed_health,
    feed_tokens,
    feeds,
    keys,
    searches,
    static,
    stats,
    subscribers,
    webhooks,
)

ROUTERS = (
    articles.router,
    webhooks.router,
    subscribers.router,
    feed_tokens.router,
    deliveries.router,
    searches.router,
    feeds.router,
    feed_health.router,
    keys.router,
    static.router,
    stats.router,
    dead.router,
)
