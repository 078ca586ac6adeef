"""Sealing: a feed's oldest items become pages that never change (RFC 5005 §4).

ONE transaction holds a page's items, the mark on each membership and the feed's next version. The feed's row
is locked meanwhile, so that no page is sealed twice, and what moves at the same time moves after it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from schemas.event import FeedUpdated
from schemas.history import PAGE
from schemas.jobs import OutboxRow
from schemas.topics import FEED_UPDATED
from services.store.database import Database
from services.store.outbox_rows import Message, add
from services.store.sealing import CAP, FLOOR, SPAN, Content, Unsealed, sealable
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import archive, archive_item, entry, feed, membership

MOST = 5_000
"""Items looked at in one feed. Where there are more (an older store, a feed filled anew), the oldest go at once."""

AT_ONCE = 1_000  # items that one transaction seals of such a feed

_UNSEALED = (membership.c.left_at.is_(None), membership.c.sealed.is_(None))
_OF_FEED = membership.c.feed == bindparam("of_feed")
_LOCK = Statement(
    select(feed).where(feed.c.name.in_(listed("ids"))).order_by(feed.c.name).with_for_update(key_share=True)
)
_OLDEST = Statement(
    select(
        membership.c.article_id,
        membership.c.version,
        membership.c.moved_at,
        entry.c.made,
        entry.c.updated,
        func.coalesce(entry.c.size, 0).label("size"),
        entry.c.gone_at,
        archive_item.c.page,
    )
    .join(entry, entry.c.article_id == membership.c.article_id)
    .outerjoin(
        archive_item,
        and_(
            archive_item.c.feed == membership.c.feed,
            archive_item.c.article_id == membership.c.article_id,
            archive_item.c.version == entry.c.made,
        ),
    )
    .where(_OF_FEED, *_UNSEALED, entry.c.data.is_not(None))
    .order_by(membership.c.version, membership.c.article_id)
    .limit(bindparam("most"))
)
_some = (
    select(membership.c.article_id, membership.c.moved_at)
    .where(_OF_FEED, *_UNSEALED)
    .order_by(membership.c.version, membership.c.article_id)  # else SQLite reads all that the feed ever held
    .limit(bindparam("most"))
).subquery()
_CONTENT = Statement(
    select(
        func.count().label("items"),
        func.sum(entry.c.size).label("size"),
        func.max(_some.c.moved_at).label("newest"),
    )
    .select_from(_some)
    .join(entry, entry.c.article_id == _some.c.article_id)
)
_FIRST = Statement(
    select(membership.c.moved_at)
    .where(_OF_FEED, *_UNSEALED)
    .order_by(membership.c.version, membership.c.article_id)
    .limit(PAGE)
)
_LONG = (
    select(membership.c.feed)
    .where(*_UNSEALED)
    .group_by(membership.c.feed)
    .having(func.count() >= FLOOR + PAGE)
    .order_by(membership.c.feed)
)
_SEALED = Statement(select(archive).where(archive.c.feed == bindparam("of_feed")))
_ADD_ITEMS = Statement(insert(archive_item))
_MARK = Statement(
    update(membership)
    .where(_OF_FEED, membership.c.article_id == bindparam("of_article"))
    .values(sealed=bindparam("number"))
)
_archive = upsert(archive)
_GROW = Statement(_archive.on_conflict_do_update(index_elements=["feed"], set_={"items": _archive.excluded["items"]}))
_MOVE_FEED = Statement(
    update(feed).where(feed.c.name == bindparam("of_feed")).values(version=bindparam("to"), changed_at=bindparam("now"))
)


class Sealed(NamedTuple):
    """What a call sealed. `rows` are to be published now; `again` names feeds of which more can be sealed."""

    pages: int
    rows: list[OutboxRow]
    again: list[str]


class Archives:
    """Sealed pages of feeds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ripe(self, names: Sequence[str]) -> list[str]:
        """Find those of the feeds of which something can be sealed, most likely. Reads only."""
        return await self._database.read(lambda connection: [name for name in names if _is_ripe(connection, name)])

    async def long(self) -> list[str]:
        """Name the feeds that hold enough for a page beside what they keep."""
        return await self._database.read(lambda connection: list(connection.execute(_LONG).scalars()))

    async def seal(self, names: Sequence[str], now: datetime) -> Sealed:
        """Seal what is to be sealed in these feeds. A repeat, or another process at the same time, seals nothing more."""
        return await self._database.write(lambda connection: seal(connection, names, now))


def seal(connection: Connection, names: Sequence[str], now: datetime) -> Sealed:
    """See `Archives.seal`."""
    pages, messages, again = 0, list[Message](), list[str]()
    for row in _LOCK.find(connection, sorted(set(names))) if names else ():
        parts, more = _parts(connection, row.name)
        if not parts:
            continue
        _write(connection, row.name, parts, now)
        version = row.version + 1
        _MOVE_FEED.run(connection, of_feed=row.name, to=version, now=max(now, row.changed_at))
        payload = FeedUpdated(feed=row.name, version=version).model_dump_json().encode()
        messages.append(Message(FEED_UPDATED.name, payload, None))
        pages += len(parts)
        if more:
            again.append(row.name)
    return Sealed(pages, add(connection, messages, now), again)


def _is_ripe(connection: Connection, name: str) -> bool:
    row = _CONTENT.one(connection, of_feed=name, most=MOST)
    if row.items < FLOOR + PAGE:
        return False
    if row.items >= MOST or row.size > CAP:
        return True
    first = _FIRST.rows(connection, of_feed=name)
    return all(each.moved_at < row.newest - SPAN for each in first)


def _parts(connection: Connection, name: str) -> tuple[list[list[Unsealed]], bool]:
    """Find what is to be sealed, and whether there is more of it than was looked at."""
    rows = _OLDEST.rows(connection, of_feed=name, most=MOST)
    items = [Unsealed(*row[:6], gone=row.gone_at is not None, page=row.page) for row in rows]
    if not items:
        return [], False
    newest = max(item.moved_at for item in items)
    if len(items) == MOST:
        return sealable(items[:AT_ONCE], Content(MOST, MOST * CAP, newest)), True
    showing = sum(not item.gone for item in items)
    return sealable(items, Content(showing, sum(item.size for item in items), newest)), False


def _write(connection: Connection, name: str, parts: Sequence[Sequence[Unsealed]], now: datetime) -> None:
    row = _SEALED.one(connection, of_feed=name)
    number = 0 if row is None else row.items // PAGE
    items: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for part in parts:
        number += 1
        for item in part:
            marks.append({"of_feed": name, "of_article": item.article_id, "number": item.page or number})
            if item.page is None:
                items.append(
                    {
                        "feed": name,
                        "page": number,
                        "article_id": item.article_id,
                        "version": item.made,
                        "updated": item.updated,
                        "sealed_at": now,
                    }
                )
    _ADD_ITEMS.many(connection, items)
    _MARK.many(connection, marks)
    _GROW.run(connection, feed=name, generation=1, items=number * PAGE, changed_at=now)
