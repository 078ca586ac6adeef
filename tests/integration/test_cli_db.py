"""`wireroom db` on a real SQLite file."""

import json
import sqlite3
from pathlib import Path

import pytest

from services.cli.app import run
from services.cli.data_dir import DataDir


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    monkeypatch.delenv("WIREROOM_DATABASE_URL", raising=False)
    monkeypatch.setenv("WIREROOM_DATA_DIR", str(tmp_path / "data é"))
    found = DataDir(tmp_path / "data é", wait_s=0)
    found.prepare()
    return found


def where(capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(["db", "path", "--json"]) == 0
    return Path(json.loads(capsys.readouterr().out)["database"])


def test_migrate_makes_the_tables_and_check_finds_the_sums_right(
    data_dir: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "migrate"]) == 0
    capsys.readouterr()
    assert where(capsys).parent == data_dir.path
    assert run(["db", "check"]) == 0
    assert capsys.readouterr().out == "the database is empty\n"


@pytest.mark.usefixtures("data_dir")
def test_check_names_a_sum_that_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    run(["db", "migrate"])
    capsys.readouterr()
    with sqlite3.connect(where(capsys)) as database:
        database.execute("INSERT INTO counter (name, shard, value) VALUES ('accepted', 0, 7)")
    database.close()
    assert run(["db", "check", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out) == {"ok": False, "sums": {"accepted": {"kept": 7, "counted": 0}}}
    assert "the sums do not agree: accepted" in said.err


def test_migrate_is_refused_beside_a_running_service_and_check_is_not(
    data_dir: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["db", "migrate"])
    with data_dir:
        assert run(["db", "migrate"]) == 1
        assert "in use by process" in capsys.readouterr().err
        assert run(["db", "check"]) == 0


@pytest.mark.usefixtures("data_dir")
def test_a_database_that_is_not_there_is_one_line_and_is_not_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "check"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not where(capsys).exists()


def test_the_database_is_where_up_puts_it(data_dir: DataDir, capsys: pytest.CaptureFixture[str]) -> None:
    from services.cli.options import load_settings
    from services.cli.places import database_url

    assert str(where(capsys)) == database_url(load_settings())


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WIREROOM_DATABASE_URL", "postgresql://u:correct-horse@127.0.0.1:1/w")
    assert run(["db", "path"]) == 0
    assert run(["db", "check"]) == 1
    assert "correct-horse" not in "".join(capsys.readouterr())
