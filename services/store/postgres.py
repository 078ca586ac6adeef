"""PostgreSQL 15 or newer: psycopg 3 in a pool of threads.

A unit that loses a race (deadlock, serialization failure, two transactions inserting one key) runs
again as a whole; it has left no trace. Rows are locked in one order everywhere, articles, feeds,
mailboxes, events, so that this is rare.
"""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import uniform
from time import sleep
from typing import Any, TypeVar

from psycopg import Error, OperationalError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from services.store.database import Database
from services.store.errors import StoreFull, StoreUnavailable

T = TypeVar("T")

THREADS = 8
TRIES = 8
CONNECT_S = 5

_RACE = {"40001", "40P01", "23505"}
_FULL = {"53100"}
_AWAY = {"25006", "53200", "53300", "55P03", "57P01", "57P02", "57P03", "57014", "42P01"}


def translate(error: BaseException) -> BaseException:
    """Turn PostgreSQL's "not now" into ours; other errors come back as they are."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, Error):
        state = cause.sqlstate
        if state in _FULL:
            return StoreFull("the database's disk is full")
        lost = isinstance(cause, OperationalError) and state is None
        if lost or state in _AWAY or (state or "").startswith("08"):
            return StoreUnavailable(f"the database is not available: {str(cause).strip().partition(chr(10))[0]}")
    return error


class PostgresDatabase(Database):
    """See the module."""

    dialect = "postgresql"

    def __init__(self, url: URL, *, readonly: bool = False) -> None:
        self.readonly = readonly
        self._closed = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="postgres")
        self._writing = _engine(url, "READ COMMITTED")
        self._reading = _engine(url, "REPEATABLE READ")

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run in a thread, again after a lost race."""
        if self.readonly or self._closed:
            raise StoreUnavailable("the database is open for reading only" if self.readonly else "the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transaction, unit)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run in a thread, on one snapshot."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._query, query)

    async def close(self) -> None:
        """Wait for units under way, then close the pool."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._writing.dispose()
        self._reading.dispose()

    def _transaction(self, unit: Callable[[Connection], T]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                with _lent(self._writing) as connection:
                    result = unit(connection)
                    connection.connection.commit()
                    return result
            except (DBAPIError, Error) as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                if getattr(cause, "sqlstate", None) not in _RACE or attempt == TRIES:
                    raise translate(error) from error
                sleep(uniform(0, 0.002 * 2**attempt))  # noqa: S311 no secret
        raise AssertionError("the last try returns or raises")

    def _query(self, query: Callable[[Connection], T]) -> T:
        try:
            with _lent(self._reading) as connection:
                return query(connection)
        except (DBAPIError, Error) as error:
            raise translate(error) from error


@contextmanager
def _lent(engine: Engine) -> Generator[Connection]:
    """Lend a connection; what is not committed is rolled back, and one that broke is not used again."""
    with engine.connect() as connection:
        try:
            yield connection
        except (DBAPIError, Error):
            driver: Any = connection.connection.driver_connection
            if driver is None or driver.closed:
                connection.invalidate()
            raise


def _engine(url: URL, isolation: Any) -> Engine:
    engine = create_engine(
        url,
        isolation_level=isolation,
        pool_size=THREADS,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_S, "application_name": "wireroom"},
    )

    @event.listens_for(engine, "connect")
    def be_durable(connection: Any, _record: Any) -> None:
        # P1: a commit that the server would answer before it is on disk is no commit.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    return engine
