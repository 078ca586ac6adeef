"""Feeds over HTTP, the hot path: bytes from memory, and RFC 9110 to the letter."""

from services.http.feeds.answers import Answers, OnServed
from services.http.feeds.history import History
from services.http.feeds.limits import Limits, Rates
from services.http.feeds.route import feed_routes

__all__ = ["Answers", "History", "Limits", "OnServed", "Rates", "feed_routes"]
