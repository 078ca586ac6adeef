"""What is installed is pinned by hash, names no host, and has its reason (security rules 60, 61, 64)."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.audit import excepted, pins

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "deploy").glob("*.lock"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# Libraries that another one picks up by itself, and names that differ from what is imported.
BY_ITSELF = {"hiredis", "httptools"}
IMPORTED_AS = {"prometheus-client": "prometheus_client"}


def _named(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found[0].lower()


def _requirements(lock: str) -> list[str]:
    """Logical lines: continuation lines joined, comments gone."""
    lines = re.sub(r"\\\n", " ", lock).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def test_every_lock_is_there() -> None:
    """Each is used by name in wr's programs, the container or CI."""
    names = {lock.stem for lock in LOCKS}
    assert names == {"requirements", "requirements-dev", "bootstrap", "build", "audit"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_version_is_exact_and_has_hashes(lock: Path) -> None:
    requirements = _requirements(lock.read_text("utf-8"))
    assert requirements
    for requirement in requirements:
        assert re.match(r"[A-Za-z0-9._-]+==\S+ ", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_lock_names_a_host(lock: Path) -> None:
    assert "://" not in lock.read_text("utf-8")
    assert "index-url" not in lock.read_text("utf-8")


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements", PROJECT["project"]["dependencies"]),
        ("requirements-dev", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
        ("build", PROJECT["build-system"]["requires"]),
    ],
)
def test_a_lock_holds_all_that_pyproject_names(lock: str, wanted: list[str]) -> None:
    held = {_named(pin) for pin in pins((ROOT / "deploy" / f"{lock}.lock").read_text("utf-8"))}
    missing = {_named(requirement).replace("_", "-") for requirement in wanted} - held
    assert not missing, "run deploy/relock"


def _reasons() -> dict[str, tuple[str, str]]:
    text = (ROOT / "docs" / "decisions.md").read_text("utf-8").partition("## Dependencies")[2]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines() if row.startswith("| ")]
    return {name: (reason, place) for name, reason, place in rows if name != "Library"}


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    reasons = _reasons()
    assert set(reasons) == {_named(requirement) for requirement in PROJECT["project"]["dependencies"]}
    for name, (reason, _) in reasons.items():
        assert len(reason) > 20, f"{name}: why?"


@pytest.mark.parametrize("name", sorted(set(_reasons()) - BY_ITSELF))
def test_a_dependency_is_imported_where_its_reason_says(name: str) -> None:
    place = ROOT / _reasons()[name][1]
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    module = IMPORTED_AS.get(name, name.replace("-", "_"))
    assert any(module in _imports(file) for file in files), f"{place.relative_to(ROOT)} does not import {module}"


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_every_installation_demands_hashes() -> None:
    """Wherever a lock is installed, the installer is told to require hashes."""
    for name in ("wr", ".ci/run", "deploy/bootstrap.py", "deploy/audit.py", "deploy/Dockerfile"):
        text = re.sub(r"\\\n", " ", (ROOT / name).read_text("utf-8"))
        for line in text.splitlines():
            if re.search(r"pip install\b.*\.lock", line):
                assert "--require-hashes" in line, f"{name}: {line}"
    assert '"--require-hashes"' in (ROOT / "deploy" / "bootstrap.py").read_text("utf-8")


def test_nothing_young_is_locked() -> None:
    assert '--exclude-newer "3 days"' in (ROOT / "deploy" / "relock").read_text("utf-8")


def test_every_audit_exception_has_its_last_day_and_reason() -> None:
    for exception in excepted((ROOT / "deploy" / "audit-exceptions.txt").read_text("utf-8")):
        assert len(exception.reason) > 10, exception
    with pytest.raises(ValueError, match="unpack"):
        excepted("PYSEC-2026-1 2026-12-31\n")
    with pytest.raises(ValueError, match="isoformat"):
        excepted("PYSEC-2026-1 soon it will be mended\n")
