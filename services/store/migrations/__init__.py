"""The tables' history, one file per step in versions/; the same steps on SQLite and PostgreSQL.

They are packaged, so an installed wheel migrates itself. Steps expand first and contract a release later.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from services.store.errors import StoreUnavailable

_LOCK = 0x77697265  # "wire": one migration at a time over all processes


def config() -> Config:
    """Alembic's settings; there is no ini file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def newest() -> str:
    """Name the step that this code needs."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None, "versions/ is not empty"
    return head


def current(connection: Connection) -> str | None:
    """Name the step that the database is at. None: it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> None:
    """Run the steps that are missing, in the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if current(connection) == newest():
        return
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")


def require_newest(connection: Connection) -> None:
    """Refuse a database that is not at the newest step."""
    found, needed = current(connection), newest()
    if found != needed:
        raise StoreUnavailable(
            f"the database is at version {found}, this program needs {needed}: start `wireroom up` once"
        )
