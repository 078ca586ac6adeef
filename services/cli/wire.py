"""The composition root: every part made once, in order, and stopped in reverse.

    data lock ─▶ pool ─▶ Redis ─▶ store ─▶ bus, relay, sweeper ─▶ stages ─▶ drain ─▶ HTTP

Stopping goes the other way: HTTP first, then no new work, what is unfinished handed back, the store last.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, TextIO

import structlog

from services.bus import Bus, Relay, Sweeper
from services.cli.data_dir import KEY, QUEUE, DataDir
from services.cli.errors import CommandError
from services.cli.places import database_url, without_password
from services.enrich.pool import Pool
from services.observe.core import Disk
from services.observe.health import Health
from services.observe.metrics import Metrics
from services.observe.sampler import Sampler
from services.settings import Settings
from services.store import Store, StoreUnavailable

log = structlog.stdlib.get_logger("wireroom")

STOP_WITHIN_S = 18.0  # P7 promises 20

Announce = Callable[["Running"], Awaitable[None]]
Beside = Callable[["Running"], AbstractAsyncContextManager[None]]


@dataclass(kw_only=True)
class Running:
    """A started service, part by part.

    `redis_address` is for people and other programs; `notices` are sentences an operator should hear.
    """

    settings: Settings
    stages: frozenset[str]
    data: DataDir
    store: Store
    bus: Bus
    relay: Relay
    sweeper: Sweeper
    pool: Pool | None
    metrics: Metrics
    sampler: Sampler
    health: Health
    redis_address: str
    version: str
    base_url: str = ""
    listener: tuple[str, int] | None = None  # where we listen: no endpoint may point there
    sending: Any = None  # the one door to the outside, once opened
    wake_drain: Callable[[Collection[str]], None] | None = None
    first_key: str | None = None
    notices: list[str] = field(default_factory=list)
    notes: dict[str, Callable[[], str]] = field(default_factory=dict)  # what readiness tells, and does not judge
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def local_url(self) -> str:
        """The address for commands on this machine: PUBLIC_URL may lead to a proxy, or to a CDN that has feeds alone."""
        if self.listener is None:
            return self.base_url
        host, port = self.listener
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def keep(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run a task that must not end before we do; readiness tells when it did."""
        self.tasks.append(asyncio.create_task(work, name=name))


def clock() -> datetime:
    """Return the time: the one place that reads the wall clock for everybody."""
    return datetime.now(UTC)  # noqa: TID251 - the shell's


def new_id() -> str:
    """Make an id: 48 bits of milliseconds, then 80 random ones. Sorts by time; holds no full stop."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def made_at(an_id: str) -> float:
    """Return when `new_id` made this one, in Unix seconds."""
    return int(an_id[:12], 16) / 1000


def run_until_signalled(
    settings: Settings,
    stages: frozenset[str],
    data: DataDir,
    announce: Announce,
    *,
    beside: Beside | None = None,
    logs: TextIO | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends at once. `beside` runs while the service does."""
    import uvloop

    from services.cli.logs import set_up_logs

    set_up_logs(settings.log_format, settings.log_level, logs)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, stages, data, announce, beside))


async def _serve(
    settings: Settings, stages: frozenset[str], data: DataDir, announce: Announce, beside: Beside | None
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, _stop, stopping)
    async with assembled(settings, stages, data) as running:
        running.stopping = stopping
        await announce(running)
        async with beside(running) if beside else nullcontext():
            await stopping.wait()
        log.info("stopping")


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        os._exit(1)  # asked twice: everything committed is on disk
    stopping.set()


@asynccontextmanager
async def assembled(settings: Settings, stages: frozenset[str], data: DataDir) -> AsyncGenerator[Running]:
    """Make every part that these stages need, started and ready; stop them all at the end."""
    from services.cli.door import start_http
    from services.cli.stages import start_stages

    async with AsyncExitStack() as stack:
        sock = _socket(settings, stages)
        if sock is not None:
            stack.callback(sock.close)
        pool, warm = _pool(stack, settings, stages)
        redis_url, address, notices = await _redis(stack, settings, stages, data)
        if sock is not None and settings.port not in (0, sock.getsockname()[1]):
            notices = [*notices, f"{settings.bind} is taken by another program; a free port was chosen"]
        store = await _store(stack, settings, stages)
        bus = _bus(redis_url, alone=settings.redis_url is None)
        relay = Relay(bus, store.outbox, clock=clock)
        sweeper = Sweeper(relay, bus, store.outbox, clock=clock, every_s=0.5)
        sampler = Sampler(store, bus, clock=clock, disk=lambda: _disk(data))
        metrics = Metrics(_version(), lambda: sampler.newest)
        running = Running(
            settings=settings, stages=stages, data=data, store=store, bus=bus, relay=relay, sweeper=sweeper, pool=pool,
            metrics=metrics, sampler=sampler, version=_version(), redis_address=address, notices=notices, base_url=_base_url(settings, sock),
            listener=sock.getsockname()[:2] if sock else None,
            health=Health(
                sampler=sampler,
                bus=bus,
                probe_store=store.probe,
                pool_alive=(lambda: pool.alive) if pool else None,
                tasks=lambda: running.tasks,
                notes=lambda: {name: note() for name, note in running.notes.items()},
                runs_stages=bool(stages - {"http", "observe"}),
            ),
        )  # fmt: skip
        stack.push_async_callback(_end_tasks, running)
        running.keep(sampler.run(), "sampler")
        if stages - {"http", "observe"}:
            running.keep(sweeper.run(), "sweeper")
        if warm is not None:
            await warm
        await start_stages(stack, running)
        if sock is not None:
            await start_http(stack, running, sock)
        await bus.start()
        stack.push_async_callback(bus.stop)
        yield running


