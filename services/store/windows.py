"""What documents of a feed are made of: its window, its sealed pages, what moved behind a place."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select, tuple_

from schemas.feed import Moved
from schemas.history import PAGE, Moves, Place, SealedItem, SealedPage, Window
from schemas.jobs import WindowItem
from schemas.records import FeedRow
from services.store.feed_head import find
from services.store.statement import Statement
from services.store.tables import archive, archive_item, entry, fragment, membership, past_fragment

UNSEALED_MOST = 5_000
"""Items that a window holds at most: more are there only until the archivist gets to them."""

STUBS_MOST = 1_000
"""Old tombstones beside a window."""

GONE = timedelta(days=30)  # a format that knows tombstones keeps them for so long (RFC 6721)
SKEW = timedelta(seconds=10)  # clocks of hosts that write differ by less: versions are their common order

_OF_FEED = membership.c.feed == bindparam("of_feed")
_CARRIED = (_OF_FEED, membership.c.left_at.is_(None))
_PLACE = tuple_(membership.c.version, membership.c.article_id)
_COLUMNS = (
    membership.c.article_id,
    entry.c.made,
    membership.c.moved_at,
    entry.c.published,
    entry.c.updated,
    entry.c.entry_id,
    entry.c.gone_at,
)


def _items(*columns: ColumnElement[Any]) -> Select[Any]:
    carried = select(*_COLUMNS, *columns).join(entry, entry.c.article_id == membership.c.article_id)
    return carried.where(*_CARRIED, entry.c.data.is_not(None)).limit(bindparam("most"))


_WINDOW = Statement(
    _items().where(membership.c.sealed.is_(None)).order_by(membership.c.version.desc(), membership.c.article_id.desc())
)
_STUBS = Statement(
    _items()
    .where(membership.c.sealed.is_not(None), membership.c.gone_at >= bindparam("since"))
    .order_by(membership.c.gone_at.desc())
)
_AFTER = Statement(
    _items(membership.c.version, entry.c.size, entry.c.key)
    .where(tuple_(bindparam("version"), bindparam("article_id")) < _PLACE)
    .order_by(membership.c.version, membership.c.article_id)
)
_KEPT = Statement(select(entry.c.article_id).where(entry.c.key == bindparam("of_key")))
_FIRST_AFTER = Statement(
    select(membership.c.moved_at)
    .where(*_CARRIED, membership.c.moved_at > bindparam("at"))
    .order_by(membership.c.moved_at, membership.c.article_id)
    .limit(1)
)
_LOWEST = Statement(
    select(func.min(membership.c.version).label("version")).where(
        *_CARRIED, membership.c.moved_at > bindparam("at"), membership.c.moved_at <= bindparam("until")
    )
)
_PAGE = Statement(
    select(
        archive_item.c.version,
        archive_item.c.updated,
        archive_item.c.sealed_at,
        entry.c.published,
        entry.c.entry_id,
        fragment.c.version.label("now"),
        fragment.c.data,
        past_fragment.c.data.label("past"),
        archive.c.changed_at,
    )
    .join(archive, archive.c.feed == archive_item.c.feed)
    .join(entry, entry.c.article_id == archive_item.c.article_id)
    .outerjoin(
        fragment, and_(fragment.c.article_id == archive_item.c.article_id, fragment.c.format == bindparam("of_format"))
    )
    .outerjoin(
        past_fragment,
        and_(
            past_fragment.c.article_id == archive_item.c.article_id,
            past_fragment.c.format == bindparam("of_format"),
            past_fragment.c.version == archive_item.c.version,
        ),
    )
    .where(archive_item.c.feed == bindparam("of_feed"), archive_item.c.page == bindparam("number"))
)

_BEGUN = Statement(select(archive.c.changed_at).where(archive.c.feed == bindparam("of_feed")))


def window(connection: Connection, address: str) -> Window | Moved | None:
    """See `Feeds.subscription`."""
    feed = find(connection, address)
    if not isinstance(feed, FeedRow):
        return feed
    items = unsealed(connection, feed.name)
    stubs: list[WindowItem] = []
    if items and feed.sealed:
        since = max(item.moved_at for item in items) - GONE
        stubs = [WindowItem(*row) for row in _STUBS.rows(connection, of_feed=feed.name, since=since, most=STUBS_MOST)]
    return Window(feed, items, stubs)


def unsealed(connection: Connection, name: str, limit: int = UNSEALED_MOST) -> list[WindowItem]:
    """See `Feeds.window`."""
    return [WindowItem(*row) for row in _WINDOW.rows(connection, of_feed=name, most=limit)]


def sealed_page(connection: Connection, feed: FeedRow, number: int, fragment_name: str) -> SealedPage | None:
    """See `Feeds.sealed_page`."""
    rows = _PAGE.rows(connection, of_feed=feed.name, number=number, of_format=fragment_name)
    if not rows:  # all that it held was taken back, and is told in newer pages
        begun = _BEGUN.one(connection, of_feed=feed.name)
        return SealedPage(feed, [], begun.changed_at) if 1 <= number <= feed.sealed // PAGE else None
    items = [
        SealedItem(row.entry_id, row.published, row.updated, row.data if row.now == row.version else row.past)
        for row in rows
        if row.entry_id is not None and row.updated is not None
    ]
    return SealedPage(feed, items, max(rows[0].changed_at, *(row.sealed_at for row in rows)))


def moves(
    connection: Connection, address: str, behind: Place | datetime | None, limit: int, most_bytes: int
) -> Moves | Moved | None:
    """See `Feeds.moves`."""
    feed = find(connection, address)
    if not isinstance(feed, FeedRow):
        return feed
    if behind is None:
        return Moves(feed, (), Place(feed.version + 1))  # the next commit's
    since = behind if isinstance(behind, datetime) else None
    place = _place_of(connection, feed, behind) if isinstance(behind, datetime) else behind
    last = _KEPT.one(connection, of_key=place.key) if place.key else None
    rows = _AFTER.rows(
        connection,
        of_feed=feed.name,
        most=limit + 1,
        version=place.version,
        article_id="" if last is None else last.article_id,
    )
    kept: list[WindowItem] = []
    size = 0
    for row in rows[:limit]:
        size += row.size or 0
        if kept and size > most_bytes:
            return Moves(feed, kept, place, more=True)
        place = Place(row.version, row.key or "")
        if since is None or row.moved_at > since:
            kept.append(WindowItem(*row[: len(_COLUMNS)]))
    return Moves(feed, kept, place, more=len(rows) > limit)


def _place_of(connection: Connection, feed: FeedRow, at: datetime) -> Place:
    """Find a place behind which everything is that moved after an instant, and little else."""
    first = _FIRST_AFTER.one(connection, of_feed=feed.name, at=at)
    if first is None:
        return Place(feed.version + 1)  # the next commit's
    lowest = _LOWEST.one(connection, of_feed=feed.name, at=at, until=first.moved_at + SKEW)
    return Place(lowest.version, "")
