"""Which articles a feed's document shows, and in which order. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from schemas.jobs import WindowItem

FLOOR = 30  # items at least: aggregators refuse shorter feeds
SPAN = timedelta(hours=24)  # and all that moved so long before the newest move: data, not the clock
CAP = 2_500  # items at most
GONE = timedelta(days=30)  # a format that knows tombstones keeps them for so long, beside the window (RFC 6721)


def cut(items: Sequence[WindowItem], *, tombstones: bool = False) -> list[WindowItem]:
    """Keep the window of `items` (newest move first), newest story first, ties broken by id.

    A correction or retraction is a move: it brings an old story back into the window, at its old place.
    What is gone does not use up the window's floor.
    """
    if not items:
        return []
    newest = items[0].moved_at
    kept: list[WindowItem] = []
    showing = 0
    for at, item in enumerate(items):
        within = at < CAP and (showing < FLOOR or item.moved_at >= newest - SPAN)
        if within or (tombstones and item.gone_at is not None and item.moved_at >= newest - GONE):
            kept.append(item)
        showing += item.gone_at is None
    kept.sort(key=lambda item: item.entry_id)
    kept.sort(key=lambda item: item.published, reverse=True)
    return kept
