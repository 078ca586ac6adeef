"""Subscribers: the partners that own endpoints."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from schemas.jobs import Page
from schemas.records import Subscriber
from services.store.database import Database
from services.store.sql import cursor_of, read_cursor, upsert
from services.store.tables import subscriber

_ADD = upsert(subscriber).on_conflict_do_nothing()


class Subscribers:
    """All subscribers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, subscriber_id: str, name: str, now: datetime) -> Subscriber:
        """Add one; a repeat with the same id changes nothing. Returns what is kept."""

        def unit(connection: Connection) -> Subscriber:
            connection.execute(_ADD, {"id": subscriber_id, "name": name, "created_at": now})
            return _one(connection, subscriber_id) or Subscriber(id=subscriber_id, name=name, created_at=now)

        return await self._database.write(unit)

    async def get(self, subscriber_id: str) -> Subscriber | None:
        """Read one. None: unknown."""
        return await self._database.read(lambda connection: _one(connection, subscriber_id))

    async def rename(self, subscriber_id: str, name: str) -> Subscriber | None:
        """Change a name. None: unknown."""

        def unit(connection: Connection) -> Subscriber | None:
            connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(name=name))
            return _one(connection, subscriber_id)

        return await self._database.write(unit)

    async def list(self, cursor: str | None = None, limit: int = 100) -> Page[Subscriber]:
        """List by id. Raises ValueError for a cursor that is not ours."""
        statement = select(subscriber).order_by(subscriber.c.id).limit(limit + 1)
        if cursor is not None:
            statement = statement.where(subscriber.c.id > read_cursor(cursor, [str])[0])

        def query(connection: Connection) -> Page[Subscriber]:
            found = [_subscriber(row) for row in connection.execute(statement)]
            return Page(found[:limit], cursor_of(found[limit - 1].id) if len(found) > limit else None)

        return await self._database.read(query)


def _one(connection: Connection, subscriber_id: str) -> Subscriber | None:
    row = connection.execute(select(subscriber).where(subscriber.c.id == subscriber_id)).one_or_none()
    return None if row is None else _subscriber(row)


def _subscriber(row: Any) -> Subscriber:
    return Subscriber.model_validate(row._asdict())
