"""What sealed pages go on showing of articles that change, and what they stop showing of those taken back.

A sealed page never changes under its address: an article that is corrected leaves its old fragments behind for
the pages that hold it (`past_fragment`). One that is taken back, or over, leaves none: its stub stands in the
newest of its pages, and all pages of that feed get new addresses (`archive.generation`), for they name each other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import archive, archive_item, past_fragment

_SEALED = Statement(
    select(archive_item.c.feed, archive_item.c.page, archive_item.c.article_id, archive_item.c.version)
    .where(archive_item.c.article_id.in_(listed("ids")))
    .order_by(archive_item.c.page)
)
_KEEP = Statement(upsert(past_fragment).on_conflict_do_nothing(index_elements=["article_id", "format", "version"]))
_FORGET = Statement(delete(past_fragment).where(past_fragment.c.article_id.in_(listed("ids"))))
_ITEM = (
    archive_item.c.feed == bindparam("of_feed"),
    archive_item.c.page == bindparam("of_page"),
    archive_item.c.article_id == bindparam("of_article"),
)
_SHOW_STUB = Statement(update(archive_item).where(*_ITEM).values(version=bindparam("made"), updated=bindparam("dated")))
_DROP_ITEM = Statement(delete(archive_item).where(*_ITEM))
_RENEW = Statement(
    update(archive)
    .where(archive.c.feed.in_(listed("ids")))
    .values(generation=archive.c.generation + 1, changed_at=bindparam("now"))
)


class Change(NamedTuple):
    """An entry that changed from the version `before` to `after`. `held`: its fragments until now.

    `gone`: from now on a stub or tombstone stands for it, of `updated`; None: nothing does.
    """

    article_id: str
    before: int
    after: int
    held: Mapping[str, bytes]
    gone: bool
    updated: datetime | None


def renew(connection: Connection, feed: str, now: datetime) -> None:
    """Give all sealed pages of a feed new addresses, since what they say changes. The feed's row is locked."""
    _RENEW.run(connection, ids=[feed], now=now)


def feeds_to_renew(connection: Connection, changes: Sequence[Change]) -> set[str]:
    """Name the feeds whose pages hold what is gone now: their rows must be locked before `keep`."""
    gone = [change.article_id for change in changes if change.gone]
    return {row.feed for row in _SEALED.find(connection, gone)} if gone else set()


def keep(connection: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Keep, or take away, what sealed pages show. The rows of all feeds that hold the articles are locked."""
    if not changes:
        return
    pages: dict[str, list[Any]] = {}
    for row in _SEALED.find(connection, sorted(change.article_id for change in changes)):
        if row not in (found := pages.setdefault(row.article_id, [])):  # lists are padded with repeats
            found.append(row)
    shown = [
        one for one in changes if not one.gone and any(r.version == one.before for r in pages.get(one.article_id, ()))
    ]
    _KEEP.many(
        connection,
        [
            {"article_id": one.article_id, "format": name, "version": one.before, "data": data}
            for one in shown
            for name, data in one.held.items()
        ],
    )
    gone = [one for one in changes if one.gone and one.article_id in pages]
    if gone:
        _take_away(connection, gone, pages, now)


def _take_away(
    connection: Connection, gone: Sequence[Change], pages: Mapping[str, Sequence[Any]], now: datetime
) -> None:
    """Leave one stub of each in each feed, in the newest page that showed it."""
    stubs: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for change in gone:
        newest = {row.feed: row.page for row in pages[change.article_id]}
        for row in pages[change.article_id]:
            item = {"of_feed": row.feed, "of_page": row.page, "of_article": change.article_id}
            if row.page == newest[row.feed]:
                stubs.append({**item, "made": change.after, "dated": change.updated})
            else:
                dropped.append(item)
    _FORGET.over(connection, [change.article_id for change in gone])
    _SHOW_STUB.many(connection, stubs)
    _DROP_ITEM.many(connection, dropped)
    _RENEW.over(connection, sorted({stub["of_feed"] for stub in stubs}), now=now)
