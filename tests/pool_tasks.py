"""What tests ask of pool processes. Module-level, as functions travel by name."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from schemas.article import Article
from schemas.enrichment import Enrichment
from services.enrich.chunk import enrich_chunk
from services.enrich.core import Failed


class Unreadable(Exception):  # noqa: N818
    """Can be pickled, but not read again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def pid() -> int:
    return os.getpid()


def echo(value: object) -> object:
    return value


def fail(message: str) -> None:
    raise ValueError(message)


def fail_unreadably() -> None:
    raise Unreadable("a", "b")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_while_answering(size: int) -> bytes:
    threading.Timer(0.05, die).start()
    time.sleep(0.04)
    return b"x" * size


def wait_for(path: str, most_s: float = 30.0) -> bool:
    """Wait until a file is there: the test decides when this ends."""
    begun = time.monotonic()
    while not Path(path).exists():
        if time.monotonic() - begun > most_s:
            return False
        time.sleep(0.005)
    return True


def spin(seconds: float) -> None:
    """Keep the interpreter busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def nothing() -> None:
    """Prepare nothing."""


def refuse_to_start() -> None:
    raise SystemExit(3)


def deadly_chunk(articles: Sequence[Article], off: frozenset[str]) -> list[Enrichment | Failed]:
    """Enrich, but end the process on an article titled "deadly", and once on one whose title names a missing file."""
    for article in articles:
        once = Path(article.title) if article.title.startswith("/") else None
        if article.title == "deadly" or (once is not None and not once.exists()):
            if once is not None:
                once.touch()
            die()
    return enrich_chunk(articles, off)
