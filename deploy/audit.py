"""Ask two advisory services about exactly what the locks pin: OSV (`uv audit`) and PyPI (`pip-audit`).

Fails on an advisory that `deploy/audit-exceptions.txt` does not name, or no longer names (each has its
last day). A service that cannot be reached is said aloud and fails nothing: a gate that closes with
somebody else's outage is soon taken away. Run as `python3 deploy/audit.py`.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
LOCKS = ("requirements-dev.lock", "bootstrap.lock", "build.lock", "audit.lock")
UNREACHABLE = re.compile(r"dns error|error sending request|timed? ?out|connection (refused|reset)", re.IGNORECASE)


class Excepted(NamedTuple):
    """An advisory that may stand until (and on) a day."""

    advisory: str
    until: date
    reason: str


def excepted(text: str) -> list[Excepted]:
    """Read the exceptions; a line that lacks its day or its reason is a ValueError."""
    lines = [line.split(maxsplit=2) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [Excepted(advisory, date.fromisoformat(until), reason) for advisory, until, reason in lines]


def pins(lock: str) -> list[str]:
    r"""`name==version ; marker` of every package of a lock."""
    return [line.removesuffix("\\").strip() for line in lock.splitlines() if re.match(r"[A-Za-z0-9].*==", line)]


def uv(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the uv that `./wr` uses."""
    command = [sys.executable, "-I", "-B", str(DEPLOY / "bootstrap.py"), "--uv", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def ask_osv(lock: Path, ignored: Sequence[str], folder: Path) -> bool | None:
    """Ask OSV. True: nothing known; False: something, and printed; None: not reachable."""
    project = folder / f"osv-{lock.stem}"
    project.mkdir()
    # uv audits projects: this one depends on exactly what the lock pins.
    table = {"name": "audited", "version": "0", "requires-python": ">=3.11"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    lines.append(f"dependencies = {json.dumps(pins(lock.read_text('utf-8')))}")
    (project / "pyproject.toml").write_text("\n".join(["[project]", *lines, ""]), "utf-8")
    flags = [part for advisory in ignored for part in ("--ignore", advisory)]
    done = uv("audit", "--project", project, *flags, cwd=project)
    if done.returncode == 0:
        return True
    if UNREACHABLE.search(done.stderr):
        return None
    print(done.stdout + done.stderr)
    return False


def ask_pypi(lock: Path, ignored: Sequence[str], folder: Path) -> bool | None:
    """Ask the package index, which publishes advisories too; the same answers."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        made = uv("venv", "--no-project", "--python", sys.executable, folder / "venv")
        hashed = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", DEPLOY / "audit.lock")
        made = made if made.returncode else uv("pip", "install", "--python", python, *hashed)
        if made.returncode:
            return None if UNREACHABLE.search(made.stderr) else bool(print(made.stderr))
    flags = [part for advisory in ignored for part in ("--ignore-vuln", advisory)]
    command = [str(python), "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    done = subprocess.run([*command, *flags, "-r", str(lock)], capture_output=True, text=True, check=False)
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None if UNREACHABLE.search(done.stderr) else bool(print(done.stderr))
    for answer in answers:
        for advisory in answer.get("vulns", []):
            print(f"{answer['name']} {answer['version']}: {advisory['id']} (fixed in {advisory['fix_versions']})")
    if done.returncode:
        return False
    return True if any("skip_reason" not in answer for answer in answers) else None


def main() -> int:
    """0: no service named an advisory that may not stand."""
    today = datetime.now(UTC).date()
    known = excepted((DEPLOY / "audit-exceptions.txt").read_text("utf-8"))
    for old in (one for one in known if one.until < today):
        print(f"{old.advisory}: its exception ended on {old.until}")
    ignored = [one.advisory for one in known if one.until >= today]
    verdicts: list[bool | None] = []
    with tempfile.TemporaryDirectory(prefix="wireroom-audit-") as folder:
        for service, ask in (("OSV", ask_osv), ("PyPI", ask_pypi)):
            for lock in LOCKS:
                verdict = ask(DEPLOY / lock, ignored, Path(folder))
                words = {True: "nothing known", False: "ADVISORIES", None: "service not reachable, NOT checked"}
                print(f"{service:<5}{lock:<24}{words[verdict]}", flush=True)
                verdicts.append(verdict)
                if verdict is None:
                    break
    return 1 if False in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
