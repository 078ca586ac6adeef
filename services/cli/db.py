"""`wireroom db`: the database itself. These commands open it directly, beside no other writer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from services.cli.data_dir import DataDir
from services.cli.errors import CommandError, fail
from services.cli.examples import examples
from services.cli.options import load_settings
from services.cli.output import AsJson, number, print_json, say, table
from services.cli.places import database_url, without_password

if TYPE_CHECKING:
    from services.settings import Settings
    from services.store.database import Database

T = TypeVar("T")


def check(*, as_json: AsJson = False) -> None:
    """Count everything again.

    Compares the sums that are kept with what the rows say; reads only, and may run beside a running service.
    """

    async def compare(database: "Database") -> tuple[dict[str, int], dict[str, int]]:
        from services.store.ledger import recount, sums

        await database.migrate()  # read-only: refuses what is not of this version
        return await database.read(lambda connection: (sums(connection), recount(connection)))

    kept, counted = _with_database(load_settings(), compare, readonly=True)
    figures = {name: (kept.get(name, 0), counted.get(name, 0)) for name in sorted({*kept, *counted})}
    wrong = [name for name, (one, other) in figures.items() if one != other]
    if as_json:
        shown = {name: {"kept": one, "counted": other} for name, (one, other) in figures.items()}
        print_json({"ok": not wrong, "sums": shown})
    else:
        rows = [(name, number(a), number(b), "!" if name in wrong else "") for name, (a, b) in figures.items()]
        table(("sum", "kept", "counted", ""), rows, empty="the database is empty")
    if wrong:
        cure = "Keep the file and report this as a fault; no article is touched by it"
        fail(f"the sums do not agree: {', '.join(wrong)}", cure)


def migrate() -> None:
    """Bring the tables to this version.

    `up` does so by itself at every start. Refused while a service runs on the data directory.
    """
    settings = load_settings()
    if settings.database_url is not None:
        _with_database(settings, lambda database: database.migrate())
    else:
        with DataDir(settings.data_dir, wait_s=0):
            _with_database(settings, lambda database: database.migrate())
    say(f"{without_password(database_url(settings))} has the newest tables")


def path(*, as_json: AsJson = False) -> None:
    """Print where the database is, without its password."""
    where = without_password(database_url(load_settings()))
    if as_json:
        print_json({"database": where})
    else:
        say(where)


def _with_database(settings: "Settings", act: "Callable[[Database], Awaitable[T]]", *, readonly: bool = False) -> T:
    from services.store.database import Database
    from services.store.errors import StoreUnavailable

    async def run() -> T:
        database = Database.open(database_url(settings), readonly=readonly)
        try:
            return await act(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except (StoreUnavailable, ValueError) as error:
        where = without_password(database_url(settings))
        raise CommandError(f"{where}: {error}", "wireroom doctor tells more") from None


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        help="The database: check, migrate, where it is.", no_args_is_help=True, epilog=examples("wireroom db check")
    )
    group.command(epilog=examples("wireroom db check", "wireroom db check --json"))(check)
    group.command(epilog=examples("wireroom db migrate"))(migrate)
    group.command(epilog=examples('sqlite3 "$(wireroom db path)" .tables'))(path)
    app.add_typer(group, name="db")
