"""The real command under test: started, killed, restarted, and spoken to only through its public doors."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import aiohttp

ROOT = Path(__file__).resolve().parent.parent


async def until(check: Callable[[], Awaitable[Any]], what: str, *, within_s: float = 20.0) -> Any:
    """Ask again and again until the answer is truthy, and return it; fail naming `what` when time is up."""
    give_up = time.monotonic() + within_s
    while True:
        answer = await check()
        if answer:
            return answer
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {within_s} s: {what} (last answer: {answer!r})")
        await asyncio.sleep(0.05)


def descendants(pid: int) -> set[int]:
    """Every process below `pid`, from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.add(child)
            queue.append(child)
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run (a zombie does not)."""
    left: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                left.add(pid)
    return left


class Live:
    """One `wireroom up` on a data directory of its own."""

    def __init__(
        self, data_dir: Path, settings: Mapping[str, str] | None = None, command: tuple[str, ...] = ("up",)
    ) -> None:
        self.data_dir = data_dir
        self._command = command
        self._settings = {
            "WIREROOM_ALLOW_ADDRESSES": "127.0.0.0/8,::1/128",
            "WIREROOM_LOG_FORMAT": "json",
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.log_to: int | None = None  # a file descriptor for what belongs on standard error
        self._session: aiohttp.ClientSession | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def base(self) -> str:
        return (self.data_dir / "address").read_text().strip()

    @property
    def key(self) -> str:
        return (self.data_dir / "admin.key").read_text().strip()

    def spawn(self, *, forget: bool = True) -> None:
        """Start it; `forget` the address that an earlier run may have left."""
        if forget:
            (self.data_dir / "address").unlink(missing_ok=True)
        # With PYTHONDONTWRITEBYTECODE each of the processes would compile all sources anew.
        # PYTHONUNBUFFERED hides what a blocked standard error does to the end of a process.
        unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
        env = {k: v for k, v in os.environ.items() if not k.startswith("WIREROOM_") and k not in unwanted}
        env |= {
            "WIREROOM_DATA_DIR": str(self.data_dir),
            "WIREROOM_BIND": "127.0.0.1:0",
            "PYTHONPATH": str(ROOT),
            **self._settings,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services", *self._command],
                env=env,
                stdout=log,
                stderr=log if self.log_to is None else self.log_to,
                cwd=ROOT,
                start_new_session=True,
            )

    async def start(self, *, within_s: float = 20.0) -> None:
        self.spawn()
        await until(self.ready, f"ready; log: {self.log.read_text()[-2000:]}", within_s=within_s)

    async def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: {self.log.read_text()[-4000:]}")
        if not (self.data_dir / "address").exists():
            return False
        with contextlib.suppress(aiohttp.ClientError, OSError):
            status, _ = await self.get("/readyz")
            return status == 200
        return False

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20), auto_decompress=True)
        return self._session

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """One authorised JSON request; returns status and decoded answer."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        kwargs: dict[str, Any] = (
            {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        )
        async with self.session.request(method, self.base + path, headers=sent, **kwargs) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw and "json" in response.content_type else raw

    async def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """One anonymous GET; returns status and bytes."""
        async with self.session.get(self.base + path, headers=headers) as response:
            return response.status, await response.read()

    async def stats(self) -> dict[str, Any]:
        status, answer = await self.call("GET", "/v1/stats")
        assert status == 200, answer
        return cast("dict[str, Any]", answer)

    def kill(self, sig: int = signal.SIGKILL) -> None:
        """Send a signal to the main process alone."""
        os.kill(self.pid, sig)

    async def ended(self, *, within_s: float = 20.0) -> int:
        """Wait for the process and return its exit code."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, within_s)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self.process is not None and self.process.poll() is None:
            self.kill(signal.SIGTERM)
            try:
                await self.ended(within_s=20)
            except subprocess.TimeoutExpired:
                self.kill(signal.SIGKILL)
                await self.ended()
                raise


@contextlib.asynccontextmanager
async def live(data_dir: Path, settings: Mapping[str, str] | None = None) -> AsyncGenerator[Live]:
    """A running service that is stopped at the end."""
    service = Live(data_dir, settings)
    try:
        await service.start()
        yield service
    finally:
        await service.close()


async def raw_get(url: str, headers: Mapping[str, str]) -> tuple[Mapping[str, str], bytes]:
    """GET without any decoding: the headers and the very bytes of the answer."""
    async with aiohttp.ClientSession(auto_decompress=False) as session, session.get(url, headers=headers) as response:
        return response.headers, await response.read()
