"""Saved feeds: making, changing, renaming and ending them. Their keys never change, so their ids do not.

An address that a feed ever had is never another feed's: readers hold it, and 301/308/410 are for good
(RFC 9110 §15.4.9, §15.5.11). What a feed carries follows later: see `feed_fill`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, select, update

from schemas.automatic import feed_ref
from schemas.definition import Defined, Definition, Definitions, SavedFilter, is_automatic
from schemas.event import FeedUpdated
from schemas.jobs import OutboxRow
from schemas.topics import FEED_UPDATED
from services.store import past
from services.store.database import Database
from services.store.definitions import alone, move
from services.store.feed_head import head
from services.store.outbox_rows import Message, add
from services.store.tables import feed, feed_alias, feed_definition, meta, subscriber

_FIELDS = ("title", "description", "filter", "searches", "body", "max_age_s", "silent_after_s")


class SavedFeeds:
    """What people say of feeds. Every method may be repeated: the second time it changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def define(self, wanted: Definition, now: datetime) -> Defined:
        """Make a feed as wanted, or change it to be so. Its owner is fixed when it is made."""
        return await self._alone(lambda connection, version: _define(connection, wanted, version, now))

    async def rename(self, address: str, to: str, now: datetime) -> Defined:
        """Give a saved feed another address; the one it had leads to it from now on."""
        return await self._alone(lambda connection, _: _rename(connection, address, to, now))

    async def end(self, address: str, now: datetime) -> Defined:
        """End a saved feed, for good."""
        return await self._alone(lambda connection, version: _end(connection, address, version, now))

    async def bound(self, subscriber_id: str, wanted: str | None) -> bool:
        """Set which articles all private feeds of a subscriber may carry at most. False: there is no such subscriber."""

        def unit(connection: Connection, version: int) -> bool:
            row = connection.execute(select(subscriber.c.filter).where(subscriber.c.id == subscriber_id)).one_or_none()
            if row is None:
                return False
            if row.filter != wanted:
                connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(filter=wanted))
                _refill(connection, feed_definition.c.owner == subscriber_id, version)
            return True

        return await self._alone(unit)

    async def definitions(self, since: int) -> Definitions:
        """Read the filters that changed after a version (-1: all), and the version that stands."""
        statement = (
            select(feed_definition.c.feed, feed_definition.c.filter, feed_definition.c.ended_at, subscriber.c.filter)
            .outerjoin(subscriber, subscriber.c.id == feed_definition.c.owner)
            .where(feed_definition.c.version > since)
        )

        def query(connection: Connection) -> Definitions:
            version = int(connection.execute(select(meta.c.value).where(meta.c.name == "definitions")).scalar_one())
            changed = [
                SavedFilter(key, None if ended_at is not None else wanted, limit)
                for key, wanted, ended_at, limit in connection.execute(statement)
            ]
            return Definitions(version, changed)

        return await self._database.read(query)

    async def _alone(self, unit: Callable[[Connection, int], Any]) -> Any:
        """Run with the definitions locked, and with the version after the one that stands."""
        return await self._database.write(lambda connection: unit(connection, alone(connection) + 1))


def _define(connection: Connection, wanted: Definition, version: int, now: datetime) -> Defined:
    row = _defined(connection, wanted.address)
    if row is None:
        return _create(connection, wanted, version, now)
    if row.ended_at is not None or row.owner != wanted.owner:
        return Defined("taken" if row.ended_at is None else "ended", head(connection, row.feed))
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _FIELDS}
    values["searches"] = int(wanted.searches)
    if all(getattr(row, name) == value for name, value in values.items()):
        return Defined("same", head(connection, row.feed))
    of_feed = feed_definition.c.feed == row.feed
    connection.execute(update(feed_definition).where(of_feed).values(changed_at=now, **values))
    if row.filter != wanted.filter:
        _refill(connection, of_feed, version)
    rows = _moved(connection, row.feed, now)
    if any(getattr(row, name) != values[name] for name in ("title", "description", "body", "searches")):
        past.renew(connection, row.feed, now)  # sealed pages say them too
    return Defined("changed", head(connection, row.feed), rows)


