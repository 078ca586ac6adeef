"""A few words about the installation itself: its namespace, the epoch of its Redis."""

from sqlalchemy import Connection, delete, select

from services.store.database import Database
from services.store.sql import upsert
from services.store.tables import meta

_insert = upsert(meta)
_SET = _insert.on_conflict_do_update(index_elements=["name"], set_={"value": _insert.excluded.value})


class Meta:
    """Values by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> str | None:
        """Read a value. None: never set."""
        statement = select(meta.c.value).where(meta.c.name == name)
        return await self._database.read(lambda connection: connection.execute(statement).scalar_one_or_none())

    async def set(self, name: str, value: str | None) -> None:
        """Set a value; None forgets it."""

        def unit(connection: Connection) -> None:
            if value is None:
                connection.execute(delete(meta).where(meta.c.name == name))
            else:
                connection.execute(_SET, {"name": name, "value": value})

        await self._database.write(unit)
