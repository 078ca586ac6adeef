"""All checks, one after another, each timed: what `./wr test` runs.

    ./wr test              lint, format, types, import rules, and every test not marked `long`
    ./wr test --long       the same with the long tests
    ./wr test --sample N   N of the long tests alone, the same ones each time
    ./wr test ARGS…        pytest alone, with these arguments (paths are relative to the checkout)

Exit code 0: all passed.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEED = 20_250_101  # of the sample and of what runs in it: a failure comes back with the same command
WAY = [sys.executable, "-P", "-m"]

Step = tuple[str, list[str]]


def _checks() -> list[Step]:
    lint = [sys.executable, "-P", "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    return [
        ("ruff check", [*WAY, "ruff", "check", "."]),
        ("ruff format", [*WAY, "ruff", "format", "--check", "."]),
        ("import rules", [*lint, *(["--no-cache"] if "RUFF_CACHE_DIR" in os.environ else [])]),
        ("pyright", [*WAY, "pyright", "--pythonpath", sys.executable]),
    ]


def _prepare() -> None:
    """A read-only checkout gets its caches elsewhere; pyright asks nobody for news."""
    os.environ["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    if os.access(ROOT, os.W_OK):
        return
    cache = tempfile.mkdtemp(prefix="wireroom-checks-")
    os.environ |= {
        "RUFF_CACHE_DIR": f"{cache}/ruff",
        "HYPOTHESIS_STORAGE_DIRECTORY": f"{cache}/hypothesis",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": f"{os.environ.get('PYTEST_ADDOPTS', '')} -o cache_dir={cache}/pytest".strip(),
    }


def _sample(count: int) -> list[str]:
    """The ids of `count` long tests, the same ones as long as the list of them is the same."""
    command = [*WAY, "pytest", "--collect-only", "-m", "long", "-p", "no:randomly"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = sorted(line for line in done.stdout.splitlines() if "::" in line)
    if not found:
        sys.exit(f"no long test was found\n{done.stdout}{done.stderr}")
    return random.Random(SEED).sample(found, min(count, len(found)))


def _side_by_side() -> list[str]:
    """Two processes share the tests, where there are cores for them. `--long` runs one after another."""
    return ["-n", "2", "--dist", "worksteal"] if (os.cpu_count() or 1) > 1 else []


def _steps(arguments: Sequence[str]) -> list[Step]:
    match list(arguments):
        case []:
            return [*_checks(), ("pytest", [*WAY, "pytest", *_side_by_side(), "-rs", "-m", "not long"])]
        case ["--long"]:
            return [*_checks(), ("pytest", [*WAY, "pytest", "-rs"])]
        case ["--sample", count]:
            tests = _sample(int(count))
            seeds = [f"--randomly-seed={SEED}", f"--hypothesis-seed={SEED}"]
            return [("long tests", [*WAY, "pytest", "-v", *seeds, *tests])]
        case rest:
            return [("pytest", [*WAY, "pytest", *rest])]


def main(arguments: Sequence[str]) -> int:
    """Run every step even if one fails; 0 if all passed."""
    if arguments and arguments[0] in {"-h", "--help"}:
        print(__doc__)
        return 0
    _prepare()
    results: list[tuple[str, int, float]] = []
    for name, command in _steps(arguments):
        print(f"── {name}", flush=True)
        began = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        results.append((name, code, time.monotonic() - began))
    print("──")
    for name, code, took in results:
        print(f"{'ok    ' if code == 0 else 'FAILED'} {name:<14}{took:6.1f} s")
    bad = [name for name, code, _ in results if code]
    took = sum(took for _, _, took in results)
    print(f"{'FAILED: ' + ', '.join(bad) if bad else 'All passed'} ({took:.0f} s)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
