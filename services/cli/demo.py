"""`wireroom demo`: `up` on a directory of its own, with a newsroom, partners and readers of our own making."""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

from schemas.topics import STAGES
from services.cli.announce import lines
from services.cli.data_dir import ADDRESS, KEY, DataDir
from services.cli.wire import Running, clock, run_until_signalled
from services.demo.receivers import Check
from services.demo.traffic import Traffic
from services.settings import Settings

_LOOPBACK = ("127.0.0.0/8", "::1/128")
_SCHEDULE_S = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0)  # a trial has no three days to spare
_LOG = "wireroom.log"


def demo(settings: Settings, keep: Path | None, seconds: float | None) -> None:
    """Run until Ctrl-C, or for so many seconds; the data goes unless it is to be kept."""
    if keep is not None:
        _run(settings, keep, seconds)
        print(f"Everything was kept in {keep}: WIREROOM_DATA_DIR='{keep}' wireroom up goes on with it.")
        return
    with tempfile.TemporaryDirectory(prefix="wireroom-demo-", ignore_cleanup_errors=True) as directory:
        _run(settings, Path(directory), seconds)
    print("Stopped. The demo's data is gone; next time --keep DIR keeps it.")


def _run(settings: Settings, directory: Path, seconds: float | None) -> None:
    chosen = settings.model_copy(
        update={
            "data_dir": directory,
            "allow_addresses": (*settings.allow_addresses, *_LOOPBACK),
            "delivery_schedule_s": _SCHEDULE_S,
        }
    )
    print("Starting Wireroom with a made-up newsroom …", flush=True)
    with DataDir(directory) as data, (directory / _LOG).open("a") as log:
        run_until_signalled(
            chosen, frozenset(STAGES), data, _announce, beside=partial(_traffic, seconds=seconds), logs=log
        )


async def _announce(running: Running) -> None:
    running.data.leave(ADDRESS, running.local_url)
    base = running.base_url
    print("\nWireroom is up, and a newsroom writes into it. Look at:")
    shown = [("Pages", f"{base}/feeds   for people: every feed and its stories")]
    shown += [("Feeds", f"{base}/feeds/all.rss  {base}/feeds/lang/ar.atom  {base}/feeds/section/actualites.json")]
    shown += [pair for pair in lines(running) if pair[0] not in ("Pages", "Feeds", "Admin key")]
    shown += [
        ("Log", str(running.data.path / _LOG)),
        ("Terminal", f"WIREROOM_DATA_DIR='{running.data.path}' ./wr status"),
    ]
    for name, value in shown:
        print(f"  {name:<10}{value}")
    print("Ctrl-C stops it.\n", flush=True)


@asynccontextmanager
async def _traffic(running: Running, seconds: float | None) -> AsyncGenerator[None]:
    started = time.monotonic()
    key = (running.data.path / KEY).read_text().strip()
    traffic = Traffic(running.base_url, key, _check_for, clock, Random(), secrets.token_hex(3))  # noqa: S311 - news, no secret
    await traffic.start()
    tasks = [
        asyncio.create_task(traffic.run()),
        asyncio.create_task(_show(running, traffic)),
        asyncio.create_task(_firsts(traffic, started)),
    ]
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, running.stopping.set)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=2)
        await traffic.stop()
        print()


def _check_for(secret: str) -> Check:
    from services.deliver.signing import verifies

    return lambda headers, body: verifies(secret, headers, body, clock())


async def _firsts(traffic: Traffic, started: float) -> None:
    """Say when the first story stood in a feed, and when the first webhook had arrived."""

    async def when(done: Callable[[], bool], what: str) -> None:
        while not await asyncio.to_thread(done):  # noqa: ASYNC110 - it happens behind HTTP
            await asyncio.sleep(0.05)
        _say(f"{what} {time.monotonic() - started:.1f} s after the start of the newsroom")

    await asyncio.gather(
        when(traffic.feed_has_items, "First story in a feed"),
        when(lambda: any(partner.received for partner in traffic.partners), "First webhook delivered and verified"),
    )


async def _show(running: Running, traffic: Traffic) -> None:
    from services.observe.report import stats_body

    live = sys.stdout.isatty()
    while True:
        with suppress(AssertionError, TimeoutError):
            line = traffic.line(stats_body(await running.sampler.fresh(1.0)))
            print(f"\r\x1b[2K{line}" if live else line, end="" if live else "\n", flush=True)
        await asyncio.sleep(1 if live else 5)


def _say(line: str) -> None:
    print(f"\r\x1b[2K{line}" if sys.stdout.isatty() else line, flush=True)
