"""A publisher at work on a real store, and a real S3-speaking server in a process of its own."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import obstore
import pytest
from obstore.store import S3Store

from services.cli.static import DocumentSource
from services.publish.ports import Place
from services.publish.worker import Publisher
from services.syndicate.discovered import Discovery
from tests.feed_desk import Desk
from tests.live import until
from tests.servers_redis import missing


class Press:
    """A publisher of a desk's feeds."""

    def __init__(self, publisher: Publisher, source: DocumentSource) -> None:
        self.publisher = publisher
        self.source = source

    async def done(self) -> None:
        """Wait until a round that began after this call has left nothing to do."""
        before = self.publisher.rounds

        async def later() -> bool:
            return self.publisher.rounds >= before + 2

        await until(later, "two rounds", within_s=60)

    async def told(self) -> str:
        """Wait until it tells of a fault."""

        async def note() -> str:
            return self.publisher.note()

        return str(await until(note, "a fault"))


@asynccontextmanager
async def pressing(
    desk: Desk, place: Place, *, owner: str = "up", codings: tuple[str, ...] = ("gzip",), version: str = "1"
) -> AsyncGenerator[Press]:
    """Keep static copies of the desk's feeds at the place."""
    discovery = Discovery(desk.store.directory, desk.site, clock=lambda: desk.now, monotonic=_always_later())
    source = DocumentSource(desk.store.feeds, discovery, desk.site, codings=codings, version=version)
    publisher = Publisher(
        place,
        desk.store.static,
        source,
        owner=owner,
        clock=lambda: desk.now,
        every_s=0.01,
        pause=lambda _failures: 0.05,
    )
    task = asyncio.create_task(publisher.run())
    try:
        yield Press(publisher, source)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _always_later() -> Any:
    at = iter(range(1_000_000_000))
    return lambda: float(next(at) * 10)


class S3Server:
    """moto's server: a bucket named `bucket`, and what it was asked."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="wrs3"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
            "AWS_REGION": "eu-central-1",
        }

    def start(self) -> "S3Server":
        command = [
            sys.executable,
            "-c",
            "from moto.server import main; main()",
            "-H",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        give_up = time.monotonic() + 30
        bucket = Request(f"{self.environment['AWS_ENDPOINT_URL']}/bucket", method="PUT")
        while True:
            assert self.process.poll() is None, self.log()
            try:
                with urlopen(bucket):
                    return self
            except (URLError, ConnectionError):
                assert time.monotonic() < give_up, self.log()
                time.sleep(0.05)  # polled: a server tells nobody when it is ready

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def puts(self) -> int:
        """How many objects were put, ever."""
        return self.log().count('"PUT /bucket/')

    def client(self, prefix: str | None = None) -> S3Store:
        return S3Store(
            "bucket",
            prefix=prefix,
            endpoint=self.environment["AWS_ENDPOINT_URL"],
            access_key_id="AKIDEXAMPLE",
            secret_access_key="secret-of-the-test",
            region="eu-central-1",
            client_options={"allow_http": True},
        )

    def objects(self, prefix: str | None = None) -> set[str]:
        return {one["path"] for some in obstore.list(self.client(prefix)) for one in some}


@pytest.fixture
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A bucket, and the variables of the environment that lead to it."""
    try:
        import moto  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ImportError:
        missing("moto")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    server = S3Server()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    try:
        yield server.start()
    finally:
        server.stop()
