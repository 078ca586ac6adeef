"""What deploy/ names exists, and is as closed as it says (security rule 54)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from schemas.topics import STAGES
from services import __version__
from services.cli.app import app
from services.cli.config_table import settings_table
from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SETTINGS = {f"WIREROOM_{name.upper()}" for name in Settings.model_fields}
TEXTS = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.suffix not in {".lock", ".pyc"}]


def _tool(name: str) -> str:
    """Find a program; missing means skip on a laptop, fail in CI."""
    if path := shutil.which(name):
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


def _command_exists(words: list[str]) -> bool:
    command = typer.main.get_command(app)
    for word in words:
        if not isinstance(command, TyperGroup):
            return True  # the rest are its arguments
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True


@pytest.mark.parametrize(
    "path", [*TEXTS, ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"WIREROOM_[A-Z][A-Z_]*", path.read_text("utf-8")))
    assert named - SETTINGS == set()


@pytest.mark.parametrize("service", sorted(set(COMPOSE["services"]) - {"redis", "postgres"}))
def test_every_command_of_compose_exists(service: str) -> None:
    command = COMPOSE["services"][service]["command"]
    assert _command_exists(command), command
    if command[0] == "run":
        assert set(command[1:]) <= set(STAGES)


def test_compose_runs_every_stage_once() -> None:
    commands = [service.get("command", []) for service in COMPOSE["services"].values()]
    assert sorted(command[1] for command in commands if command[:1] == ["run"]) == sorted(STAGES)
    assert COMPOSE["services"]["http"]["deploy"]["replicas"] > 1


def test_compose_and_container_agree_on_version_and_user() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert COMPOSE["x-wireroom"]["image"] == f"wireroom:{__version__}"
    assert COMPOSE["x-wireroom"]["user"] in dockerfile
    assert "USER 10001:10001" in dockerfile


def test_compose_services_cannot_write_or_gain_rights() -> None:
    for name in set(COMPOSE["services"]) - {"redis", "postgres"}:
        service = COMPOSE["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name


def test_every_command_of_the_container_exists() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    found = re.findall(r"^(?:HEALTHCHECK .*)?CMD \[(.*)\]$", dockerfile, re.MULTILINE)
    assert len(found) == 2
    for words in found:
        command = [word.strip(' "') for word in words.split(",")]
        assert _command_exists(command[1:] if command[0] == "wireroom" else command), command


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_command_of_a_unit_exists(unit: Path) -> None:
    (line,) = re.findall(r"^ExecStart=/usr/bin/env wireroom (.*)$", unit.read_text("utf-8"), re.MULTILINE)
    for stage in STAGES if "%i" in line else ("",):
        assert _command_exists(line.replace("%i", stage).split()), line


def test_commands_in_comments_and_docs_exist() -> None:
    """Those in backquotes or at a line's start."""
    for path in (*TEXTS, ROOT / "wr", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        spoken = re.findall(r"(?:^|`)(?:wireroom|\./wr) ([a-z]+)(?: ([a-z]+))?", path.read_text("utf-8"), re.MULTILINE)
        for words in spoken:
            assert words[0] == "test" or _command_exists([word for word in words if word]), f"{path.name}: {words}"


def test_the_unit_files_are_clean(tmp_path: Path) -> None:
    """systemd-analyze says nothing at all; the template is judged as an instance of itself."""
    analyze = _tool("systemd-analyze")
    for unit in UNITS:
        target = tmp_path / unit.name.replace("@.", "@enrich.")
        shutil.copy(unit, target)
        done = subprocess.run([analyze, "verify", str(target)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), unit.name


def test_the_units_are_closed() -> None:
    """The exposure that systemd computes: 0 is shut, 10 is open; under 2 it says OK."""
    analyze = _tool("systemd-analyze")
    for unit in UNITS:
        command = [analyze, "security", "--offline=true", "--threshold=20", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2_000:]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_restarted_whatever_its_exit_and_bounded(unit: Path) -> None:
    text = unit.read_text("utf-8")
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "Restart=always", "StateDirectoryMode=0700"):
        assert f"\n{line}\n" in text, line
    assert re.search(r"^MemoryMax=\d+[GM]$", text, re.MULTILINE)
    stop = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert stop
    assert int(stop[1]) > 20, "a stop may take 20 s"


def test_the_image_takes_only_what_it_is_made_of() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert ignored[1] == "*"
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
        assert source in allowed or (source.endswith(".lock") and "deploy/*.lock" in allowed), source


def test_the_licence_is_there_and_named() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    assert (ROOT / "NOTICE").read_text("utf-8").strip()
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_version_is_the_same_everywhere() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert f"## {__version__}" in (ROOT / "docs" / "changelog.md").read_text("utf-8")


def test_the_settings_table_of_the_readme_is_the_generated_one() -> None:
    """`wireroom config --table` prints it; paste it between the marks."""
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = readme.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    assert shown.strip() == settings_table()


@pytest.mark.parametrize("shell", ["sh", "dash", "busybox"])
def test_wr_is_read_by_every_posix_shell(shell: str) -> None:
    path = _tool(shell)
    command = [path, "sh", "-n"] if shell == "busybox" else [path, "-n"]
    assert subprocess.run([*command, str(ROOT / "wr")], check=False).returncode == 0


def test_scripts_are_sound() -> None:
    done = subprocess.run(
        [_tool("shellcheck"), "wr", ".ci/run", "deploy/relock"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_package_answers_with_its_version() -> None:
    command = [sys.executable, "-m", "services", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"wireroom {__version__}\n")
