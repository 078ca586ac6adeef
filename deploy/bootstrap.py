"""Build the locked environment once, then start Wireroom in it: what `./wr` runs. Standard library only.

    uv on PATH ─▶ uv by pip in a private venv ─▶ uv's wheel by hash ─▶ pip ─▶ the one apt line

Whichever comes first and works installs `deploy/requirements.lock` (for `./wr test`
`deploy/requirements-dev.lock`) with hashes required. Everything that it makes lies in one private
directory (0700): `$WR_HOME`, else `.wr` in the checkout, else (read-only) the user's cache. An
environment is never changed: it is built beside the others and a file named after the lock and the
interpreter points to it, written last and at once. A second start reads that file and is offline.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "deploy"))

from fetch_uv import by_hash, pinned_version, pip_option  # noqa: E402 - its directory has just been named

LOCKS = {"run": "requirements.lock", "test": "requirements-dev.lock"}
PYTHON = getattr(sys, "_base_executable", "") or sys.executable  # of a venv: the interpreter behind it
GIVE_UP = "wr: could not build the environment; what failed stands above. On Debian or Ubuntu this helps: apt install python3-venv ca-certificates"
PIP_SETTINGS = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}  # a person's habits elsewhere
ORPHANED_S = 3_600.0  # a build that nobody finished for an hour is rubbish


def say(text: str) -> None:
    """Tell a person what goes on; standard output belongs to the command."""
    print(f"wr: {text}", file=sys.stderr, flush=True)


def private_home() -> Path:
    """Find the directory that is ours: never one that another user owns or could write to."""
    where = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]
    choices = [Path(os.environ["WR_HOME"])] if os.environ.get("WR_HOME") else [ROOT / ".wr"]
    if cache := os.environ.get("XDG_CACHE_HOME"):
        choices.append(Path(cache, "wireroom", where))
    with suppress(RuntimeError):  # HOME unset: the user database knows; neither: there is no home
        choices.append(Path.home() / ".cache" / "wireroom" / where)
    choices.append(Path(tempfile.gettempdir(), f"wireroom-{os.geteuid()}-{where}"))
    for choice in choices:
        with suppress(OSError):
            choice.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = choice.lstat()
            if found.st_uid == os.geteuid() and choice.is_dir() and not choice.is_symlink():
                choice.chmod(0o700)
                tempfile.TemporaryFile(dir=choice).close()
                return choice
    sys.exit("wr: no directory to build in: set WR_HOME to one that is yours and writable")


@contextmanager
def alone(home: Path) -> Generator[None]:
    """One builder at a time. A file system without locks lets both build: neither harms the other."""
    import fcntl  # noqa: PLC0415 - only where something is built

    with (home / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is building the environment; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as fault:
            say(f"no lock on {home} ({fault}); going on without")
        yield


def python_of(env: Path) -> Path:
    """Name the interpreter inside an environment."""
    return env / "bin" / "python"


def ready(pointer: Path) -> Path | None:
    """Return the finished environment that `pointer` names; None: there is none, or its base interpreter went away."""
    try:
        env = pointer.parent / pointer.read_text("utf-8").strip()
    except OSError:
        return None
    return env if os.access(python_of(env), os.X_OK) else None


def environment(home: Path, kind: str) -> Path:
    """Return the interpreter of the locked environment, built if this lock and interpreter have none yet."""
    lock = ROOT / "deploy" / LOCKS[kind]
    abi = f"{PYTHON} {sys.version_info[:2]} {sysconfig.get_config_var('SOABI')} {sysconfig.get_platform()}"
    key = hashlib.sha256(lock.read_bytes() + abi.encode()).hexdigest()[:16]
    pointer = home / f"{kind}-{key}.ready"
    if not (env := ready(pointer)):
        with alone(home):
            if not (env := ready(pointer)):
                began = time.monotonic()
                say(f"building the environment in {home} (once; a minute or so)")
                env = Path(tempfile.mkdtemp(prefix=f"{kind}-{key}-", dir=home))
                if not build(home, env, lock):
                    shutil.rmtree(env, ignore_errors=True)
                    sys.exit(GIVE_UP)
                replace(pointer, env.name)
                prune(home, kind)
                say(f"built in {time.monotonic() - began:.1f} s")
    paths = Path(sysconfig.get_path("purelib", "venv", {"base": str(env)}), "wireroom-checkout.pth")
    if not paths.exists() or paths.read_bytes() != os.fsencode(ROOT) + b"\n":  # new, or the checkout was moved
        replace(paths, os.fsencode(ROOT) + b"\n")
    return python_of(env)


def replace(path: Path, content: str | bytes) -> None:
    """Write a small file so that a reader sees all of it or the old one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    Path(name).replace(path)


def prune(home: Path, kind: str) -> None:
    """Keep the newest environment and the one before it, which a running service may still use."""
    pointers = sorted(home.glob(f"{kind}-*.ready"), key=lambda path: path.stat().st_mtime)
    for pointer in pointers[:-2]:
        pointer.unlink()
    kept = {pointer.read_text("utf-8").strip() for pointer in pointers[-2:]}
    for env in home.glob(f"{kind}-*"):
        if env.is_dir() and env.name not in kept and time.time() - env.stat().st_mtime > ORPHANED_S:
            shutil.rmtree(env, ignore_errors=True)


