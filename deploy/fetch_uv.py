"""Fetch uv's wheel with the standard library: for a machine with neither uv, venv nor pip.

The hashes in `deploy/bootstrap.lock` decide what is accepted; the index only says where it lies.
Spoken: the simple repository API (PEP 503 pages, PEP 691 JSON).
"""

import base64
import configparser
import hashlib
import io
import json
import os
import platform
import re
import ssl
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, Request, build_opener

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
TIMEOUT_S = 60.0
LARGEST = 200 * 2**20  # bytes; a wheel has 18 MB, the index page 3
TRIES = 3


class Candidate(NamedTuple):
    """One file that an index offers. `digest` None: the index does not say."""

    name: str
    url: str
    digest: str | None


def pip_option(name: str) -> str | None:
    """Return what pip was told, by environment, else by its configuration files (the last one that says it)."""
    if value := os.environ.get("PIP_" + name.upper().replace("-", "_")):
        return value
    config = configparser.RawConfigParser()
    home = os.environ.get("HOME")
    user = [Path(home, ".pip", "pip.conf"), Path(home, ".config", "pip", "pip.conf")] if home else []
    if base := os.environ.get("XDG_CONFIG_HOME"):
        user.append(Path(base, "pip", "pip.conf"))
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), *user]
    if chosen := os.environ.get("PIP_CONFIG_FILE"):
        files = [] if chosen == os.devnull else [*files, Path(chosen)]
    try:
        config.read(files, encoding="utf-8")
    except (configparser.Error, UnicodeError):  # pip itself will say what is wrong with it
        return None
    return config.get("install", name, fallback=None) or config.get("global", name, fallback=None)


def pinned_version(pins: Path) -> str:
    """Read the version in the line `uv==…` of the lock."""
    found = re.search(r"^uv==(\S+)", pins.read_text("utf-8"), re.MULTILINE)
    if not found:
        sys.exit(f"wr: {pins} pins no uv")
    return found[1]


def fitting(names: list[str], machine: str, libc: str, system: str) -> list[str]:
    """Choose the wheels that this machine can run, best first. Linux: musl's is static and runs on glibc too."""
    machine = {"amd64": "x86_64", "aarch64": "arm64" if system == "Darwin" else "aarch64"}.get(machine, machine)
    families = ["macosx_"] if system == "Darwin" else ["manylinux", "musllinux"] if libc == "glibc" else ["musllinux"]

    def fits(name: str, family: str) -> bool:
        tags = name.removesuffix(".whl").rpartition("-")[2].split(".")
        return any(tag.startswith(family) and tag.endswith(f"_{machine}") for tag in tags)

    wheels = sorted(name for name in names if name.endswith(".whl"))
    return list(dict.fromkeys(name for family in families for name in wheels if fits(name, family)))


class _Links(HTMLParser):
    """The `href` of every anchor of a PEP 503 page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attrs if tag == "a" and key == "href" and value]


def listed(page: bytes, content_type: str, url: str) -> Iterator[Candidate]:
    """List what an index page offers, in either form of the simple API."""
    if "json" in content_type:
        for file in json.loads(page)["files"]:
            yield Candidate(file["filename"], urljoin(url, file["url"]), file.get("hashes", {}).get("sha256"))
        return
    links = _Links()
    links.feed(page.decode("utf-8", "replace"))
    for link in links.found:
        target, fragment = urldefrag(urljoin(url, link))
        digest = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
        yield Candidate(unquote(target.rpartition("/")[2]), target, digest)


def _context(*, secret: bool) -> ssl.SSLContext:
    """Trust the system's certificates (or pip's). Without any at all, the hash alone vouches for what comes."""
    cert = pip_option("cert")
    context = ssl.create_default_context(cafile=cert if cert and Path(cert).is_file() else None)
    paths = ssl.get_default_verify_paths()
    some = context.cert_store_stats()["x509_ca"] or (paths.capath and any(Path(paths.capath).iterdir()))
    if not some and not secret:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _get(url: str, home: str) -> tuple[bytes, str, str]:
    """Fetch: body, media type and final address. Credentials of the index go to its own host only."""
    index, parts = urlsplit(home), urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    request = Request(bare, headers={"Accept": ACCEPT, "User-Agent": "wireroom-wr"})  # noqa: S310 - checked below
    if parts.scheme not in {"https", "http", "file"}:
        raise URLError(f"not a way to fetch: {parts.scheme}")
    if index.username and parts.hostname == index.hostname:
        pair = f"{unquote(index.username)}:{unquote(index.password or '')}"
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    opener = build_opener(HTTPSHandler(context=_context(secret=bool(index.username))))
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        body = answer.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise URLError(f"more than {LARGEST} bytes")
        return body, answer.headers.get("Content-Type", ""), answer.geturl()


def configured_index() -> str:
    """Return the index that uv or pip was told of; "": none, and this project names none itself."""
    told = (os.environ.get("UV_DEFAULT_INDEX"), os.environ.get("UV_INDEX_URL"), pip_option("index-url"))
    return next(filter(None, told), "")


def _offered(version: str) -> tuple[list[Candidate], str]:
    """List the files of that version: from pip's local `find-links` folders, and from the index."""
    prefix = f"uv-{version}-"
    folders = [Path(part.removeprefix("file://")) for part in (pip_option("find-links") or "").split()]
    files = [file for folder in folders if folder.is_dir() for file in sorted(folder.glob(f"{prefix}*.whl"))]
    found = [Candidate(file.name, file.as_uri(), None) for file in files]
    home = configured_index()
    if home and not pip_option("no-index"):
        page, kind, final = _get(home.rstrip("/") + "/uv/", home)
        found += [candidate for candidate in listed(page, kind, final) if candidate.name.startswith(prefix)]
    return found, home


def _attempt(pins: Path, target: Path, say: Callable[[str], None]) -> bool:
    allowed = set(re.findall(r"sha256:([0-9a-f]{64})", pins.read_text("utf-8")))
    version = pinned_version(pins)
    offered, home = _offered(version)
    if not offered and not home:
        say("no package index is configured to fetch uv from: PIP_INDEX_URL=https://…/simple names one")
        return False
    names = fitting([file.name for file in offered], platform.machine(), platform.libc_ver()[0], platform.system())
    for file in sorted((file for file in offered if file.name in names), key=lambda file: names.index(file.name)):
        if file.digest and file.digest not in allowed:
            continue
        body = _get(file.url, home)[0]
        if hashlib.sha256(body).hexdigest() not in allowed:
            say(f"refused {file.name}: its hash is not the pinned one")
            continue
        with zipfile.ZipFile(io.BytesIO(body)) as wheel:
            target.write_bytes(wheel.read(f"uv-{version}.data/scripts/uv"))
        target.chmod(target.stat().st_mode | stat.S_IXUSR)
        return True
    say(f"the index offers no uv {version} for this machine")
    return False


def by_hash(pins: Path, target: Path, say: Callable[[str], None]) -> bool:
    """Put the pinned uv at `target`; False, and said why, if it cannot be had. A second try may help."""
    for left in reversed(range(TRIES)):
        try:
            return _attempt(pins, target, say)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
            say(f"could not fetch uv: {fault}" + (", trying again" if left else ""))
    return False
