"""The tables' history: one set of steps for both databases."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from services.store import Store, migrations
from services.store.tables import metadata
from tests.stores import OpenAgain


def full_text_tables(connection: Connection) -> set[str]:
    """SQLite's FTS5 tables: a virtual one, and those in which it keeps itself. They follow `search` by triggers."""
    if connection.dialect.name != "sqlite":
        return set()
    rows = connection.exec_driver_sql("SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow')")
    return {row[0] for row in rows}


# SQLite has no such index: its words are found by the FTS5 table; on PostgreSQL it is compared.
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index 'ix_search_words'")
async def test_the_steps_build_exactly_the_tables_that_the_code_knows(store: Store) -> None:
    def differences(connection: Connection) -> list[object]:
        apart = full_text_tables(connection)
        assert not apart or min(apart) == "search_words", apart  # all others are called after it
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _parents: kind != "table" or name not in apart,
            },
        )
        return list(compare_metadata(context, metadata))

    assert await store.database.write(differences) == []


async def test_migrating_again_changes_nothing(store: Store, open_again: OpenAgain) -> None:
    await store.meta.set("a", "1")
    await store.migrate()
    if store.database.dialect == "postgresql":
        await asyncio.gather(*(open_again().migrate() for _ in range(3)))
    assert await store.meta.get("a") == "1"


async def test_an_empty_database_may_be_migrated_by_several_processes_at_once(postgres_url: str) -> None:
    stores = [Store.open(postgres_url) for _ in range(3)]
    await asyncio.gather(*(store.migrate() for store in stores))
    assert len({await store.meta.get("namespace") for store in stores}) == 1
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_step_that_fails_leaves_nothing_of_itself(store: Store) -> None:
    def broken(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise ZeroDivisionError

    results = await asyncio.gather(store.database.write(broken), return_exceptions=True)
    assert isinstance(results[0], ZeroDivisionError)

    def tables(connection: Connection) -> bool:
        return connection.dialect.has_table(connection, "half")

    assert not await store.database.write(tables)


def test_the_steps_are_one_line_without_branches() -> None:
    script = ScriptDirectory.from_config(migrations.config())
    assert len(script.get_heads()) == 1
    assert all(not step.is_branch_point and not step.is_merge_point for step in script.walk_revisions())


async def test_sqlite_judges_every_value_by_its_columns_type(store: Store) -> None:
    def lax(connection: Connection) -> list[str]:
        if connection.dialect.name != "sqlite":
            return []
        rows = connection.exec_driver_sql(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0"
        )
        return [row[0] for row in rows if not row[0].startswith(("sqlite_", "alembic_"))]

    assert await store.database.write(lax) == []


async def test_sqlite_tables_are_of_the_kind_that_the_code_says(store: Store) -> None:
    def kinds(connection: Connection) -> dict[str, tuple[bool, bool]]:
        if connection.dialect.name != "sqlite":
            return {}
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        return {name: ("AUTOINCREMENT" in sql, "WITHOUT ROWID" in sql) for name, sql in rows}

    found = await store.database.write(kinds)
    for table in metadata.sorted_tables if found else ():
        told = table.dialect_options["sqlite"]
        assert found[table.name] == (bool(told["autoincrement"]), not told["with_rowid"]), table.name
