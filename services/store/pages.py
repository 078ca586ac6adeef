"""What pages for people show: the directory of public feeds, a feed's latest stories, one story.

All of it was recorded by the syndicate stage, so nothing here can know what is still under embargo (P9).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from schemas.feed import Entry
from schemas.jobs import FeedKind, Page
from services.store.columns import parsed, storable
from services.store.database import Database
from services.store.sql import cursor_of, read_cursor
from services.store.statement import Statement
from services.store.tables import entry, feed, feed_definition, fragment, membership

MOST = 200
"""Rows of any list at once."""

_ADDRESS = func.coalesce(feed_definition.c.address, feed.c.name).label("address")
_title = func.coalesce(feed_definition.c.title, feed.c.title)
_COLUMNS = (feed.c.name, _ADDRESS, _title.label("title"), feed.c.kind, feed.c.lang, feed.c.changed_at, feed.c["items"])


def _public(statement: Any) -> Any:
    """Leave out what belongs to one partner, and what is over."""
    return statement.outerjoin(feed_definition, feed_definition.c.feed == feed.c.name).where(
        feed_definition.c.owner.is_(None), feed_definition.c.ended_at.is_(None)
    )


_COUNTS = Statement(_public(select(feed.c.kind, func.count().label("feeds"))).group_by(feed.c.kind))
_LARGEST = Statement(  # a statement for each kind: three times as fast as one with window functions
    _public(select(*_COLUMNS))
    .where(feed.c.kind == bindparam("of_kind"))
    .order_by(feed.c["items"].desc(), feed.c.name)
    .limit(bindparam("most"))
)
_OF_KIND = Statement(
    _public(select(*_COLUMNS))
    .where(feed.c.kind == bindparam("of_kind"), feed.c.name > bindparam("after"))
    .order_by(feed.c.name)
    .limit(bindparam("most"))
)
_NAMED = Statement(
    _public(select(*_COLUMNS))
    .where(
        feed.c.name.contains(bindparam("of_slug"), escape="\\") | _title.icontains(bindparam("of_title"), escape="\\")
    )
    .order_by(feed.c["items"].desc(), feed.c.name)
    .limit(bindparam("most"))
)
_LATEST = Statement(
    select(entry.c.key, entry.c.data)
    .select_from(membership)
    .join(entry, entry.c.article_id == membership.c.article_id)
    .where(membership.c.feed == bindparam("of_feed"), membership.c.left_at.is_(None), entry.c.data.is_not(None))
    .order_by(membership.c.moved_at.desc(), membership.c.article_id.desc())
    .limit(bindparam("most"))
)
_STORY = Statement(select(entry.c.key, entry.c.data, entry.c.article_id).where(entry.c.key == bindparam("of_key")))
_CARRYING = Statement(
    _public(select(*_COLUMNS).join(membership, membership.c.feed == feed.c.name))
    .where(membership.c.article_id == bindparam("of_article"), membership.c.left_at.is_(None))
    .order_by(feed.c["items"].desc(), feed.c.name)
    .limit(bindparam("most"))
)
_FORMATS = Statement(
    select(fragment.c.format).where(fragment.c.article_id == bindparam("of_article")).order_by(fragment.c.format)
)
_FRAGMENT = Statement(
    select(fragment.c.data, entry.c.gone_at, entry.c.updated)
    .join(entry, entry.c.article_id == fragment.c.article_id)
    .where(entry.c.key == bindparam("of_key"), entry.c.data.is_not(None), fragment.c.format == bindparam("of_format"))
)


class ListedFeed(NamedTuple):
    """A public feed in a list. `items`: stories it carries now; `changed_at`: when that moved last."""

    name: str
    address: str
    title: str
    kind: FeedKind
    lang: str | None
    changed_at: datetime
    items: int


class FeedGroup(NamedTuple):
    """The largest feeds of one kind, and how many there are in all."""

    kind: FeedKind
    feeds: int
    largest: Sequence[ListedFeed]


class Story(NamedTuple):
    """An entry and the key of its page."""

    key: str
    entry: Entry


class StoryPage(NamedTuple):
    """A story with the public feeds that carry it now, and the names of the formats it is stored in."""

    key: str
    entry: Entry
    feeds: Sequence[ListedFeed]
    formats: frozenset[str]


class SingleItem(NamedTuple):
    """A story's bytes in one format. `gone`: it was taken back or expired, and these bytes say so."""

    data: bytes
    gone: bool
    updated: datetime


