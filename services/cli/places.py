"""Where the data is: the one answer for `up`, `run`, `db` and `doctor`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.settings import Settings


def database_url(settings: "Settings") -> str:
    """Tell the database's URL: the configured one, else SQLite in the data directory. May hold a password."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return str(settings.data_dir / "wireroom.sqlite")


def without_password(url: str) -> str:
    """Hide what stands before the @ of a URL; a plain path stays as it is."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}***@{rest.rpartition('@')[2]}" if mark and "@" in rest.partition("/")[0] else url
