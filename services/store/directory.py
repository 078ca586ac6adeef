"""What leads readers to feeds and stories: the directory, and what came out lately.

All of it was recorded by the syndicate stage, so nothing here can know what is still under embargo (P9).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from schemas.feed import Entry
from schemas.records import FeedRow
from services.store.columns import parsed
from services.store.database import Database
from services.store.feeds import FEEDS, feed_row
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import entry, feed, feed_definition

_DEFINED = select(
    func.count().label("many"),
    func.max(feed.c.created_at).label("begun_at"),
    func.max(feed_definition.c.changed_at).label("defined_at"),
).outerjoin(feed_definition, feed_definition.c.feed == feed.c.name)
_STATE = Statement(
    _DEFINED.add_columns(func.max(feed.c.version).filter(feed.c.name == "all").label("version")).select_from(feed)
)
_PUBLIC = Statement(
    FEEDS.where(feed_definition.c.owner.is_(None), feed_definition.c.ended_at.is_(None)).order_by(feed.c.name)
)
_OWNED = Statement(
    FEEDS.where(feed_definition.c.owner == bindparam("of_owner"), feed_definition.c.ended_at.is_(None)).order_by(
        feed.c.name
    )
)
_OUT = Statement(
    select(entry.c.article_id, entry.c.made, entry.c.published)
    .where(entry.c.published >= bindparam("since"), entry.c.data.is_not(None), entry.c.gone_at.is_(None))
    .order_by(entry.c.published, entry.c.article_id)
)
_ENTRIES = Statement(
    select(entry.c.data, entry.c.made).where(entry.c.article_id.in_(listed("ids")), entry.c.data.is_not(None))
)


class DirectoryState(NamedTuple):
    """What the directory and the news depend on: equal, and neither has changed.

    `changed_at`: when a feed began, ended or was described anew, last; None: there is none. `version`: of
    the feed of all stories, which moves with every story that readers can see.
    """

    feeds: int
    changed_at: datetime | None
    version: int


class Out(NamedTuple):
    """A story that readers may see: its id, the version of its entry, and when it first came out."""

    article_id: str
    made: int
    published: datetime


class Directory:
    """Feeds and stories as they are announced."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self) -> DirectoryState:
        """Read, cheaply, whether anything changed."""

        def query(connection: Connection) -> DirectoryState:
            row = _STATE.one(connection)
            changed = max((at for at in (row.begun_at, row.defined_at) if at is not None), default=None)
            return DirectoryState(row.many, changed, row.version or 0)

        return await self._database.read(query)

    async def public(self) -> list[FeedRow]:
        """List the feeds that anybody may read now, by name."""
        return await self._database.read(lambda connection: [feed_row(row) for row in _PUBLIC.rows(connection)])

    async def of_subscriber(self, subscriber_id: str) -> list[FeedRow]:
        """List the feeds that are one partner's alone, by name."""
        return await self._database.read(
            lambda connection: [feed_row(row) for row in _OWNED.rows(connection, of_owner=subscriber_id)]
        )

    async def published_since(self, since: datetime) -> list[Out]:
        """List what first came out since then and is not taken back or expired, oldest first."""
        return await self._database.read(lambda connection: [Out(*row) for row in _OUT.rows(connection, since=since)])

    async def entries(self, article_ids: Collection[str]) -> Sequence[tuple[int, Entry]]:
        """Read entries, each with its version; what shows nothing any more is left out."""

        def query(connection: Connection) -> list[tuple[int, Entry]]:
            return [(row.made, parsed(Entry, row.data)) for row in _ENTRIES.find(connection, article_ids)]

        return await self._database.read(query) if article_ids else []
