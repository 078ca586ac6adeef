"""API keys, by the SHA-256 of what is presented; the keys themselves are nowhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from schemas.records import ApiKey
from services.store.database import Database
from services.store.sql import upsert
from services.store.tables import api_key

_ADD = upsert(api_key).on_conflict_do_nothing()


class Keys:
    """Keys of operators, newsrooms and subscribers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(  # a key's own fields
        self,
        key_id: str,
        sha256: str,
        name: str,
        scopes: Sequence[str],
        now: datetime,
        *,
        expires_at: datetime | None = None,
        subscriber_id: str | None = None,
    ) -> ApiKey:
        """Add a key; a repeat with the same id changes nothing. Returns what is kept."""
        row = {
            "id": key_id,
            "name": name,
            "scopes": " ".join(scopes),
            "sha256": sha256,
            "created_at": now,
            "expires_at": expires_at,
            "subscriber_id": subscriber_id,
        }

        def unit(connection: Connection) -> ApiKey:
            connection.execute(_ADD, row)
            return _key(connection.execute(select(api_key).where(api_key.c.id == key_id)).one())

        return await self._database.write(unit)

    async def find(self, key_id: str) -> ApiKey | None:
        """Read one, also if revoked or expired: judging is the caller's. None: unknown."""

        def query(connection: Connection) -> ApiKey | None:
            row = connection.execute(select(api_key).where(api_key.c.id == key_id)).one_or_none()
            return None if row is None else _key(row)

        return await self._database.read(query)

    async def list(self) -> list[ApiKey]:
        """List all, oldest first."""
        statement = select(api_key).order_by(api_key.c.created_at, api_key.c.id)
        return await self._database.read(lambda connection: [_key(row) for row in connection.execute(statement)])

    async def revoke(self, key_id: str, now: datetime) -> bool:
        """End a key at `now`. False: unknown, or revoked before."""
        statement = (
            update(api_key)
            .where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(api_key.c.id)
        )
        return await self._database.write(
            lambda connection: connection.execute(statement).scalar_one_or_none() is not None
        )

    async def touch(self, key_id: str, now: datetime) -> None:
        """Note that a key was used. Call it now and then, not for every request."""
        statement = update(api_key).where(api_key.c.id == key_id).values(used_at=now)
        await self._database.write(lambda connection: connection.execute(statement) and None)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        sha256=row.sha256,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
        subscriber_id=row.subscriber_id,
    )
