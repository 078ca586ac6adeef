"""Where a private server lives: its directory, its socket, its configuration and the lock on all of it."""

import asyncio
import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

SOCKET_LIMIT = 100  # bytes; 108 on Linux and 104 on macOS, the final NUL included

ACL = "user default on nopass ~* &* +@all -@dangerous -@admin +info +flushall +flushdb +role +acl|whoami +acl|dryrun"
"""What clients may do, without a password because only our own user reaches the socket.

Off is all that reaches beyond the data: CONFIG, MODULE, DEBUG, SHUTDOWN, REPLICAOF, MIGRATE, ACL SETUSER,
SAVE, MONITOR, KEYS. FLUSHALL stays: losing Redis loses nothing committed.
"""


class Home:
    """One directory (0700) per engine under `root`: neither loads the other's files."""

    def __init__(self, root: Path, engine: str) -> None:
        self.root = root.absolute()
        self.engine = engine
        self.data = self.root / engine
        self.config = self.data / "server.conf"
        self.aof = self.data / "appendonlydir"
        self._log = self.data / "server.log"
        for directory in (self.root, self.data):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
        self.socket = self._place_socket()

    async def lock(self, within_s: float) -> tuple[BinaryIO | None, str]:
        """Hold the directory: the lock, or None and its holder's pid.

        What a killed run left behind ends within 2 s, so it waits a little.
        """
        lock = (self.root / "redis.lock").open("a+b")
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if asyncio.get_running_loop().time() >= deadline:
                    break
                await asyncio.sleep(0.02)
            else:
                lock.truncate(0)
                lock.write(b"%d" % os.getpid())
                lock.flush()
                return lock, ""
        lock.seek(0)
        holder = lock.read(32).decode(errors="replace")
        lock.close()
        return None, holder

    def write_config(self, maxmemory_mb: int) -> None:
        """Write what the server reads at start, and empty its log."""
        lines = [
            "port 0",
            f"unixsocket {_quoted(self.socket)}",
            "unixsocketperm 700",
            f"dir {_quoted(self.data)}",
            f"logfile {_quoted(self._log)}",
            "databases 1",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            f"maxmemory {maxmemory_mb}mb",
            "maxmemory-policy noeviction",
            "proto-max-bulk-len 2mb",  # an inbox event is 1 MiB at most; a larger XADD ends that connection
            ACL,
        ]
        self.config.write_bytes(os.fsencode("\n".join(lines) + "\n"))
        self._log.write_bytes(b"")

    def last_words(self) -> str:
        """Return the end of the server's log since its start."""
        with suppress(OSError):
            return " | ".join(filter(None, self._log.read_text(errors="replace").strip().splitlines()[-3:]))
        return ""

    def set_aside(self, now: datetime) -> Path:
        """Move the append-only files away; where they are now."""
        return self.aof.rename(self.data / f"unreadable-{now:%Y%m%dT%H%M%S%f}")

    def left_by_other_engine(self) -> Path | None:
        """Return the directory of the other engine if the queue was there until now."""
        other = self.root / ("valkey" if self.engine == "redis" else "redis")
        return other if (other / "appendonlydir").exists() and not self.aof.exists() else None

    def leave(self) -> None:
        """Remove the socket's directory where it was made for the socket alone."""
        if self.socket.parent != self.data:
            with suppress(OSError):
                self.socket.unlink(missing_ok=True)
                self.socket.parent.rmdir()

    def _place_socket(self) -> Path:
        wanted = self.data / "s"
        if len(os.fsencode(wanted)) <= SOCKET_LIMIT:
            return wanted
        # The same short directory at every start, so that a killed run leaves no trail of them.
        name = f"wireroom-{os.getuid()}-{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]}"
        for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
            if base and len(os.fsencode(base)) + len(name) + 3 <= SOCKET_LIMIT and _private(Path(base) / name):
                return Path(base) / name / "s"
        return Path(tempfile.mkdtemp(prefix="wr", dir="/tmp")) / "s"


def _private(directory: Path) -> bool:
    """Make the directory, or accept it only if it is ours, real and closed to others."""
    with suppress(OSError):
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
    return False


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
