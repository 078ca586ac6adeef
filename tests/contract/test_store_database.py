"""The database behind the store: durability, group commit, readers, lost races, full disks, lost servers."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from services.store import Database, Store, StoreFull, StoreUnavailable
from services.store.sqlite import SqliteDatabase
from services.store.tables import meta, payload
from tests.servers_postgres import PostgresServer
from tests.stores import Newsroom, OpenAgain, article, published


def put(name: str, value: str = "x") -> Callable[[Connection], None]:
    def unit(connection: Connection) -> None:
        connection.execute(insert(meta), {"name": name, "value": value})

    return unit


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def names(connection: Connection) -> list[str]:
    return list(
        connection.execute(
            select(meta.c.name).where(meta.c.name.not_in(("namespace", "definitions"))).order_by(meta.c.name)
        ).scalars()
    )


async def test_what_a_unit_returns_comes_back_and_is_committed(store: Store, open_again: OpenAgain) -> None:
    assert await store.database.write(lambda connection: put("a")(connection) or 7) == 7
    assert await open_again().database.read(names) == ["a"]


async def test_a_unit_that_fails_leaves_nothing_and_harms_no_neighbour(store: Store) -> None:
    def half(connection: Connection) -> None:
        put("half")(connection)
        raise ZeroDivisionError

    results = await asyncio.gather(
        store.database.write(put("a")),
        store.database.write(half),
        store.database.write(put("b")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), ZeroDivisionError, type(None)]
    assert await store.database.read(names) == ["a", "b"]


async def test_a_cancelled_wait_leaves_the_store_working(store: Store) -> None:
    waiting = asyncio.ensure_future(store.database.write(put("a")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.database.write(put("b"))
    assert "b" in await store.database.read(names)


async def test_many_writers_at_once_all_get_through(store: Store) -> None:
    def add(connection: Connection) -> None:
        value = connection.execute(select(meta.c.value).where(meta.c.name == "n").with_for_update()).scalar_one()
        connection.execute(meta.update().where(meta.c.name == "n").values(value=str(int(value) + 1)))

    await store.database.write(put("n", "0"))
    await asyncio.gather(*(store.database.write(add) for _ in range(100)))
    assert await store.meta.get("n") == "100"


async def test_a_lost_race_for_one_key_runs_again(store: Store, open_again: OpenAgain) -> None:
    rooms = [Newsroom(store), Newsroom(open_again())]
    for room in rooms:
        room.new_id = iter(f"{id(room)}-{n}" for n in range(10_000)).__next__  # type: ignore[method-assign]
    writers = rooms if store.database.dialect == "postgresql" else rooms[:1]  # on SQLite one process writes
    accepting = [room.accept(published(article(f"a{n // 4}"))) for n in range(80) for room in writers]
    answers = [one for [one] in await asyncio.gather(*accepting)]
    firsts = [one for one in answers if one.receipt.outcome == "accepted"]
    assert len(firsts) == 20
    assert {one.receipt.event_id for one in answers} == {one.receipt.event_id for one in firsts}


async def test_reading_only_refuses_to_write_and_an_old_database(store: Store, open_again: OpenAgain) -> None:
    reader = open_again(readonly=True)
    await reader.migrate()
    with pytest.raises(StoreUnavailable):
        await reader.database.write(put("a"))
    await store.database.write(lambda connection: connection.execute(text("DROP TABLE alembic_version")) and None)
    with pytest.raises(StoreUnavailable, match="version"):
        await reader.migrate()


async def test_a_read_sees_one_snapshot(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def twice(connection: Connection) -> tuple[list[str], list[str]]:
        first = names(connection)
        begun.set()
        go_on.wait(10)
        return first, names(connection)

    reading = asyncio.ensure_future(store.database.read(twice))
    await asyncio.to_thread(begun.wait, 10)
    await store.database.write(put("a"))
    go_on.set()
    assert await reading == ([], [])


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.database.write(put("a"))
    await store.close()
    await store.close()
    for doing in (store.database.write(put("b")), store.database.read(names)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await doing


async def test_units_queued_before_the_close_are_finished(store: Store) -> None:
    writing = [asyncio.ensure_future(store.database.write(put(f"n{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writing)


def test_only_databases_that_keep_promises_are_opened() -> None:
    for url in ("mysql://x/y", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match=r"SQLite needs a file|DATABASE_URL must begin"):
            Database.open(url)


# SQLite alone


@pytest.fixture
async def sqlite(tmp_path: Path):  # noqa: ANN201 an asynchronous fixture
    database = SqliteDatabase(tmp_path / "one.sqlite", busy_s=0.2)
    await database.migrate()
    yield database
    await database.close()


async def test_sqlite_is_set_to_keep_what_it_answered(sqlite: SqliteDatabase) -> None:
    def settings(connection: Connection) -> list[object]:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "query_only")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in pragmas]

    assert await sqlite.write(settings) == ["wal", 2, 1, 1000, 0]
    assert await sqlite.read(settings) == ["wal", 2, 1, 0, 1]
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await sqlite.read(put("a"))


async def test_units_that_wait_share_one_commit(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "one.sqlite", group_s=60)
    await database.migrate()
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        put("first")(connection)
        begun.set()
        go_on.wait(10)

    def on_disk(_: Connection) -> list[str]:
        with sqlite3.connect(database.path) as other:
            return [
                row[0] for row in other.execute("SELECT name FROM meta WHERE name NOT IN ('namespace', 'definitions')")
            ]

    first = asyncio.ensure_future(database.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    second = asyncio.ensure_future(database.write(on_disk))
    await asyncio.sleep(0)  # it is queued now
    go_on.set()
    assert await second == []  # what the first wrote was not committed yet
    await first
    assert await database.read(names) == ["first"]
    await database.close()


async def test_a_commit_that_fails_fails_its_whole_group_and_the_writer_goes_on(sqlite: SqliteDatabase) -> None:
    def orphan(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("INSERT INTO enrichment VALUES ('none', 1, 1, x'', 1)")

    results = await asyncio.gather(sqlite.write(orphan), sqlite.write(put("a")), return_exceptions=True)
    assert isinstance(results[0], Exception)
    kept = await sqlite.read(names)
    assert kept == ([] if isinstance(results[1], Exception) else ["a"])
    await sqlite.write(put("b"))
    assert "b" in await sqlite.read(names)


async def test_a_full_disk_is_named_and_what_was_answered_stays(sqlite: SqliteDatabase) -> None:
    def cap(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")

    def large(connection: Connection) -> None:
        connection.execute(insert(payload), {"id": "x", "data": b"x" * 100_000})

    await sqlite.write(put("a"))
    await sqlite.write(cap)
    results = await asyncio.gather(
        sqlite.write(large), sqlite.write(put("b")), sqlite.write(large), return_exceptions=True
    )
    assert isinstance(results[0], StoreFull)
    assert isinstance(results[2], StoreFull)
    assert results[0].retry_after_s > 0
    await sqlite.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000") and None)
    await sqlite.write(large)
    assert {"a"} <= set(await sqlite.read(names))


async def test_a_database_locked_by_another_process_is_unavailable_for_now(sqlite: SqliteDatabase) -> None:
    with sqlite3.connect(sqlite.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await sqlite.write(put("a"))
        other.execute("ROLLBACK")
    await sqlite.write(put("b"))
    assert await sqlite.read(names) == ["b"]


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    missing = SqliteDatabase(tmp_path / "no" / "such.sqlite", busy_s=0.1)
    with pytest.raises(StoreUnavailable):
        await missing.read(names)
    with pytest.raises(StoreUnavailable):
        await missing.write(put("a"))
    (tmp_path / "no").mkdir()
    await missing.migrate()
    await missing.write(put("a"))
    assert await missing.read(names) == ["a"]
    await missing.close()


async def test_the_last_connection_to_close_is_the_writers(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "one.sqlite")
    await database.migrate()
    await asyncio.gather(*(database.read(names) for _ in range(8)))
    await database.close()
    assert files(tmp_path) == ["one.sqlite"]  # checkpointed, its log gone


# PostgreSQL alone


async def test_postgresql_units_that_lock_each_other_run_again(postgres_url: str) -> None:
    database = Database.open(postgres_url)
    await database.migrate()
    await database.write(put("a", "0"))
    await database.write(put("b", "0"))
    both = threading.Barrier(2, timeout=10)
    runs: list[str] = []

    def bump(first: str, second: str):  # noqa: ANN202 a unit
        def unit(connection: Connection) -> None:
            runs.append(first)
            for name in (first, second):
                connection.execute(meta.update().where(meta.c.name == name).values(value=meta.c.value + "1"))
                if name == first and len(runs) <= 2:
                    both.wait()

        return unit

    await asyncio.gather(database.write(bump("a", "b")), database.write(bump("b", "a")))
    assert len(runs) == 3
    values = select(meta.c.value).where(meta.c.name.in_(["a", "b"]))
    assert await database.read(lambda connection: list(connection.execute(values).scalars())) == ["011", "011"]
    await database.close()


async def test_postgresql_commits_are_on_disk_whatever_the_server_defaults_to(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = postgres_url.split("/")[3].split("?", maxsplit=1)[0]
    postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = Database.open(postgres_url)
    setting = text("SHOW synchronous_commit")
    assert await database.write(lambda connection: connection.execute(setting).scalar_one()) == "on"
    await database.close()


async def test_postgresql_gone_and_back_is_unavailable_in_between() -> None:
    server = PostgresServer().start()
    try:
        store = Store.open(server.url(server.create()))
        await store.migrate()
        room = Newsroom(store)
        await room.take(published(article()))
        server.stop()
        for doing in (store.articles.get("a1"), room.take(published(article("b1")))):
            with pytest.raises(StoreUnavailable):
                await doing
        server.start()
        await room.take(published(article("b1")))
        assert await room.sums() == {"accepted": 2, "waiting": 2}
        await store.close()
    finally:
        server.remove()