class PageReads:
    """Reads for pages. Every list is bounded by `MOST`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def groups(self, most: int) -> list[FeedGroup]:
        """Read the feeds with most stories, `most` of each kind. Looks at every feed, some 2 µs each."""
        most = min(most, MOST)

        def query(connection: Connection) -> list[FeedGroup]:
            counts = _COUNTS.rows(connection)
            largest = {row.kind: _LARGEST.rows(connection, of_kind=row.kind, most=most) for row in counts}
            return [FeedGroup(row.kind, row.feeds, [_listed(each) for each in largest[row.kind]]) for row in counts]

        return await self._database.read(query)

    async def of_kind(self, kind: FeedKind, cursor: str | None = None, limit: int = MOST) -> Page[ListedFeed]:
        """List all feeds of a kind by name. Raises ValueError for a cursor that is not ours."""
        # Names of automatic feeds begin with their kind: the primary key finds the first one.
        after = read_cursor(cursor, [str])[0] if cursor else "" if kind in {"all", "saved"} else f"{kind}/"
        limit = min(limit, MOST)

        def query(connection: Connection) -> Page[ListedFeed]:
            rows = _OF_KIND.rows(connection, of_kind=kind, after=storable(after), most=limit + 1)
            more = cursor_of(rows[limit - 1].name) if len(rows) > limit else None
            return Page([_listed(row) for row in rows[:limit]], more)

        return await self._database.read(query)

    async def named(self, slug: str, title: str, limit: int = MOST) -> list[ListedFeed]:
        """Find feeds by a part of their name (spelled as a slug) or of their title; those with most stories first."""

        def query(connection: Connection) -> list[ListedFeed]:
            wanted = {"of_slug": _literal(slug or title), "of_title": _literal(title), "most": min(limit, MOST)}
            return [_listed(row) for row in _NAMED.rows(connection, **wanted)]

        return await self._database.read(query)

    async def latest(self, name: str, limit: int = 30) -> list[Story]:
        """Read the stories of a feed that moved last, newest first as in its documents. `name` is the feed's key."""

        def query(connection: Connection) -> list[Story]:
            rows = _LATEST.rows(connection, of_feed=name, most=min(limit, MOST))
            stories = [Story(row.key or "", parsed(Entry, row.data)) for row in rows]
            stories.sort(key=lambda story: story.entry.id)
            stories.sort(key=lambda story: story.entry.published, reverse=True)
            return stories

        return await self._database.read(query)

    async def story(self, key: str) -> StoryPage | None:
        """Read what the page of an article shows. None: readers may not see it, or never could."""

        def query(connection: Connection) -> StoryPage | None:
            row = _STORY.one(connection, of_key=key)
            if row is None or row.data is None:
                return None
            feeds = [_listed(each) for each in _CARRYING.rows(connection, of_article=row.article_id, most=MOST)]
            formats = frozenset(each.format for each in _FORMATS.rows(connection, of_article=row.article_id))
            return StoryPage(row.key, parsed(Entry, row.data), feeds, formats)

        return await self._database.read(query)

    async def single(self, key: str, format_name: str) -> SingleItem | None:
        """Read a story's bytes in one format. None: there is no such story that readers may see, or not in it."""

        def query(connection: Connection) -> SingleItem | None:
            row = _FRAGMENT.one(connection, of_key=key, of_format=format_name)
            return None if row is None else SingleItem(row.data, row.gone_at is not None, row.updated)

        return await self._database.read(query)


def _listed(row: Any) -> ListedFeed:
    return ListedFeed(row.name, row.address, row.title, row.kind, row.lang, row.changed_at, row.items)


def _literal(text: str) -> str:
    """Take from `%` and `_` what they mean to LIKE; the statement adds its own around it."""
    return storable(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
