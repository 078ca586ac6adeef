"""What moved in a feed, in the order of commits: the log that live streams are resumed from.

Each article stands in it once, where it moved last. A feed's row is locked while it moves, so a version
that can be read is whole, and none before it is still to come.
"""

from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, select, tuple_

from schemas.jobs import Change
from services.store.database import Database
from services.store.sql import listed
from services.store.statement import Statement
from services.store.tables import entry, fragment, membership

_PLACE = tuple_(membership.c.version, membership.c.article_id)
_LOG = (
    select(
        membership.c.version,
        membership.c.article_id,
        membership.c.first_seen,
        membership.c.moved_at,
        entry.c.data,
        fragment.c.data.label("item"),
    )
    .join(entry, entry.c.article_id == membership.c.article_id)
    .outerjoin(
        fragment, and_(fragment.c.article_id == membership.c.article_id, fragment.c.format == bindparam("of_format"))
    )
    .where(membership.c.feed == bindparam("of_feed"), membership.c.left_at.is_(None), entry.c.data.is_not(None))
)
_AFTER = Statement(
    _LOG.where(tuple_(bindparam("version"), bindparam("article_id")) < _PLACE)
    .order_by(membership.c.version, membership.c.article_id)
    .limit(bindparam("most"))
)
_LAST = Statement(
    select(membership.c.version, membership.c.article_id)
    .where(membership.c.feed == bindparam("of_feed"), membership.c.left_at.is_(None))
    .order_by(membership.c.version.desc(), membership.c.article_id.desc())
    .limit(1)
)
_FEEDS = Statement(
    select(membership.c.article_id, membership.c.feed).where(
        membership.c.article_id.in_(listed("ids")), membership.c.left_at.is_(None)
    )
)


class Place(NamedTuple):
    """A place in a feed's order of commits."""

    version: int = 0
    article_id: str = ""


class Changes:
    """The order in which articles moved in a feed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self, feed: str) -> Place:
        """Find the place of what moved last; the zero place while nothing ever did."""

        def query(connection: Connection) -> Place:
            row = _LAST.one(connection, of_feed=feed)
            return Place() if row is None else Place(row.version, row.article_id)

        return await self._database.read(query)

    async def after(self, feed: str, place: Place, limit: int = 200) -> list[Change]:
        """Read what moved behind a place, oldest first, at most `limit`. Empty: nothing more yet."""

        def query(connection: Connection) -> list[Change]:
            rows = _AFTER.rows(connection, of_feed=feed, of_format="json", most=limit, **place._asdict())
            feeds: dict[str, list[str]] = {}
            for article_id, name in _FEEDS.find(connection, sorted({row.article_id for row in rows})):
                feeds.setdefault(article_id, []).append(name)
            return [
                Change(
                    row.version,
                    row.article_id,
                    row.first_seen == row.moved_at,
                    row.data,
                    row.item,
                    frozenset(feeds.get(row.article_id, ())),
                )
                for row in rows
            ]

        return await self._database.read(query)