def _create(connection: Connection, wanted: Definition, version: int, now: datetime) -> Defined:
    if _alias(connection, wanted.address) is not None:
        return Defined("moved")
    if (
        wanted.owner is not None
        and not connection.execute(select(exists().where(subscriber.c.id == wanted.owner))).scalar()
    ):
        return Defined("no owner")
    key = wanted.address
    there = connection.execute(select(feed.c.name).where(feed.c.name == key)).one_or_none() is not None
    if not there:
        ref = feed_ref(key)
        made = {"name": key, "title": wanted.title or ref.title, "kind": ref.kind, "lang": ref.lang}
        connection.execute(insert(feed), {**made, "version": 0, "changed_at": now, "items": 0, "created_at": now})
    fields = wanted._asdict() | {"searches": int(wanted.searches)}
    places = {"feed": key, "created_at": now, "changed_at": now, "version": version, "filled": version, "evaluated": 0}
    connection.execute(insert(feed_definition), {**fields, **places})
    if wanted.filter is not None:
        _refill(connection, feed_definition.c.feed == key, version)
    rows = _moved(connection, key, now)
    return Defined("changed" if there else "created", head(connection, key), rows)


def _rename(connection: Connection, address: str, to: str, now: datetime) -> Defined:
    row = _defined(connection, address)
    if row is None:
        key = _alias(connection, address)
        found = None if key is None else head(connection, key)
        if found is not None and found.address == to:
            return Defined("same", found)
        return Defined("moved" if found is not None else "automatic" if is_automatic(address) else "unknown", found)
    found = head(connection, row.feed)
    if row.ended_at is not None or row.filter is None:
        return Defined("automatic" if row.ended_at is None else "ended", found)
    if to == address:
        return Defined("same", found)
    if not _is_free(connection, to):
        return Defined("taken", found)
    connection.execute(insert(feed_alias), {"address": address, "feed": row.feed, "since": now})
    connection.execute(
        update(feed_definition).where(feed_definition.c.feed == row.feed).values(address=to, changed_at=now)
    )
    rows = _moved(connection, row.feed, now)
    return Defined("changed", head(connection, row.feed), rows)


def _end(connection: Connection, address: str, version: int, now: datetime) -> Defined:
    row = _defined(connection, address)
    if row is None:
        moved = _alias(connection, address) is not None
        return Defined("moved" if moved else "automatic" if is_automatic(address) else "unknown")
    if row.filter is None or row.ended_at is not None:
        return Defined("automatic" if row.ended_at is None else "same", head(connection, row.feed))
    of_feed = feed_definition.c.feed == row.feed
    connection.execute(
        update(feed_definition).where(of_feed).values(ended_at=now, changed_at=now, version=version, filled=version)
    )
    move(connection, version)
    rows = _moved(connection, row.feed, now)
    return Defined("changed", head(connection, row.feed), rows)


def _refill(connection: Connection, which: Any, version: int) -> None:
    """Say that what these feeds carry follows from another filter now: `filled` stays behind."""
    connection.execute(
        update(feed_definition)
        .where(which, feed_definition.c.ended_at.is_(None))
        .values(version=version, filled=version - 1, evaluated=0, claimed_until=None)
    )
    move(connection, version)


def _moved(connection: Connection, key: str, now: datetime) -> tuple[OutboxRow, ...]:
    """Move a feed to its next version, so that every process joins its documents again."""
    row = connection.execute(select(feed).where(feed.c.name == key).with_for_update(key_share=True)).one()
    later = max(now, row.changed_at)
    connection.execute(update(feed).where(feed.c.name == key).values(version=row.version + 1, changed_at=later))
    said = FeedUpdated(feed=key, version=row.version + 1).model_dump_json().encode()
    return tuple(add(connection, [Message(FEED_UPDATED.name, said, None)], now))


def _defined(connection: Connection, address: str) -> Row[Any] | None:
    return connection.execute(select(feed_definition).where(feed_definition.c.address == address)).one_or_none()


def _alias(connection: Connection, address: str) -> str | None:
    return connection.execute(select(feed_alias.c.feed).where(feed_alias.c.address == address)).scalar_one_or_none()


def _is_free(connection: Connection, address: str) -> bool:
    """Whether no feed ever stood under an address. A feed's key was its first one."""
    held = connection.execute(select(exists().where(feed.c.name == address))).scalar()
    return not held and _defined(connection, address) is None and _alias(connection, address) is None
