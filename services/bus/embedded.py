"""A private Redis or Valkey as our child: started, kept running, ended with us.

Reachable only through a unix socket in a directory of mode 0700, without a password, so that
`redis-cli -s PATH` works as printed. A file that will not load is moved aside and the server starts
empty: everything but unread `article.inbox` entries is refilled from SQL.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import structlog

from services.bus import embedded_child
from services.bus.embedded_home import Home
from services.bus.engine import Engine, find_engine

log = structlog.stdlib.get_logger("wireroom.bus")

_KILLED = 128 + 9
_STABLE_S = 10.0  # a server that lived that long is started again at once


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
        self.pid: int | None = None  # None while no server runs
        self._root = directory
        self._clock = clock
        self._maxmemory_mb = maxmemory_mb
        self._engine = engine
        self._start_timeout_s = start_timeout_s
        self._lock_timeout_s = lock_timeout_s
        self._home: Home | None = None
        self._launcher: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._lock: BinaryIO | None = None

    @staticmethod
    def resolve(path: str | None = None) -> Engine:
        """Return the server that would run; see `find_engine`."""
        return find_engine(path)

    @property
    def engine(self) -> Engine:
        """What runs. Only after `start`."""
        assert self._engine is not None
        return self._engine

    @property
    def home(self) -> Home:
        """Where it lives. Only after `start`."""
        assert self._home is not None
        return self._home

    @property
    def socket(self) -> Path:
        """The path for `redis-cli -s`. Only after `start`."""
        return self.home.socket

    @property
    def url(self) -> str:
        """The address for clients. Only after `start`."""
        return f"unix://{quote(str(self.socket))}"

    async def start(self) -> None:
        """Return when the server answers and has loaded its file. Raises EmbeddedRedisError, NoServerError."""
        if self._engine is None:
            self._engine = await asyncio.to_thread(find_engine)
        self._home = Home(self._root, self._engine.name)
        self._lock, holder = await self._home.lock(self._lock_timeout_s)
        if self._lock is None:
            raise EmbeddedRedisError(f"{self._home.root} is in use by process {holder}")
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
        await self._end()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
            self.home.leave()

    async def _supervise(self) -> None:
        """Start the server again whenever it ends. Runs until cancelled."""
        loop = asyncio.get_running_loop()
        pause = 0.05
        while True:
            began = loop.time()
            if self._launcher is not None:
                code = await self._launcher.wait()
                log.error("redis.ended", engine=self.engine.name, pid=self.pid, code=code)
                await self._end()
            pause = 0.05 if loop.time() - began > _STABLE_S else min(5.0, 2 * pause)
            await asyncio.sleep(pause)
            try:
                await self._launch()
                self.restarts += 1
                log.warning("redis.restarted", engine=self.engine.name, pid=self.pid)
            except (EmbeddedRedisError, OSError) as error:
                log.error("redis.restart_failed", error=str(error))  # noqa: TRY400 - the message is the news

    async def _launch(self) -> None:
        """Start it. If it ends while loading its file but runs without it, the file stays aside."""
        try:
            await self._launch_once()
        except EmbeddedRedisError as error:
            if not error.ended_itself or not self.home.aof.exists():
                raise
            aside = self.home.set_aside(self._clock())
            try:
                await self._launch_once()
            except EmbeddedRedisError:
                # The file was not to blame (a full disk, a missing library): it is put back.
                shutil.rmtree(self.home.aof, ignore_errors=True)
                aside.rename(self.home.aof)
                raise error from None
            self._say(
                f"{self.engine.name} could not load its file; it is kept as {aside} and the queue starts empty. "
                "Everything committed is refilled from the database; only unread article.inbox entries are missing.",
                reason=str(error),
            )

    async def _launch_once(self) -> None:
        assert self._lock is not None
        lock = self._lock.fileno()
        self.home.write_config(self._maxmemory_mb)
        # A session of its own: Ctrl-C at the terminal must reach us first, not the server.
        self._launcher = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", embedded_child.__file__,
            str(lock), str(self.engine.binary), str(self.home.config),
            pass_fds=(lock,),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self.pid = await self._read_pid(self._launcher)
                await self._wait_until_ready(self._launcher)
        except BaseException as error:
            await self._end()
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
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    code = await launcher.wait()
                    says = f"{self.engine.name} ended with code {code}: {self.home.last_words()}"
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

    async def _end(self) -> None:
        """End launcher and server, whichever is left, and return when both are gone."""
        launcher, self._launcher = self._launcher, None
        pid, self.pid = self.pid, None
        if launcher is None:
            return
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        launcher.stdin.close()  # the launcher ends the server when this closes
        try:
            async with asyncio.timeout(5):
                await launcher.wait()
        except TimeoutError:
            launcher.kill()
            await launcher.wait()
        # The server holds the launcher's output open: its end is the end of both. Two servers on one file
        # would ruin it, and where the kernel does not end an orphan (macOS) we must.
        while not launcher.stdout.at_eof():
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await launcher.stdout.read(4096)

    def _note_other_engine(self) -> None:
        if other := self.home.left_by_other_engine():
            self._say(
                f"the queue ran on {other.name} before and now starts empty on {self.engine.name}; "
                f"unread article.inbox entries stay in {other}, all else is refilled from the database."
            )

    def _say(self, sentence: str, **more: str) -> None:
        self.notices.append(sentence)
        log.error("redis.notice", says=sentence, **more)
