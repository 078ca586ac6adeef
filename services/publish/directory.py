"""A directory that a web server serves. Its files are whole at any moment, also after a power cut.

A file is written beside (`.incoming/`), forced to the disk and renamed into its place. Its time is that of the
document's change, so that Last-Modified tells the truth; it grows with every change of the bytes by a second at
least: web servers make their ETag of time and size.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Collection
from itertools import count
from pathlib import Path

from schemas.publishing import StaticObject
from services.publish.naming import SUFFIXES, with_copies
from services.publish.ports import PlaceAway, Refused

_INCOMING = ".incoming"
_LONGEST_NAME = 255  # bytes of one file's name, on all common file systems


class DirectoryPlace:
    """A directory tree, made when it is first needed. All its work is done in threads."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.name = self.root.as_uri()
        self._numbers = count(1)
        self._lock = threading.Lock()

    async def prepare(self) -> None:
        """Make the directory, and clear away files that were not finished."""
        await self._do(self._prepare)

    async def put(self, one: StaticObject) -> None:
        """Write a file and its compressed copies, these first."""
        _check(one.path)
        await self._do(self._put, one)

    async def remove(self, paths: Collection[str]) -> None:
        """Remove files; directories that become empty go with them."""
        for path in paths:
            _check(path)
        await self._do(self._remove, tuple(paths))

    async def _do(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            await asyncio.to_thread(work, *arguments)
        except OSError as error:
            raise PlaceAway(f"{self.name}: {error.strerror or error}") from error

    def _prepare(self) -> None:
        incoming = self.root / _INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        for left in incoming.iterdir():
            left.unlink(missing_ok=True)

    def _put(self, one: StaticObject) -> None:
        target = self.root / one.path
        at = int(one.changed_at.timestamp())
        try:
            held = int(target.stat().st_mtime)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
        else:
            at = max(at, held + 1)
        for coding, suffix in SUFFIXES.items():
            copy = target.with_name(target.name + suffix)
            if coding in one.codings:
                self._write(copy, one.codings[coding], at)
            else:
                copy.unlink(missing_ok=True)
        self._write(target, one.data, at)

    def _write(self, target: Path, data: bytes, at: int) -> None:
        with self._lock:
            number = next(self._numbers)
        beside = self.root / _INCOMING / f"{os.getpid()}-{number}"
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
            os.utime(fd, (at, at))
        try:
            beside.replace(target)
        except FileNotFoundError:  # a neighbour's removal took the empty directory away
            target.parent.mkdir(parents=True, exist_ok=True)
            beside.replace(target)

    def _remove(self, paths: Collection[str]) -> None:
        for path in paths:
            for name in with_copies(path):
                (self.root / name).unlink(missing_ok=True)
            parent = (self.root / path).parent
            while parent != self.root:
                try:
                    parent.rmdir()
                except OSError:
                    break  # not empty
                parent = parent.parent


def _check(path: str) -> None:
    parts = path.split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in parts) or parts[0] == _INCOMING:
        raise Refused(f"{path!r} is no name for a file")
    longest = max(len(part.encode()) for part in parts) + max(map(len, SUFFIXES.values()))
    if longest > _LONGEST_NAME:
        raise Refused(f"a part of {path[:60]!r}… has more than {_LONGEST_NAME} bytes")
