"""What a format is: pure functions and their names."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from schemas.feed import Entry, FeedHead

Render = Callable[[Entry], bytes | None]
Body = Literal["full", "summary"]


class Format(NamedTuple):
    """One feed format.

    `entry` renders an article's fragment, once per change; None: this format carries nothing of it
    (an expired article in RSS). It raises ValueError for an entry that cannot be rendered: a retry
    does not help. `document` joins fragments under a head, byte-identical for identical input.
    `summary` renders the entry for feeds without full text; None: the format is always full.
    `single` makes a document of one fragment of `entry`, of type `single_type`; None: items stand in lists only.
    """

    name: str  # also the extension in the feed's URL
    media_type: str
    entry: Render
    document: Callable[[FeedHead, Sequence[bytes]], bytes]
    tombstones: bool = False  # knows deleted entries, which stay longer than the window (RFC 6721)
    summary: Render | None = None
    single: Callable[[bytes], bytes] | None = None
    single_type: str | None = None

    def fragment_name(self, body: Body) -> str:
        """Name the fragments that a feed of this kind joins: what they are stored under."""
        return f"{self.name}-summary" if body == "summary" and self.summary is not None else self.name

    def renders(self) -> dict[str, Render]:
        """Every fragment that one entry has in this format, by name."""
        full = {self.name: self.entry}
        return full if self.summary is None else {**full, f"{self.name}-summary": self.summary}