async def _end_tasks(running: Running) -> None:
    for task in running.tasks:
        task.cancel()
    if running.tasks:
        await asyncio.wait(running.tasks, timeout=2)


def _socket(settings: Settings, stages: frozenset[str]) -> socket.socket | None:
    from services.cli.http_server import listen

    if "http" not in stages:
        return None
    if not settings.behind_proxy and settings.host not in ("127.0.0.1", "::1", "localhost"):
        raise CommandError(
            f"{settings.bind} can be reached from outside without TLS",
            "Put a reverse proxy in front and say so (WIREROOM_BEHIND_PROXY=true), or bind to 127.0.0.1",
        )
    return listen(settings.host, settings.port, or_any="bind" not in settings.model_fields_set)


def _base_url(settings: Settings, sock: socket.socket | None) -> str:
    if settings.public_url:
        return settings.public_url.rstrip("/")
    if sock is None:
        return f"http://{settings.bind}"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{sock.getsockname()[1]}"


def _pool(
    stack: AsyncExitStack, settings: Settings, stages: frozenset[str]
) -> tuple[Pool | None, asyncio.Task[None] | None]:
    """Start the pool's processes; they get ready while the rest starts."""
    if not stages & {"enrich", "syndicate"}:
        return None, None
    from services.enrich import chunk
    from services.syndicate.prepare import prepare

    workers = settings.enrich_workers or max(2, os.cpu_count() or 2)
    pool = Pool(workers, prepare=(chunk.prepare, partial(prepare, [])))  # preparing nothing loads all it needs
    stack.push_async_callback(asyncio.to_thread, pool.stop)
    return pool, asyncio.create_task(asyncio.to_thread(pool.start))


async def _redis(
    stack: AsyncExitStack, settings: Settings, stages: frozenset[str], data: DataDir
) -> tuple[str, str, list[str]]:
    """Find or start Redis: its URL, the address to show people, and notices."""
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        return url, without_password(url), []
    if reads_only(settings, stages):
        url = (data.path / QUEUE).read_text().strip()
        return url, url, []
    from services.bus.embedded import EmbeddedRedis, EmbeddedRedisError
    from services.bus.engine import NoServerError

    redis = EmbeddedRedis(data.path / "redis", clock=clock, maxmemory_mb=settings.redis_maxmemory_mb)
    try:
        await redis.start()
    except (EmbeddedRedisError, NoServerError) as error:
        raise CommandError(str(error)) from error
    stack.push_async_callback(redis.stop)
    data.leave(QUEUE, redis.url)
    return redis.url, redis.url, redis.notices


def reads_only(settings: Settings, stages: frozenset[str]) -> bool:
    """Say whether this process only reads what a running `up` writes: `run http` on SQLite."""
    return stages <= {"http"} and settings.database_url is None


async def _store(stack: AsyncExitStack, settings: Settings, stages: frozenset[str]) -> Store:
    url = database_url(settings)
    store = Store.open(url, readonly=reads_only(settings, stages))
    stack.push_async_callback(store.close)
    try:
        await store.migrate()
    except StoreUnavailable as error:
        raise CommandError(f"{without_password(url)}: {error}", "wireroom doctor tells more") from error
    return store


def _bus(url: str, *, alone: bool) -> Bus:
    from services.bus.redis import RedisBus

    consumer = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns() // 1_000_000}"
    return RedisBus(url, consumer=consumer, clock=clock, waits_for=(StoreUnavailable,), alone=alone)


def _disk(data: DataDir) -> Disk:
    usage = shutil.disk_usage(data.path)
    return Disk(usage.free, usage.total)


def _version() -> str:
    from services import __version__

    return __version__


async def first_key(running: Running) -> None:
    """Mint the admin key at the very first start; leave it, and the address, for commands."""
    from services.http.keys import mint

    settings, store = running.settings, running.store
    if settings.admin_key is not None:
        running.data.leave(KEY, settings.admin_key.get_secret_value())
        return
    with suppress(FileNotFoundError):
        if (running.data.path / KEY).read_text().strip():
            return
    if await store.keys.list():
        running.notices.append(
            f"this database has API keys already; commands here need one in {running.data.path / KEY} or WIREROOM_API_KEY"
        )
        return
    minted = mint(secrets.token_bytes)
    await store.keys.create(minted.id, minted.sha256, "first admin key", ("admin",), clock())
    running.data.leave(KEY, minted.key)
    running.first_key = minted.key
