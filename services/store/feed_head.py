"""A feed's own row with what people said of it and how much of it is sealed; its key, its address, its old ones."""

from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from schemas.feed import Moved
from schemas.records import FeedRow
from services.store.statement import Statement
from services.store.tables import archive, feed, feed_alias, feed_definition

FEEDS = (
    select(
        feed.c.name,
        feed.c.kind,
        feed.c.lang,
        feed.c.version,
        feed.c.changed_at,
        feed.c["items"],
        func.coalesce(feed_definition.c.title, feed.c.title).label("title"),
        func.coalesce(feed_definition.c.address, feed.c.name).label("address"),
        feed_definition.c.description,
        feed_definition.c.filter,
        feed_definition.c.owner,
        func.coalesce(feed_definition.c.body, "full").label("body"),
        feed_definition.c.max_age_s,
        feed_definition.c.silent_after_s,
        func.coalesce(feed_definition.c.created_at, feed.c.created_at).label("created_at"),
        feed_definition.c.ended_at,
        func.coalesce(feed_definition.c.searches, 0).label("searches"),
        case((feed_definition.c.filled < feed_definition.c.version, 1), else_=0).label("filling"),
        func.coalesce(archive.c.generation, 1).label("generation"),
        func.coalesce(archive.c["items"], 0).label("sealed"),
    )
    .outerjoin(feed_definition, feed_definition.c.feed == feed.c.name)
    .outerjoin(archive, archive.c.feed == feed.c.name)
)
"""`feed_row` reads its rows."""

_HEAD = Statement(FEEDS.where(feed.c.name == bindparam("of_feed")))
_KEY = Statement(select(feed_definition.c.feed).where(feed_definition.c.address == bindparam("of_address")))
_ALIAS = Statement(select(feed_alias.c.feed).where(feed_alias.c.address == bindparam("of_address")))


def feed_row(row: Any) -> FeedRow:
    """Read a row of `FEEDS`."""
    return FeedRow.model_validate(row._asdict())


def head(connection: Connection, name: str) -> FeedRow | None:
    """See `Feeds.head`."""
    row = _HEAD.one(connection, of_feed=name)
    return None if row is None else feed_row(row)


def find(connection: Connection, address: str) -> FeedRow | Moved | None:
    """See `Feeds.find`."""
    key = _KEY.one(connection, of_address=address)
    row = _HEAD.one(connection, of_feed=address if key is None else key.feed)
    if row is not None and row.address == address:
        return feed_row(row)
    alias = row if row is not None else _ALIAS.one(connection, of_address=address)
    if alias is None:
        return None
    row = row if row is not None else _HEAD.one(connection, of_feed=alias.feed)
    return None if row is None else Moved(row.address, private=row.owner is not None)
