"""How `./wr` finds, fetches and starts: on its own, against a package index of our own (rule 60)."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.fetch_uv import fitting, listed

ROOT = Path(__file__).resolve().parents[2]
WHEEL = "uv-9.9.9-py3-none-{}.whl"
MANY, MUSL, ARM = (
    WHEEL.format(tag)
    for tag in ("manylinux_2_17_x86_64.manylinux2014_x86_64", "musllinux_1_1_x86_64", "macosx_11_0_arm64")
)
BOTH_ARM64 = WHEEL.format("manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64")


@pytest.mark.parametrize(
    ("machine", "libc", "system", "expected"),
    [
        ("x86_64", "glibc", "Linux", [MANY, MUSL]),
        ("x86_64", "", "Linux", [MUSL]),
        ("aarch64", "glibc", "Linux", [BOTH_ARM64]),
        ("aarch64", "", "Linux", [BOTH_ARM64]),
        ("arm64", "", "Darwin", [ARM]),
        ("mips", "glibc", "Linux", []),
    ],
)
def test_the_wheel_fits_the_machine(machine: str, libc: str, system: str, expected: list[str]) -> None:
    offered = [ARM, BOTH_ARM64, MANY, MUSL, WHEEL.format("win_amd64"), "uv-9.9.9.tar.gz"]
    assert fitting(offered, machine, libc, system) == expected


def test_both_forms_of_an_index_say_the_same() -> None:
    digest = "a" * 64
    page = f'<!DOCTYPE html><a href="../../f/{MANY}#sha256={digest}">{MANY}</a><a href="/f/{MUSL}">x</a>'.encode()
    files = [
        {"filename": MANY, "url": f"https://index.example/f/{MANY}", "hashes": {"sha256": digest}},
        {"filename": MUSL, "url": f"/f/{MUSL}", "hashes": {}},
    ]
    where = "https://index.example/simple/uv/"
    html = list(listed(page, "text/html", where))
    assert html == list(listed(json.dumps({"files": files}).encode(), "application/vnd.pypi.simple.v1+json", where))
    assert [(file.url, file.digest) for file in html] == [
        (f"https://index.example/f/{MANY}", digest),
        (f"https://index.example/f/{MUSL}", None),
    ]


def _wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        wheel.writestr("uv-9.9.9.data/scripts/uv", "#!/bin/sh\necho fetched\n")
    return content.getvalue()


@pytest.fixture
def index() -> Generator[str]:
    """Serve one wheel for every machine, to those who bring the right password."""
    body = _wheel()

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != "Basic YTpi":
                self.send_error(401)
                return
            tags = "manylinux_2_17_x86_64.manylinux_2_17_aarch64.macosx_11_0_arm64.macosx_11_0_x86_64"
            page = f'<a href="/file/{WHEEL.format(tags)}">uv</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if "simple" in self.path else "application/octet-stream")
            self.end_headers()
            self.wfile.write(page if "simple" in self.path else body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://a:b@127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def _fetch(index: str, pins: Path, target: Path) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(ROOT / 'deploy')!r}); import fetch_uv\n"
        "ok = fetch_uv.by_hash(Path(sys.argv[1]), Path(sys.argv[2]), print); sys.exit(not ok)"
    )
    environment = {"PATH": os.environ["PATH"], "PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, "-I", "-c", program, str(pins), str(target)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_uv_comes_by_its_hash_alone_from_the_configured_index(index: str, tmp_path: Path) -> None:
    pins = tmp_path / "bootstrap.lock"
    pins.write_text(f"uv==9.9.9 \\\n    --hash=sha256:{hashlib.sha256(_wheel()).hexdigest()}\n")
    done = _fetch(index, pins, tmp_path / "uv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert subprocess.run([tmp_path / "uv"], capture_output=True, check=True).stdout == b"fetched\n"


def test_without_a_configured_index_nobody_is_asked_and_the_variable_is_named(tmp_path: Path) -> None:
    done = _fetch("", ROOT / "deploy" / "bootstrap.lock", tmp_path / "uv")
    assert done.returncode != 0
    assert "PIP_INDEX_URL" in done.stdout + done.stderr


def test_a_wheel_with_another_hash_is_refused(index: str, tmp_path: Path) -> None:
    pins = tmp_path / "bootstrap.lock"
    pins.write_text(f"uv==9.9.9 \\\n    --hash=sha256:{'0' * 64}\n")
    done = _fetch(index, pins, tmp_path / "uv")
    assert done.returncode == 1
    assert "refused" in done.stdout
    assert not (tmp_path / "uv").exists()


def test_an_index_that_refuses_us_is_an_answer_and_no_crash(index: str, tmp_path: Path) -> None:
    pins = tmp_path / "bootstrap.lock"
    pins.write_text(f"uv==9.9.9 \\\n    --hash=sha256:{'0' * 64}\n")
    done = _fetch(index.replace("a:b@", ""), pins, tmp_path / "uv")
    assert (done.returncode, done.stderr) == (1, "")
    assert "401" in done.stdout


def _wr(home: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path or f"{Path(sys.executable).parent}:{os.environ['PATH']}", "WR_HOME": str(home)}
    return subprocess.run(
        [str(ROOT / "wr"), *arguments], env=environment, cwd=home.parent, capture_output=True, text=True, check=False
    )


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Make a private place whose uv builds an environment that only echoes: nothing is fetched."""
    home, tools = tmp_path / "wr heim ü", tmp_path / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        'echo "uv $*" >&2\n'
        "for last; do :; done\n"
        'if [ "$1" = venv ]; then mkdir -p "$last/bin" "$last/lib/python3.11/site-packages"; '
        'for v in 12 13 14; do mkdir -p "$last/lib/python3.$v/site-packages"; done; '
        'printf \'#!/bin/sh\\necho "python $*"\\n\' > "$last/bin/python"; chmod 755 "$last/bin/python"; fi\n'
    )
    uv.chmod(0o755)
    return home


