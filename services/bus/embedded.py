"""A private Redis or Valkey as our child: started, kept running, ended with us.

Reachable only through a unix socket in a directory of mode 0700, without a password, so that
`redis-cli -s PATH` works as printed. Commands that reach beyond the data (CONFIG, MODULE, DEBUG,
SHUTDOWN, REPLICAOF, …) are off; FLUSHALL is not, because losing Redis loses nothing committed.
One data directory per engine, since neither loads the other's files. A file that will not load is
moved aside: everything but unread `article.inbox` entries is refilled from SQL.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import structlog

from services.bus import embedded_child
from services.bus.engine import Engine, find_engine

log = structlog.stdlib.get_logger("wireroom.bus")

SOCKET_LIMIT = 100  # bytes; 108 on Linux and 104 on macOS, the final NUL included

ACL = "user default on nopass ~* &* +@all -@dangerous -@admin +info +flushall +flushdb +role +acl|whoami +acl|dryrun"

_KILLED = 128 + 9


class EmbeddedRedisError(Exception):
    """The private server cannot run; the message says why and who holds its directory."""

    def __init__(self, says: str, *, ended_itself: bool = False) -> None:
        super().__init__(says)
        self.ended_itself = ended_itself


class EmbeddedRedis:
    """The server under `directory`. `notices` says in sentences what an operator should hear."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Callable[[], datetime],
        maxmemory_mb: int = 256,
        engine: Engine | None = None,
        start_timeout_s: float = 60.0,
        lock_timeout_s: float = 5.0,
    ) -> None:
        self.notices: list[str] = []
        self.restarts = 0
        self._root = directory.absolute()
        self._clock = clock
        self._maxmemory_mb = maxmemory_mb
        self._engine = engine
        self._start_timeout_s = start_timeout_s
        self._lock_timeout_s = lock_timeout_s
        self._launcher: asyncio.subprocess.Process | None = None
        self._pid: int | None = None
        self._socket: Path | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._lock: BinaryIO | None = None

    @staticmethod
    def resolve(path: str | None = None) -> Engine:
        """Return the server that would run; see `find_engine`."""
        return find_engine(path)

    @property
    def engine(self) -> Engine:
        """What runs. Only after `start`."""
        if self._engine is None:
            raise EmbeddedRedisError("not started")
        return self._engine

    @property
    def socket(self) -> Path:
        """The path for `redis-cli -s`. Only after `start`."""
        if self._socket is None:
            raise EmbeddedRedisError("not started")
        return self._socket

    @property
    def url(self) -> str:
        """The address for clients. Only after `start`."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        """The server's process; None while it is not running."""
        return self._pid

    @property
    def data(self) -> Path:
        """Where this engine keeps its files."""
        return self._root / self.engine.name

    async def start(self) -> None:
        """Return when the server answers and has loaded its file. Raises EmbeddedRedisError, NoServerError."""
        if self._engine is None:
            self._engine = await asyncio.to_thread(find_engine)
        for directory in (self._root, self.data):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
        self._socket = self._place_socket()
        self._lock = await self._take_lock()
        try:
            self._note_other_engine()
            await self._launch()
        except BaseException:
            self._lock.close()
            raise
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End the server; it writes out what it has. Safe to repeat."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
        await self._end_launcher()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._socket is not None and self._socket.parent != self.data:
            with suppress(OSError):
                self._socket.parent.rmdir()

    async def _take_lock(self) -> BinaryIO:
        """Hold the directory; what a killed run left behind ends within 2 s, so wait a little for it."""
        lock = (self._root / "redis.lock").open("a+b")
        for _ in range(int(self._lock_timeout_s / 0.02)):
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lock.truncate(0)
                lock.write(b"%d" % os.getpid())
                lock.flush()
                return lock
            await asyncio.sleep(0.02)
        lock.seek(0)
        holder = lock.read(32).decode(errors="replace")
        lock.close()
        raise EmbeddedRedisError(f"{self._root} is in use by process {holder}")

    async def _supervise(self) -> None:
        """Start the server again whenever it ends. Runs until cancelled."""
        pause = 0.05
        while True:
            if self._launcher is not None:
                code = await self._launcher.wait()
                log.error("redis.ended", engine=self.engine.name, pid=self._pid, code=code)
                self._pid = None
            await asyncio.sleep(pause)
            began = asyncio.get_running_loop().time()
            try:
                await self._launch()
                self.restarts += 1
                log.warning("redis.restarted", engine=self.engine.name, pid=self._pid)
            except (EmbeddedRedisError, OSError) as error:
                log.error("redis.restart_failed", error=str(error))  # noqa: TRY400 - the message is the news
                self._launcher = None
            quick = asyncio.get_running_loop().time() - began < 1
            pause = min(5.0, pause * 2) if quick else 0.05

    async def _launch(self) -> None:
        """Start it. If it ends while loading its file but runs without it, the file stays aside."""
        try:
            await self._launch_once()
        except EmbeddedRedisError as error:
            if not error.ended_itself or not self._aof.exists():
                raise
            aside = self._aof.rename(self.data / f"unreadable-{self._clock():%Y%m%dT%H%M%S%f}")
            try:
                await self._launch_once()
            except EmbeddedRedisError:
                # The file was not to blame (a full disk, a missing library): it is put back.
                shutil.rmtree(self._aof, ignore_errors=True)
                aside.rename(self._aof)
                raise error from None
            self._say(
                f"{self.engine.name} could not load its file; it is kept as {aside} and the queue starts empty. "
                "Everything committed is refilled from the database; only unread article.inbox entries are missing.",
                reason=str(error),
            )

    async def _launch_once(self) -> None:
        assert self._lock is not None
        lock = self._lock.fileno()
        self._write_config()
        self._log_file.write_bytes(b"")
        # A session of its own: Ctrl-C at the terminal must reach us first, not the server.
        self._launcher = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", embedded_child.__file__,
            str(lock), str(self.engine.binary), str(self._config_file),
            pass_fds=(lock,),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self._pid = await self._read_pid(self._launcher)
                await self._wait_until_ready(self._launcher)
        except BaseException as error:
            await self._end_launcher()
            if isinstance(error, TimeoutError):
                raise EmbeddedRedisError(f"{self.engine.name} did not answer in {self._start_timeout_s:g} s") from None
            raise

    async def _read_pid(self, launcher: asyncio.subprocess.Process) -> int:
        assert launcher.stdout is not None
        line = (await launcher.stdout.readline()).decode(errors="replace").strip()
        if not line.isdigit():
            raise EmbeddedRedisError(f"{self.engine.name} could not be started: {line or 'no answer'}")
        return int(line)

    async def _wait_until_ready(self, launcher: asyncio.subprocess.Process) -> None:
        pause = 0.005
        while not await self._answers():
            if (code := await self._ended(launcher, within_s=pause)) is not None:
                tail = self._log_since_start().strip().splitlines()[-3:]
                says = f"{self.engine.name} ended with code {code}: {' | '.join(filter(None, tail))}"
                raise EmbeddedRedisError(says, ended_itself=code != _KILLED)
            pause = min(0.1, pause * 1.5)

    async def _answers(self) -> bool:
        """PING is answered with an error while the file is being loaded."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            async with asyncio.timeout(2):
                return (await reader.readline()).startswith(b"+PONG")
        except OSError:
            return False
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    @staticmethod
    async def _ended(launcher: asyncio.subprocess.Process, within_s: float) -> int | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                return await launcher.wait()
        return launcher.returncode

    async def _end_launcher(self) -> None:
        launcher, self._launcher = self._launcher, None
        self._pid = None
        if launcher is None:
            return
        if launcher.stdin is not None:
            launcher.stdin.close()  # it ends the server when this closes
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await launcher.wait()
                return
        with suppress(ProcessLookupError):
            launcher.kill()
        await launcher.wait()

    @property
    def _aof(self) -> Path:
        return self.data / "appendonlydir"

    @property
    def _config_file(self) -> Path:
        return self.data / "server.conf"

    @property
    def _log_file(self) -> Path:
        return self.data / "server.log"

    def _log_since_start(self) -> str:
        try:
            return self._log_file.read_text(errors="replace")
        except OSError:
            return ""

    def _write_config(self) -> None:
        lines = [
            "port 0",
            f"unixsocket {_quoted(self.socket)}",
            "unixsocketperm 700",
            f"dir {_quoted(self.data)}",
            f"logfile {_quoted(self._log_file)}",
            "databases 1",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            f"maxmemory {self._maxmemory_mb}mb",
            "maxmemory-policy noeviction",
            "proto-max-bulk-len 2mb",  # an inbox event is 1 MiB at most; a larger XADD ends that connection
            ACL,
        ]
        self._config_file.write_bytes(os.fsencode("\n".join(lines) + "\n"))

    def _note_other_engine(self) -> None:
        other = self._root / ("valkey" if self.engine.name == "redis" else "redis") / "appendonlydir"
        if other.exists() and not self._aof.exists():
            self._say(
                f"the queue ran on {other.parent.name} before and now starts empty on {self.engine.name}; "
                f"unread article.inbox entries stay in {other.parent}, all else is refilled from the database."
            )

    def _say(self, sentence: str, **more: str) -> None:
        self.notices.append(sentence)
        log.error("redis.notice", says=sentence, **more)

    def _place_socket(self) -> Path:
        wanted = self.data / "s"
        if len(os.fsencode(wanted)) <= SOCKET_LIMIT:
            return wanted
        # The same short directory at every start, so that a killed run leaves no trail of them.
        name = f"wireroom-{os.getuid()}-{hashlib.sha256(os.fsencode(self._root)).hexdigest()[:12]}"
        for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
            if base and len(os.fsencode(base)) + len(name) + 3 <= SOCKET_LIMIT and _private(Path(base) / name):
                return Path(base) / name / "s"
        return Path(tempfile.mkdtemp(prefix="wr", dir="/tmp")) / "s"


def _private(directory: Path) -> bool:
    """Make the directory, or accept it only if it is ours, real and closed to others."""
    with suppress(OSError):
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
    return False


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