def run(*command: str | Path, extra: dict[str, str] | None = None) -> bool:
    """Run one tool from the checkout, its output to standard error; False if it failed or is none.

    uv's list of what it installed ("+ name==version", sixty lines of it) is left out.
    """
    env = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH"}}
    try:
        with subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=env | (extra or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as tool:
            for line in tool.stdout or ():
                if not line.startswith(b" + "):
                    sys.stderr.buffer.write(line)
                    sys.stderr.flush()
    except OSError as fault:
        say(f"{command[0]}: {fault}")
        return False
    return tool.returncode == 0


def uv_settings(home: Path) -> dict[str, str]:
    """Say what uv must know: the system's certificates, no foreign interpreters, and what pip was configured with."""
    import ssl  # noqa: PLC0415 - only where something is built

    given = {"UV_PYTHON_DOWNLOADS": "never"}
    cert = pip_option("cert")
    if cert and Path(cert).is_file() and "SSL_CERT_FILE" not in os.environ:
        given["SSL_CERT_FILE"] = cert
    store = ssl.get_default_verify_paths()
    if cert or store.cafile or (store.capath and any(Path(store.capath).iterdir())):
        given["UV_SYSTEM_CERTS"] = "1"  # as behind a company proxy; without any, uv brings its own
    index = pip_option("index-url")
    if index and not os.environ.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL"}:
        given["UV_DEFAULT_INDEX"] = index
    for option, variable in (("extra-index-url", "UV_EXTRA_INDEX_URL"), ("find-links", "UV_FIND_LINKS")):
        if (value := pip_option(option)) and variable not in os.environ:
            given[variable] = ",".join(value.split()) if option == "find-links" else value
    if not os.environ.get("HOME") and "UV_CACHE_DIR" not in os.environ:
        given["UV_CACHE_DIR"] = str(home / "uv-cache")
    return given


def with_pip(env: Path) -> bool:
    """Make a venv with pip in it. Debian's python3 alone lacks what that takes, and venv would say so at length."""
    return importlib.util.find_spec("ensurepip") is not None and run(PYTHON, "-I", "-m", "venv", env)


def own_uv(home: Path) -> Iterator[Path]:
    """Offer our pinned uv: kept from an earlier run, else by pip in a throw-away venv, else its wheel by hash."""
    pins = ROOT / "deploy" / "bootstrap.lock"
    uv = home / f"uv-{pinned_version(pins)}"
    if uv.exists():
        yield uv
        return
    with tempfile.TemporaryDirectory(prefix="tool-", dir=home) as folder:
        tool = Path(folder, "venv")
        say("no uv on PATH: fetching it into a private venv")
        if with_pip(tool) and run(python_of(tool), "-I", "-m", *PIP, "-r", pins, extra=PIP_SETTINGS):
            (tool / "bin" / "uv").replace(uv)
            yield uv
            return
        say("venv or pip is missing or failed: fetching uv's wheel by its hash")
        if by_hash(pins, Path(folder, "uv"), say):
            Path(folder, "uv").replace(uv)
            yield uv


WHEELS = ("--no-deps", "--require-hashes", "--only-binary", ":all:")
# feedgen comes as source alone: its build runs with the pinned setuptools of deploy/build.lock and nothing else.
SOURCE = ("--no-binary", "feedgen")
PIP = ("pip", "install", "--quiet", "--disable-pip-version-check", *WHEELS)


def build(home: Path, env: Path, lock: Path) -> bool:
    """Install the lock into `env` by the first way that works."""
    settings = uv_settings(home)
    installer = (
        "pip",
        "install",
        *WHEELS,
        *SOURCE,
        "--build-constraints",
        ROOT / "deploy" / "build.lock",
        "--compile-bytecode",
    )
    found = shutil.which("uv")

    def tools() -> Iterator[Path]:
        if found:
            yield Path(found)
        yield from own_uv(home)

    for uv in tools():
        if run(uv, "venv", "--quiet", "--clear", "--no-project", "--python", PYTHON, env, extra=settings) and run(
            uv, *installer, "--python", python_of(env), "-r", lock, extra=settings
        ):
            return True
        say(f"{uv} could not do it")
    say("trying pip instead")
    return by_pip(env, lock)


def by_pip(env: Path, lock: Path) -> bool:
    """Install the lock with the interpreter's own means, where no uv runs."""
    shutil.rmtree(env, ignore_errors=True)
    pip: tuple[str | Path, ...] = (python_of(env), "-I", "-m", *PIP)
    if not with_pip(env):  # Debian: a pip of the system may be there although venv's own is not
        shutil.rmtree(env, ignore_errors=True)
        pip = (PYTHON, "-I", "-m", "pip", "--python", python_of(env), *PIP[1:])
        if not run(PYTHON, "-I", "-m", "venv", "--without-pip", env):
            return False
    steps = (("-r", ROOT / "deploy" / "build.lock"), (*SOURCE, "--no-build-isolation", "--use-pep517", "-r", lock))
    return all(run(*pip, *step, extra=PIP_SETTINGS) for step in steps)


def main(arguments: list[str]) -> None:
    """`test …` starts the checks, `--uv …` a uv that works (for maintainers), anything else is Wireroom's."""
    home = private_home()
    if arguments[:1] == ["--uv"]:
        with alone(home):
            uv = shutil.which("uv") or next(own_uv(home), None) or sys.exit(GIVE_UP)
        os.execve(uv, [str(uv), *arguments[1:]], os.environ | uv_settings(home))
    checks = arguments[:1] == ["test"]
    python = environment(home, "test" if checks else "run")
    if checks:
        os.chdir(ROOT)
        arguments, module = arguments[1:], "tests"
    else:
        module = "services"
    # -P: a folder named services where the person stands is not ours.
    os.execv(python, [str(python), "-P", "-m", module, *arguments])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
