"""Which articles a feed's document shows, and in which order. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from schemas.jobs import WindowItem

FLOOR = 30  # items at least: aggregators refuse shorter feeds
SPAN = timedelta(hours=24)  # and all that moved so long before the newest move: data, not the clock
CAP = 2_500  # items at most


def cut(items: Sequence[WindowItem]) -> list[WindowItem]:
    """Keep the window of `items` (newest move first), newest story first, ties broken by id.

    A correction or retraction is a move: it brings an old story back into the window, at its old place.
    """
    if not items:
        return []
    since = items[0].moved_at - SPAN
    kept = [item for at, item in enumerate(items[:CAP]) if at < FLOOR or item.moved_at >= since]
    kept.sort(key=lambda item: item.entry_id)
    kept.sort(key=lambda item: item.published, reverse=True)
    return kept
