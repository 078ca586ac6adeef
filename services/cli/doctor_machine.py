"""What `doctor` asks of the machine: Python, packages, SQLite, Redis, the data directory, port and disk."""

import asyncio
import importlib.util
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.data_dir import ADDRESS, KEY, DataDir
from services.cli.doctor import Check, Finding

if TYPE_CHECKING:
    from services.settings import Settings

PYTHON = (3, 11)
SQLITE = (3, 37, 0)  # STRICT tables
PACKAGES = {  # distribution: module; a test compares them with pyproject.toml
    "aiohttp": "aiohttp",
    "alembic": "alembic",
    "brotli": "brotli",
    "fastapi": "fastapi",
    "faststream": "faststream",
    "feedgen": "feedgen",
    "hiredis": "hiredis",
    "httptools": "httptools",
    "isal": "isal",
    "jinja2": "jinja2",
    "lxml": "lxml",
    "nh3": "nh3",
    "obstore": "obstore",
    "orjson": "orjson",
    "prometheus-client": "prometheus_client",
    "psycopg": "psycopg",
    "py3langid": "py3langid",
    "pydantic": "pydantic",
    "pydantic-settings": "pydantic_settings",
    "redis": "redis",
    "rich": "rich",
    "selectolax": "selectolax",
    "sentencex": "sentencex",
    "sqlalchemy": "sqlalchemy",
    "structlog": "structlog",
    "typer": "typer",
    "uvicorn": "uvicorn",
    "uvloop": "uvloop",
    "xxhash": "xxhash",
    "yarl": "yarl",
    "zstandard": "zstandard",
}


def python() -> Iterator[Finding]:
    """Check the interpreter's version."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON:
        yield Finding("ok", f"Python {found}")
    else:
        yield Finding("fail", f"Python {found} is too old", "Install Python 3.11 or newer, then run ./wr again")


def packages() -> Iterator[Finding]:
    """Name every package that is missing."""
    for name, module in PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            yield Finding("fail", f"the package {name} is missing", "Run ./wr once with a network, or: pip install .")


def sqlite() -> Iterator[Finding]:
    """Check the SQLite library that Python brings."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= SQLITE:
        yield Finding("ok", f"SQLite {version}")
    else:
        wanted = ".".join(map(str, SQLITE))
        yield Finding("fail", f"SQLite {version} is too old (wanted: {wanted})", "Use a newer Python, or PostgreSQL")


def misspelt_settings() -> Iterator[Finding]:
    """Name variables that look like settings and are none."""
    from services.settings import Settings

    known = {f"WIREROOM_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith("WIREROOM_") and name.upper() not in known:
            yield Finding("warn", f"{name} is no setting", "wireroom config lists them all")


def data_dir(settings: "Settings") -> Iterator[Finding]:
    """Check the data directory's rights, and who holds it."""
    path = settings.data_dir
    if not path.exists():
        above = next(parent for parent in path.parents if parent.exists())
        if os.access(above, os.W_OK | os.X_OK):
            yield Finding("ok", f"the data directory {path} will be made at the first start")
        else:
            yield Finding("fail", f"{path} cannot be made: {above} is not writable", "Set WIREROOM_DATA_DIR")
        return
    if fault := _rights(path):
        yield fault
        return
    holder = DataDir(path).holder()
    yield Finding("ok", f"the data directory {path}" + ("" if holder is None else f", in use by process {holder}"))


def _rights(path: Path) -> Finding | None:
    if not path.is_dir():
        return Finding("fail", f"{path} is not a directory", "Set WIREROOM_DATA_DIR to another place")
    if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        return Finding("fail", f"{path} is open to others (mode {mode:o})", f"Run: chmod 700 '{path}'")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding("fail", f"{path} is not writable for this user", "Run as its owner, or set WIREROOM_DATA_DIR")
    key = path / KEY
    if key.exists() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        return Finding("fail", f"{key} is open to others", f"Run: chmod 600 '{key}', and make a new key")
    return None


def disk(settings: "Settings") -> Iterator[Finding]:
    """Check the room where the data lives."""
    there = next(place for place in (settings.data_dir, *settings.data_dir.parents) if place.exists())
    free_mb = shutil.disk_usage(there).free // 2**20
    if free_mb < settings.min_free_mb:
        cure = "Make room, or lower WIREROOM_MIN_FREE_MB; until then publishing is refused (507)"
        yield Finding("fail", f"{free_mb:,} MiB are free at {there}", cure)
    else:
        yield Finding("ok", f"{free_mb:,} MiB are free at {there}")


def port(settings: "Settings") -> Iterator[Finding]:
    """Check that we could listen, unless a service of ours already does: `running` asks that one."""
    if settings.url is not None or (settings.data_dir / ADDRESS).exists():
        return
    if settings.data_dir.is_dir() and DataDir(settings.data_dir).holder() is not None:
        return
    why = asyncio.run(_listen(settings.host, settings.port))
    if why is None:
        yield Finding("ok", f"{settings.bind} is free")
    elif "bind" in settings.model_fields_set:
        yield Finding("fail", f"cannot listen on {settings.bind}: {why}", "Set WIREROOM_BIND to another host:port")
    else:
        yield Finding("warn", f"cannot listen on {settings.bind}: {why}", "up will take another port by itself")


async def _listen(host: str, number: int) -> str | None:
    try:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), host, number)
    except OSError as error:
        return error.strerror or str(error)
    server.close()
    await server.wait_closed()
    return None


def open_bind(settings: "Settings") -> Iterator[Finding]:
    """Name binds that are open to others without TLS in front."""
    if settings.host not in {"127.0.0.1", "::1", "localhost"} and not settings.behind_proxy:
        cure = "Bind to 127.0.0.1, or put TLS in front and set WIREROOM_BEHIND_PROXY=true"
        yield Finding("fail", f"{settings.bind} is open to others without TLS", cure)


CHECKS: tuple[Check, ...] = (data_dir, disk, port, open_bind)
