"""What keeps the service from starting is one line with its cure, never a traceback."""

import socket
from pathlib import Path

import pytest

from services.cli.app import run
from services.cli.errors import CommandError
from services.cli.http_server import listen


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("DATABASE_URL=mysql://u:correct-horse@db/w", 2),
        ("DATABASE_URL=nonsense", 2),
        ("REDIS_URL=http://u:correct-horse@redis/0", 2),
        ("ADMIN_KEY=correct-horse", 2),
        ("BIND=localhost", 2),
        ("DATABASE_URL=postgresql://u:correct-horse@127.0.0.1:1/w", 1),  # nobody listens there
    ],
)
def test_a_start_that_cannot_be_says_why_in_one_line(
    setting: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _, value = setting.partition("=")
    monkeypatch.setenv("WIREROOM_BIND", "127.0.0.1:0")
    monkeypatch.setenv("WIREROOM_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv(f"WIREROOM_{name}", value)
    assert run(["up", "--data-dir", str(tmp_path / "data")]) == code
    [line] = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("{")]
    assert line.startswith(
        f"wireroom: WIREROOM_{name}: " if code == 2 else "wireroom: postgresql://***@127.0.0.1:1/w: "
    )
    assert "correct-horse" not in line
    assert "Value error" not in line


def test_a_taken_port_is_replaced_only_if_nobody_asked_for_it() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with listen("127.0.0.1", port, or_any=True) as other:
            assert other.getsockname()[1] not in (0, port)
        with pytest.raises(CommandError, match="WIREROOM_BIND"):
            listen("127.0.0.1", port)
        assert taken.family is socket.AF_INET
