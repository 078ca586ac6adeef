"""The database behind one async face: units of work in, results out after the commit.

    await db.write(unit)   unit(connection) runs in ONE transaction; the await ends after its commit (P1)
    await db.read(query)   query(connection) sees ONE snapshot

Units and queries are plain functions over a SQLAlchemy Core connection and run in the database's own
threads. They must be repeatable: on PostgreSQL a deadlock or a lost race runs a unit again.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, make_url

T = TypeVar("T")


class Database(ABC):
    """SQLite with one writer thread, or PostgreSQL with a thread pool."""

    dialect: str
    readonly: bool

    @staticmethod
    def open(url: str, *, readonly: bool = False) -> "Database":
        """`sqlite:///path`, a plain path, or `postgresql://…`. Does no I/O: the first use does.

        Raises ValueError for any other URL.
        """
        from services.store.postgres import PostgresDatabase  # noqa: PLC0415 both import this module
        from services.store.sqlite import SqliteDatabase  # noqa: PLC0415

        if "://" not in url:
            return SqliteDatabase(Path(url), readonly=readonly)
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise ValueError("SQLite needs a file: a database in memory keeps no promise")
            return SqliteDatabase(Path(parsed.database), readonly=readonly)
        if backend in {"postgresql", "postgres"}:
            return PostgresDatabase(parsed.set(drivername="postgresql+psycopg"), readonly=readonly)
        raise ValueError(f"DATABASE_URL must begin with postgresql:// or sqlite:///, not {backend}://")

    @abstractmethod
    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run one transaction; ends after its commit.

        Raises what the unit raised (then nothing of it is kept), `StoreFull` or `StoreUnavailable`.
        """

    @abstractmethod
    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on one snapshot. Raises `StoreUnavailable`, also for a database that does not exist yet."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was begun, then close every connection. A repeat changes nothing."""

    async def migrate(self) -> None:
        """Bring the tables to the newest version; read-only: refuse (`StoreUnavailable`) what is not there yet.

        One transaction: it happens whole or not at all. Several processes may call it at once.
        """
        from services.store import migrations  # noqa: PLC0415 alembic takes 0.1 s to import

        if self.readonly:
            await self.read(migrations.require_newest)
        else:
            await self.write(migrations.upgrade)
