"""What stands above the entries of each document: subscription, sealed page, answer to "what moved since". Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID, uuid5

from schemas.feed import FeedHead, FeedLink
from schemas.records import FeedRow
from services.syndicate.history import url_of
from services.syndicate.naming import feed_description, feed_title


class Site(NamedTuple):
    """What all feeds of an installation share.

    `base_url` without a trailing slash; `installation` never changes, so that no feed's id ever does
    (RFC 4287 §4.2.6); `founded` dates the feed `all` while nothing is in it.
    """

    base_url: str
    newsroom: str
    installation: UUID
    founded: datetime
    max_age_s: int = 60
    hub_urls: tuple[str, ...] = ()  # WebSub hubs that are told of every change
    is_public: bool = True  # False: every feed is read by token or key only

    def is_private(self, feed: FeedRow) -> bool:
        """Whether a feed is for some readers only."""
        return feed.owner is not None or not self.is_public


def feed_head(
    feed: FeedRow,
    site: Site,
    format_name: str,
    updated: Sequence[datetime],
    *,
    page: str = "",
    links: tuple[FeedLink, ...] = (),
) -> FeedHead:
    """Head a document dated by its entries (data, never the clock: RFC 4287 §4.2.15), or, empty, by its feed.

    `page` names a sealed one: it is an archive, and no hub tells of it.
    """
    return FeedHead(
        name=feed.name,
        id=uuid5(site.installation, f"feed:{feed.name}").urn,
        title=feed_title(feed, site.newsroom),
        description=feed_description(feed, site.newsroom),
        publisher=site.newsroom,
        home_url=f"{site.base_url}/feeds/{quote(feed.address)}",
        self_url=url_of(site.base_url, feed, format_name, page),
        hub_urls=() if page or site.is_private(feed) else site.hub_urls,
        links=links,
        archive=bool(page),
        lang=feed.lang,
        updated=max(updated, default=feed.changed_at),
        ttl_minutes=max(1, (feed.max_age_s or site.max_age_s) // 60),
    )
