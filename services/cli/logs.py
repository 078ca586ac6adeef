"""Logs: one line an event, JSON in production, readable on a terminal; secrets never, blocking never.

structlog and the standard library's loggers (uvicorn, aiohttp, alembic, faststream) end in one stream.
A thread writes it: when that stream blocks (a full disk or pipe), lines are dropped and counted, and
work goes on.
"""

import atexit
import json
import logging
import os
import queue
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import orjson
import structlog

MOST_WAITING = 10_000  # lines; beyond it they are dropped and counted
LAST_WORDS_S = 1.0  # how long an ending process waits for a blocked stream
NOISY = {
    "uvicorn.access": logging.WARNING,  # a line a request drowns the rest; metrics count them
    "aiohttp.access": logging.WARNING,
    "alembic.runtime": logging.WARNING,
    "asyncio": logging.WARNING,
}

_SECRET_NAMES = frozenset({"secret", "password", "authorization", "api_key", "admin_key", "token", "cookie"})
_SECRETS = re.compile(
    r"""whsec_[\w+/=-]+ | (?<=Bearer\s)[^\s"']+ | \bwr_[a-z]+_\w+ | (?<=://)[^\s/@"']+(?=@)""",
    re.VERBOSE | re.IGNORECASE,
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


class Logs:
    """The set-up; `stop` writes what still waits. `dropped` counts the lines that a blocked stream cost."""

    def __init__(self, stream: TextIO) -> None:
        self.dropped = 0
        self._stream = stream
        self._fd = _descriptor(stream)
        self._lines: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="logs", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Queue a line; never blocks, never raises."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def stop(self) -> None:
        """Write what waits, for at most a second. Safe to repeat."""
        if self._thread.is_alive():
            try:
                self._lines.put(None, timeout=LAST_WORDS_S)
            except queue.Full:
                return
            self._thread.join(LAST_WORDS_S)

    def _write(self) -> None:
        told = 0
        while (line := self._lines.get()) is not None:
            try:
                self._put_out(line + "\n")
                if (dropped := self.dropped) > told:
                    self._put_out(f'{{"event": "log lines dropped", "level": "warning", "total": {dropped}}}\n')
                    told = dropped
            except (OSError, ValueError):  # a closed pipe: nobody reads any more
                self.dropped += 1

    def _put_out(self, text: str) -> None:
        """Write past the stream's own buffer: Python flushes that one at its end, and would wait for a full pipe."""
        if self._fd is None:
            self._stream.write(text)
            self._stream.flush()
            return
        rest = text.encode(self._stream.encoding, "backslashreplace")
        while rest:
            rest = rest[os.write(self._fd, rest) :]


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, AttributeError):  # a stream in memory
        return None


class _Handler(logging.Handler):
    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._logs.put(self.format(record))
        except Exception as error:  # noqa: BLE001 - a line that cannot be written must not stop work
            self._logs.put(f'{{"event": "log line lost", "level": "error", "why": "{type(error).__name__}"}}')


def set_up_logs(log_format: str, log_level: str, stream: TextIO | None = None) -> Logs:
    """Route every logger of the process to `stream` (stderr). `log_format`: auto, json or console."""
    target = stream or sys.stderr
    readable = log_format == "console" or (log_format == "auto" and target.isatty())
    level = logging.getLevelNamesMapping()[log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    logs = Logs(target)
    handler = _Handler(logs)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_colours,
                structlog.processors.format_exc_info,
                _mask,
                *(_readable(colors=target.isatty()) if readable else [_as_json]),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream", "alembic", "aiohttp"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name, least in NOISY.items():
        logging.getLogger(name).setLevel(max(least, level))
    logging.captureWarnings(capture=True)
    atexit.register(logs.stop)
    return logs


def masked(text: str) -> str:
    """Replace what looks like a secret: keys, webhook secrets, bearer tokens, passwords in URLs."""
    return _SECRETS.sub("***", text)


def _without_colours(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("color_message", None)  # uvicorn's, the event once more with escapes
    return event


def _mask(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = "***" if name.lower() in _SECRET_NAMES and value else _masked(value)
    return event


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {str(name): "***" if str(name).lower() in _SECRET_NAMES else _masked(v) for name, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float) else masked(str(value))


def _as_json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        return json.dumps(event, default=str)


def _readable(*, colors: bool) -> list[structlog.typing.Processor]:
    def harmless(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Escape controls: a hostile title must not steer the terminal."""
        return {name: v.translate(_CONTROLS) if isinstance(v, str) else v for name, v in event.items()}

    render = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=32
    )
    return [harmless, render]
