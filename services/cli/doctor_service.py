"""What `doctor` asks of others: Redis, SQL, and the running service."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.cli.client import connect
from services.cli.data_dir import ADDRESS
from services.cli.doctor import Check, Finding
from services.cli.places import database_url, without_password

if TYPE_CHECKING:
    from services.settings import Settings

ANSWER_S = 5.0


def redis(settings: "Settings") -> Iterator[Finding]:
    """Check the configured Redis, or find a server to start privately."""
    if settings.redis_url is None:
        yield from _bundled()
        return
    url = settings.redis_url.get_secret_value()
    if asyncio.run(_redis_answers(url)):
        yield Finding("ok", f"Redis answers at {without_password(url)}")
    else:
        cure = "Start it, or correct WIREROOM_REDIS_URL, or unset it for a private one"
        yield Finding("fail", f"Redis does not answer at {without_password(url)}", cure)


def _bundled() -> Iterator[Finding]:
    from services.bus.engine import NoServerError, find_engine

    try:
        engine = find_engine()
    except NoServerError as error:
        what, _, cure = str(error).partition(": ")
        yield Finding("fail", what, cure)
    else:
        yield Finding("ok", f"{engine.name} {'.'.join(map(str, engine.version))} at {engine.binary} runs privately")


async def _redis_answers(url: str) -> bool:
    from datetime import UTC, datetime

    from services.bus.redis import RedisBus

    bus = RedisBus(url, consumer="doctor", clock=lambda: datetime.now(UTC))  # noqa: TID251 (a command is a shell)
    try:
        return (await asyncio.wait_for(bus.server(), ANSWER_S)).reachable
    except TimeoutError:
        return False
    finally:
        await bus.stop()


def database(settings: "Settings") -> Iterator[Finding]:
    """Check that the database can be read, if there should be one by now."""
    url = database_url(settings)
    if settings.database_url is None and not (settings.data_dir / "wireroom.sqlite").exists():
        yield Finding("ok", f"the SQLite file {url} will be made at the first start")
        return
    from services.store.errors import StoreUnavailable

    try:
        asyncio.run(_read(url))
    except (StoreUnavailable, TimeoutError, ValueError) as error:
        cure = "Run: wireroom db migrate, if it says so; else start the database or correct WIREROOM_DATABASE_URL"
        yield Finding("fail", f"{without_password(url)}: {str(error) or 'no answer'}", cure)
    else:
        yield Finding("ok", f"the database {without_password(url)} is readable, its tables are the newest")


async def _read(url: str) -> None:
    from services.store.database import Database

    database = Database.open(url, readonly=True)
    try:
        await asyncio.wait_for(database.migrate(), ANSWER_S)  # read-only: it only compares the version
    finally:
        await database.close()


def running(settings: "Settings") -> Iterator[Finding]:
    """Ask the running service how it is, if one is known."""
    if settings.url is None and not (settings.data_dir / ADDRESS).exists():
        yield Finding("ok", "no service runs here")
        return
    client = connect()
    answer = client.call("GET", "/readyz")
    checks = (answer.body or {}).get("checks") or {}
    faults = [f"{name}: {word}" for name, word in checks.items() if word != "ok"]
    if answer.ok:
        yield Finding("ok", f"{client.url} is ready")
    else:
        yield Finding("fail", f"{client.url} is not ready: {'; '.join(faults) or answer.why()}", "Look at its log")


CHECKS: tuple[Check, ...] = (redis, database, running)
