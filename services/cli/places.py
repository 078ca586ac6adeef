"""Where the data is: the one answer for `up`, `run`, `db` and `doctor`."""

import shlex
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from services.settings import Settings


def database_url(settings: "Settings") -> str:
    """Tell the database's URL: the configured one, else SQLite in the data directory. May hold a password."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return str(settings.data_dir / "wireroom.sqlite")


def redis_cli(url: str) -> str:
    """Turn a Redis URL into the command that speaks to it, ready for a shell."""
    path = url.removeprefix("unix://").partition("?")[0]
    return f"redis-cli -u {url}" if path == url else f"redis-cli -s {shlex.quote(unquote(path))}"


def without_password(url: str) -> str:
    """Hide what stands before the @ of a URL; a plain path stays as it is."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}***@{rest.rpartition('@')[2]}" if mark and "@" in rest.partition("/")[0] else url
