"""Feeds over HTTP, the hot path: bytes from memory, and RFC 9110 to the letter."""

from services.http.feeds.route import feed_routes

__all__ = ["feed_routes"]
