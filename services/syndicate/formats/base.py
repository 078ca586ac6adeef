"""What a format is: two pure functions and their names."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.feed import Entry, FeedHead


class Format(NamedTuple):
    """One feed format.

    `entry` renders an article's fragment, once per change; None: this format carries nothing of it
    (an expired article in RSS). It raises ValueError for an entry that cannot be rendered: a retry
    does not help. `document` joins fragments under a head, byte-identical for identical input.
    """

    name: str  # also the extension in the feed's URL
    media_type: str
    entry: Callable[[Entry], bytes | None]
    document: Callable[[FeedHead, Sequence[bytes]], bytes]
    tombstones: bool = False  # knows deleted entries, which stay longer than the window (RFC 6721)
