"""PostgreSQL for tests: one temporary cluster a session, a database a test.

Without `fsync`: a test never crashes the machine. A missing PostgreSQL skips on a laptop and fails
where CI=true. PostgreSQL refuses to run as root; there it runs as the user `postgres`.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.servers_redis import missing

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
OPTIONS = (
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=200",
    "listen_addresses=''",
    "log_min_messages=error",
    "log_min_error_statement=panic",
)


def find_binaries() -> Path:
    """The directory of initdb and pg_ctl: from PATH, else the newest that Debian and others install."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(
        (place for pattern in PLACES for place in Path("/").glob(pattern[1:]) if (place / "initdb").exists()),
        key=lambda place: [int(part) for part in str(place).replace("-", "/").split("/") if part.isdigit()],
    )
    if not versions:
        missing("PostgreSQL")
    return versions[-1]


class PostgresServer:
    """One cluster on a unix socket of its own."""

    def __init__(self) -> None:
        self.binaries = find_binaries()
        self.directory = Path(tempfile.mkdtemp(prefix="wrp"))
        self.data = self.directory / "data"
        self.as_user: list[str] = []
        if os.geteuid() == 0:
            runuser = shutil.which("runuser") or shutil.which("runuser", path="/usr/sbin:/sbin")
            if runuser is None:
                missing("runuser, to start PostgreSQL as another user than root,")
            self.as_user = [str(runuser), "-u", "postgres", "--"]
            shutil.chown(self.directory, "postgres")
        self._databases = count(1)

    def start(self) -> "PostgresServer":
        if not self.data.exists():
            self._run("initdb", "-D", str(self.data), "-U", "wireroom", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = " ".join(f"-c {option}" for option in (*OPTIONS, f"unix_socket_directories={self.directory}"))
        self._run(
            "pg_ctl", "-D", str(self.data), "-w", "-t", "30", "-l", str(self.directory / "log"), "-o", options, "start"
        )
        return self

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://wireroom@/{database}?host={self.directory}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def create(self, template: str = "template1") -> str:
        """A new database; its name."""
        name = f"t{next(self._databases)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self.as_user, str(self.binaries / program), *arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        if done.returncode:
            log = self.directory / "log"
            pytest.fail(f"{program} failed: {log.read_text() if log.exists() else ''}", pytrace=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's cluster. Tests that stop it start one of their own."""
    server = PostgresServer().start()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)