def test_the_first_start_builds_by_hash_and_the_second_only_starts(built: Path, tmp_path: Path) -> None:
    path = f"{tmp_path / 'tools'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    first = _wr(built, "status", "--json", path=path)
    assert first.stdout == "python -P -m services status --json\n", first.stderr
    assert "--require-hashes" in first.stderr
    assert "requirements.lock" in first.stderr
    assert built.stat().st_mode & 0o777 == 0o700
    second = _wr(built, "status", path=path)
    assert (second.stdout, second.stderr) == ("python -P -m services status\n", "")
    checks = _wr(built, "test", "-x", path=path)
    assert checks.stdout == "python -P -m tests -x\n"
    assert "requirements-dev.lock" in checks.stderr


def test_concurrent_first_starts_build_once(built: Path, tmp_path: Path) -> None:
    path = f"{tmp_path / 'tools'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "WR_HOME": str(built)}
    runs = [
        subprocess.Popen([str(ROOT / "wr"), "x"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    answers = [run.communicate(timeout=60) for run in runs]
    assert [out for out, _ in answers] == [b"python -P -m services x\n"] * 4
    assert sum(b"uv venv" in err for _, err in answers) == 1


def test_a_place_that_another_could_write_to_is_closed(built: Path, tmp_path: Path) -> None:
    built.mkdir(mode=0o777)
    built.chmod(0o777)
    _wr(built, "x", path=f"{tmp_path / 'tools'}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert built.stat().st_mode & 0o777 == 0o700


def test_a_link_is_never_our_place(built: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    built.symlink_to(tmp_path / "elsewhere")
    _wr(built, "x", path=f"{tmp_path / 'tools'}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_a_python_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "dirname", "readlink"):
        (tmp_path / "bin" / tool).symlink_to(Path("/bin") / tool if Path("/bin", tool).exists() else f"/usr/bin/{tool}")
    done = _wr(tmp_path / "home", "up", path=str(tmp_path / "bin"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt install python3" in done.stderr
