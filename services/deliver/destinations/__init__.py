"""Kinds of endpoints: each builds the request that one delivery takes, outbound sends it. Pure.

To add one: one file with a function of this shape, one line here, and its case in
tests/contract/test_destinations.py.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from schemas.delivery import PendingDelivery, Request
from schemas.subscription import Endpoint
from services.deliver.destinations import webhook

Destination = Callable[[Endpoint, PendingDelivery, datetime, float], Request]
"""`(endpoint, delivery, now, timeout_s)`: `now` is this attempt's time."""

DESTINATIONS: Mapping[str, Destination] = {
    "webhook": webhook.build,
}

__all__ = ["DESTINATIONS", "Destination"]
