"""Every command explains itself with an example, and the command line starts without what it does not need."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

import services
from services.cli.app import app, run

HEAVY = {
    "aiohttp",
    "alembic",
    "fastapi",
    "faststream",
    "feedgen",
    "lxml",
    "numpy",
    "prometheus_client",
    "psycopg",
    "py3langid",
    "pydantic_settings",
    "redis",
    "rich",
    "sqlalchemy",
    "structlog",
    "uvicorn",
}


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield " ".join((*path, name)), child
        yield from _commands(child, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert command.help, f"{name} does not say what it does"
    examples = [line.strip() for line in (command.epilog or "").splitlines()]
    assert any(f"wireroom {name}" in line for line in examples), f"{name} shows no example"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_is_explained_or_speaks_for_itself(name: str) -> None:
    for parameter in COMMANDS[name].params:
        if parameter.name not in {"help", "letter_id"}:
            assert parameter.help, f"{name}: {parameter.name}"


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_answered_with_exit_code_0(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"]) == 0
    assert "Usage: wireroom" in capsys.readouterr().out


def test_all_commands_of_the_design_are_here() -> None:
    wanted = "up demo run publish retract feeds webhooks subscribers keys status trace dead doctor config db bench"
    assert set(wanted.split()) <= set(COMMANDS)


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["publish", "--help"], ["webhooks", "add", "--help"]])
def test_a_command_line_imports_nothing_heavy_before_it_works(argv: list[str]) -> None:
    script = f"import sys; from services.cli.app import run; code = run({argv!r}); print('MODULES', *sys.modules); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.partition("MODULES")[2].split()}
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(services.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"wireroom {project['version']}\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["--nope"],
        ["status", "--nope"],
        ["nope"],
        ["publish"],
        ["webhooks", "nope"],
        ["run", "printing"],
        ["dead", "retry"],
    ],
)
def test_what_is_not_understood_gives_exit_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    assert capsys.readouterr().err


def test_a_wrong_setting_is_named_with_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WIREROOM_FEED_CACHE_MB", "many")
    monkeypatch.setenv("WIREROOM_ALLOW_ADDRESSES", "300.0.0.0/8")
    assert run(["config"]) == 2
    said = capsys.readouterr().err
    assert "WIREROOM_FEED_CACHE_MB" in said
    assert "WIREROOM_ALLOW_ADDRESSES" in said
    assert said.count("\n") == 1


def test_python_dash_m_runs_the_same() -> None:
    done = subprocess.run([sys.executable, "-m", "services", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"wireroom {services.__version__}\n"


def test_a_terminal_without_unicode_is_no_error() -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii", "WIREROOM_TITLE": "Élan « 政治 »"}
    done = subprocess.run(
        [sys.executable, "-m", "services", "config"], capture_output=True, env=environment, check=True
    )
    assert rb"\xc9lan" in done.stdout
