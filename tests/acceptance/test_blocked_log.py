"""Fault 49: who reads our log may stop reading. Work goes on, and the end comes when it is asked for."""

import contextlib
import os
import signal
from pathlib import Path

from tests.live import Live


async def test_a_log_that_nobody_reads_stops_neither_the_work_nor_the_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 65_536)
    os.set_blocking(writer, True)
    service = Live(tmp_path / "data", {"WIREROOM_LOG_LEVEL": "debug"})
    service.log_to = writer
    try:
        await service.start()
        assert (await service.call("POST", "/v1/articles", {"id": "a", "title": "Written all the same"}))[0] == 201
        service.kill(signal.SIGTERM)
        assert await service.ended(within_s=20) == 0
    finally:
        await service.close()
        os.close(reader)
        os.close(writer)
