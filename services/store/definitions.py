"""The version of all definitions of saved feeds, and how decisions by them are kept right.

Whoever records what feeds carry names the version that it decided by, and finds in its own transaction
whether that still stands. It shares the row until its commit and whoever changes a definition has it alone: so
an article is either in SQL when the change is committed, where filling the feed finds it, or decided by the
change.
"""

from sqlalchemy import Connection, select, update

from services.store.statement import Statement
from services.store.tables import meta

_NAME = "definitions"
_READ = select(meta.c.value).where(meta.c.name == _NAME)
_SHARED = Statement(_READ.with_for_update(read=True))
_ALONE = Statement(_READ.with_for_update())
_SET = Statement(update(meta).where(meta.c.name == _NAME))


def standing(connection: Connection) -> int:
    """Read the version; it stays until the caller's commit."""
    return int(_SHARED.one(connection).value)


def alone(connection: Connection) -> int:
    """Read the version; nobody decides by it, or changes it, until the caller's commit."""
    return int(_ALONE.one(connection).value)


def move(connection: Connection, version: int) -> None:
    """Set the version, under `alone`."""
    _SET.run(connection, value=str(version))
