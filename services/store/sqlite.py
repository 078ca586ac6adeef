"""SQLite: one writer thread, group commit, read-only readers.

Only the writer writes and only the writer checkpoints: SQLite 3.7.0–3.51.2 can corrupt a database
when two connections do (WAL reset race, fixed in 3.51.3). Units that arrive while a commit is being
made durable form the next group, so that the wait for the disk is shared and nobody waits for a timer.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from services.store.database import Database
from services.store.errors import StoreFull, StoreUnavailable

T = TypeVar("T")

GROUP_UNITS = 200
GROUP_S = 0.005  # a group takes no more units after so long; what is queued then forms the next
BUSY_S = 5.0
READERS = 4

_FULL = {sqlite3.SQLITE_FULL}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PROTOCOL,
}


def translate(error: BaseException) -> BaseException:
    """Turn SQLite's "not now" into ours; other errors come back as they are."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in _FULL:
            return StoreFull("the database's disk is full")
        if code in _UNAVAILABLE or "no such table" in str(cause):
            return StoreUnavailable(f"the database is not available: {cause}")
    return error


class _Job(NamedTuple):
    unit: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


class _Done(NamedTuple):
    job: _Job
    result: Any
    error: BaseException | None


class SqliteDatabase(Database):
    """See the module."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, readonly: bool = False, busy_s: float = BUSY_S, group_s: float = GROUP_S) -> None:
        self.path = path
        self.readonly = readonly
        self._group_s = group_s
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._writer: threading.Thread | None = None
        self._closed = False
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._reading = threading.local()
        self._open_readers: list[Connection] = []
        self._read_engine = _engine(partial(_connect, path, busy_s, readonly=True))
        self._write_engine = _engine(partial(_connect, path, busy_s, readonly=False))

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Queue a unit for the writer; ends after the group's commit is on disk."""
        if self.readonly or self._closed:
            raise StoreUnavailable("the database is open for reading only" if self.readonly else "the store is closed")
        if self._writer is None:
            self._writer = threading.Thread(target=self._run, name="sqlite-write", daemon=True)
            self._writer.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(unit, loop, future))
        return await future

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run in a reader thread, beside the writer."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._query, query)

    async def close(self) -> None:
        """Readers first: the last connection to close must be the one that may checkpoint."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._open_readers:
            connection.close()
        if self._writer is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join)

    def _query(self, query: Callable[[Connection], T]) -> T:
        try:
            connection: Connection | None = getattr(self._reading, "connection", None)
            if connection is None:
                connection = self._read_engine.connect()
                self._reading.connection = connection
                self._open_readers.append(connection)
            raw = _driver(connection)
            raw.execute("BEGIN")
            try:
                return query(connection)
            finally:
                raw.rollback()
                connection.rollback()
        except (DBAPIError, sqlite3.Error) as error:
            raise translate(error) from error

    def _run(self) -> None:
        connection: Connection | None = None
        while (job := self._jobs.get()) is not None:
            if connection is None:
                try:
                    connection = self._write_engine.connect()
                except (DBAPIError, sqlite3.Error) as error:
                    _answer([_Done(job, None, translate(error))])
                    continue
            _answer(self._group(connection, job))
        if connection is not None:
            connection.close()

    def _group(self, connection: Connection, first: _Job) -> list[_Done]:
        """Run a group of units and commit it once. A failed unit fails alone; a failed commit fails all."""
        done: list[_Done] = []
        job: _Job | None = first
        try:
            raw = _driver(connection)
            raw.execute("BEGIN IMMEDIATE")
            until = monotonic() + self._group_s
            while job is not None:
                done.append(_unit(connection, raw, job))
                if not raw.in_transaction:  # SQLite rolled all of it back by itself (full disk, I/O error)
                    raise done[-1].error or StoreUnavailable("the transaction ended early")  # noqa: TRY301
                job = self._next() if len(done) < GROUP_UNITS and monotonic() < until else None
            _commit(connection, raw)
        except BaseException as error:  # noqa: BLE001 the writer survives whatever a group died of
            _abandon(connection)
            lost = translate(error)
            if not done:
                done = [_Done(first, None, lost)]
            return [_Done(each.job, None, each.error or lost) for each in done]
        return done

    def _next(self) -> _Job | None:
        try:
            job = self._jobs.get_nowait()
        except Empty:
            return None
        if job is None:
            self._jobs.put(None)  # for the outer loop: stop after this group
        return job


def _unit(connection: Connection, raw: sqlite3.Connection, job: _Job) -> _Done:
    if job.future.cancelled():
        return _Done(job, None, asyncio.CancelledError())
    raw.execute("SAVEPOINT unit")
    try:
        result = job.unit(connection)
    except BaseException as error:  # noqa: BLE001 it belongs to the caller, not to the writer
        if raw.in_transaction:
            raw.execute("ROLLBACK TO unit")
            raw.execute("RELEASE unit")
        return _Done(job, None, translate(error))
    raw.execute("RELEASE unit")
    return _Done(job, result, None)


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _commit(connection: Connection, raw: sqlite3.Connection) -> None:
    if connection.in_transaction():  # some unit went through SQLAlchemy's own execution
        connection.commit()
    raw.commit()


def _abandon(connection: Connection) -> None:
    try:
        connection.rollback()
        raw = _driver(connection)
        if raw.in_transaction:
            raw.rollback()
    except (DBAPIError, sqlite3.Error):
        connection.invalidate()


def _answer(done: Sequence[_Done]) -> None:
    """Wake each event loop once for all its units."""
    loops: dict[asyncio.AbstractEventLoop, list[_Done]] = {}
    for each in done:
        loops.setdefault(each.job.loop, []).append(each)
    for loop, its in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, its)
        except RuntimeError:  # that loop is closed; its units are committed all the same
            continue


def _resolve(done: Sequence[_Done]) -> None:
    for job, result, error in done:
        if job.future.done():
            continue
        if isinstance(error, asyncio.CancelledError):
            job.future.cancel()
        elif error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)


def _connect(path: Path, busy_s: float, *, readonly: bool) -> sqlite3.Connection:
    mode = "ro" if readonly else "rwc"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=busy_s,
        isolation_level=None,  # we say BEGIN ourselves
        check_same_thread=False,  # close() comes from another thread, after the last use
        cached_statements=1_000,
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        if readonly:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 67108864")  # bytes the log keeps after a burst
        connection.execute("PRAGMA cache_size = -16000")  # KiB
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _engine(connect: Callable[[], sqlite3.Connection]) -> Engine:
    """Make an engine that never says BEGIN: reader and writer do, before any statement of theirs."""
    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)
