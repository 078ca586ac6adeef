"""Log lines: whole, masked, harmless to a terminal, and never in the way of work."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from services.cli.logs import MOST_WAITING, Logs, masked, set_up_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(write: Any, log_format: str = "json", level: str = "info", stream: io.StringIO | None = None) -> list[str]:
    out = stream or io.StringIO()
    logs = set_up_logs(log_format, level, out)
    write()
    logs.stop()
    return out.getvalue().splitlines()


def test_a_line_is_one_json_object_with_its_event_and_time() -> None:
    def write() -> None:
        structlog.get_logger("wireroom.enrich").info("enriched", stage="enrich", done=50, failed=0)

    [line] = lines(write)
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "event": "enriched", "level": "info", "logger": "wireroom.enrich", "stage": "enrich", "done": 50, "failed": 0,
    }  # fmt: skip


def test_the_libraries_loggers_end_in_the_same_stream_and_their_chatter_does_not() -> None:
    def write() -> None:
        logging.getLogger("uvicorn.error").info("Started %s", "server", extra={"port": 8080, "color_message": "x"})
        logging.getLogger("uvicorn.access").info("GET / 200")
        logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")

    [line] = lines(write)
    assert json.loads(line)["event"] == "Started server"
    assert json.loads(line)["port"] == 8080
    assert "color_message" not in json.loads(line)


def test_the_least_level_is_respected_by_both() -> None:
    def write() -> None:
        structlog.get_logger().info("quiet")
        logging.getLogger("aiohttp").info("quiet")
        structlog.get_logger().warning("loud")

    assert [json.loads(line)["event"] for line in lines(write, level="warning")] == ["loud"]


def test_an_exception_is_in_its_line() -> None:
    def write() -> None:
        try:
            int("no such thing")
        except ValueError:
            structlog.get_logger().exception("failed")

    [line] = lines(write)
    assert json.loads(line)["exception"].endswith("ValueError: invalid literal for int() with base 10: 'no such thing'")


SECRETS = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "wr_live_0123456789ab_abcdefghijklmnopqrstuvwxyz012345abcdef",
    "postgresql://wireroom:correct-horse@db/wireroom",
    "redis://:correct-horse@redis:6379/0",
    "Authorization: Bearer correct-horse",
)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_in_no_line_wherever_they_stand(log_format: str) -> None:
    def write() -> None:
        log = structlog.get_logger()
        for secret in SECRETS:
            event = f"event {secret}"
            log.info(event, value=secret, nested={"deep": [secret]}, listed=(secret,))
            logging.getLogger("uvicorn.error").info("%s", secret)
            try:
                int(secret)
            except ValueError:
                log.exception("failed", error=ValueError(secret))
        log.info(
            "named", admin_key="correct-horse", headers={"Cookie": "correct-horse", "X": "y"}, password="correct-horse"
        )

    text = "\n".join(lines(write, log_format))
    assert "event" in text
    for fragment in ("MfKQ9r8G", "abcdefghijklm", "correct-horse"):
        assert fragment not in text


def test_masking_leaves_what_is_no_secret() -> None:
    plain = "redis://localhost:6379/0 event 0190f3 wireroom https://news.example/a@b bearer"
    assert masked(plain) == plain


@pytest.mark.parametrize("value", ["\ud800", 2**80, b"\xff", {1: object()}, float("nan")])
def test_odd_values_do_not_cost_the_line(value: object) -> None:
    [line] = lines(lambda: structlog.get_logger().info("odd", value=value))
    assert json.loads(line)["event"] == "odd"


def test_a_hostile_title_does_not_steer_the_terminal() -> None:
    hostile = "\x1b]0;pwned\x07\x1b[2J\rover\x9b31m\nforged"
    text = "\n".join(lines(lambda: structlog.get_logger().info(hostile, title=hostile), "console"))
    assert not {"\x1b", "\x07", "\r", "\x9b"} & set(text)


def test_auto_is_readable_on_a_terminal_and_json_elsewhere() -> None:
    def write() -> None:
        structlog.get_logger().info("published", id="4711")

    assert lines(write, "auto")[0].startswith("{")
    assert not lines(write, "auto", stream=Terminal())[0].startswith("{")


class Blocked(io.StringIO):
    """A pipe that nobody reads, until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.released.wait(10)
        return super().write(text)


def test_a_blocked_stream_drops_and_counts_lines_while_work_goes_on() -> None:
    stream = Blocked()
    logs = Logs(stream)
    logs.put("first")
    assert stream.reached.wait(10)
    for number in range(MOST_WAITING + 7):
        logs.put(f"line {number}")
    assert logs.dropped == 7
    stream.released.set()
    logs.stop()
    written = stream.getvalue().splitlines()
    assert json.loads(written[1])["total"] == 7
    assert len(written) == MOST_WAITING + 2


def test_a_closed_stream_stops_nothing() -> None:
    stream = io.StringIO()
    logs = Logs(stream)
    stream.close()
    logs.put("lost")
    logs.stop()
    assert logs.dropped == 1
