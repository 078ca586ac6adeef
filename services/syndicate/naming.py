"""What a feed is called and said to be, the same in its documents, in directories and on pages. Pure."""

from schemas.automatic import ALL
from schemas.records import FeedRow


def feed_title(row: FeedRow, newsroom: str) -> str:
    """Name the feed: the newsroom's own name for everything, else the newsroom's and the feed's."""
    return newsroom if row.name == ALL.name else f"{newsroom}: {row.title}"


def feed_description(row: FeedRow, newsroom: str) -> str:
    """Say what the feed holds; what people said of it goes first."""
    if row.description:
        return row.description
    return f"The latest from {newsroom}." if row.name == ALL.name else f"{row.title}: the latest from {newsroom}."
