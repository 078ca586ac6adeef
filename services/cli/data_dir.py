"""The data directory: private, held by one process at a time, and what `up` leaves in it for commands."""

import errno
import fcntl
import os
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from services.cli.errors import CommandError

ADDRESS = "address"
KEY = "admin.key"
QUEUE = "queue"
LOCK = "lock"


class DataDir:
    """`DATA_DIR`, created 0700. Use as a context manager: inside, this process holds the lock.

    The lock is flock(2) on a file that no child inherits, so it falls with this process, however that
    ends. Children of a killed run need up to 2 s to notice; `hold` waits for 5 s before it names the holder.
    """

    def __init__(self, path: Path, *, wait_s: float = 5.0) -> None:
        self.path = path
        self._wait_s = wait_s
        self._fd: int | None = None

    def prepare(self) -> None:
        """Create it, or refuse one that others may read."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(
                f"cannot create {self.path}: {error.strerror}. Set WIREROOM_DATA_DIR to a writable place."
            ) from error
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & 0o077:
            raise CommandError(f"{self.path} is open to others (mode {mode:o}). Close it: chmod 700 '{self.path}'")

    def holder(self) -> int | None:
        """Return the pid that holds the lock now; None: nobody (0: somebody who did not say)."""
        try:
            fd = os.open(self.path / LOCK, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(fd, 32).decode().strip() or "0")
        finally:
            os.close(fd)
        return None

    def __enter__(self) -> Self:
        self.prepare()
        fd = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        give_up = time.monotonic() + self._wait_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                if time.monotonic() > give_up:
                    pid = os.read(fd, 32).decode().strip() or "?"
                    os.close(fd)
                    raise CommandError(
                        f"{self.path} is in use by process {pid}. Stop it, or give this one a place of its own: WIREROOM_DATA_DIR=…"
                    ) from None
                time.sleep(0.1)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self.path / ADDRESS).unlink(missing_ok=True)
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def leave(self, name: str, content: str) -> None:
        """Write a small file that only its owner may read, whole or not at all."""
        target = self.path / name
        temporary = target.with_suffix(".new")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
