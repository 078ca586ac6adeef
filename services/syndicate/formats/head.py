"""What the heads of all formats say alike."""

from schemas.feed import FeedHead

SEVERAL_LANGUAGES = "mul"
"""ISO 639-2, RFC 5646 §4.1: a feed of several languages; each entry names its own."""

REMEMBERED = 1_024
"""Heads kept as text, about 1 KB each: joining a feed that moves often writes its date alone."""


def history(feed: FeedHead) -> str:
    """Mark a sealed archive or a complete feed (RFC 5005 §2, §4); a complete feed has no pages beside it."""
    complete = feed.complete and not feed.links
    return f"{'<fh:archive/>' if feed.archive else ''}{'<fh:complete/>' if complete else ''}"


def next_url(feed: FeedHead) -> str | None:
    """Where older entries stand: the next page, or the archive before. Never this very document: it would loop."""
    found = {link.rel: link.href for link in feed.links}
    older = found.get("next") or found.get("prev-archive")
    return older if older != feed.self_url else None
