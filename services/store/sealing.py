"""When a feed's oldest items become a sealed page (RFC 5005 §4), and which. Pure.

The subscription document holds all that is not sealed: at least 30 items and all of a day, near 512 KB where
that allows it. What is sealed goes in pages of 25, in the order in which it was committed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.history import PAGE

FLOOR = 30  # items that the subscription document keeps at least: aggregators refuse shorter feeds
SPAN = timedelta(hours=24)  # and all that moved so long before the newest move: data, not the clock
CAP = 512 * 1024  # bytes beyond which a day is too much


class Unsealed(NamedTuple):
    """One item of the subscription document.

    `version` and `article_id` are its place in the feed's order of commits; `made` and `updated` its entry's,
    `size` its longest fragment's bytes. `gone`: a stub or tombstone stands for it. `page` is the sealed page
    that shows it just so already; None: none does.
    """

    article_id: str
    version: int
    moved_at: datetime
    made: int
    updated: datetime | None
    size: int
    gone: bool
    page: int | None = None


class Content(NamedTuple):
    """What the subscription document holds in all: items that show, bytes, and when it moved last."""

    showing: int
    size: int
    newest: datetime


def sealable(oldest: Sequence[Unsealed], content: Content) -> list[list[Unsealed]]:
    """Cut what is to be sealed now from the oldest items, a page each. Empty: nothing yet.

    A part holds 25 items that no page shows, and between them those that one does. What is gone does not use
    up the floor; where the floor holds what is oldest, it does not hold what is gone behind it.
    """
    parts: list[list[Unsealed]] = []
    showing, size = content.showing, content.size
    rest = list(oldest)
    while part := _part(rest, showing):
        if size <= CAP and any(item.moved_at >= content.newest - SPAN for item in part):
            break
        parts.append(part)
        showing -= sum(not item.gone for item in part)
        size -= sum(item.size for item in part)
        taken = {item.article_id for item in part}
        rest = [item for item in rest if item.article_id not in taken]
    return parts


def _part(items: Sequence[Unsealed], showing: int) -> list[Unsealed]:
    """Find the shortest beginning with enough for a page that leaves the floor. Empty: it is not enough."""
    part = _beginning(items)
    if showing - sum(not item.gone for item in part) >= min(FLOOR, showing):
        return part
    return _beginning([item for item in items if item.gone])


def _beginning(items: Sequence[Unsealed]) -> list[Unsealed]:
    fresh = 0
    for at, item in enumerate(items, 1):
        fresh += item.page is None
        if fresh == PAGE:
            return list(items[:at])
    return []
