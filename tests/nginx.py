"""Debian's nginx in front of a server: with gzip, with gzip of its own only, with a cache."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path

from tests.servers_redis import missing

_TYPES = "application/rss+xml application/atom+xml application/feed+json application/problem+json"
# One server of its own for each way to stand in front: the paths must stay as they are.
_SERVERS = {
    "passes": "",
    "compresses": 'proxy_set_header Accept-Encoding "";',
    "caches": "proxy_cache feeds; proxy_cache_revalidate on; add_header X-Cache $upstream_cache_status;",
}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]


def _configure(directory: Path, upstream: int, ports: Mapping[str, int]) -> str:
    temporary = "".join(
        f" {name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    servers = "".join(
        f"server {{ listen 127.0.0.1:{ports[name]}; location / {{ proxy_pass http://behind; {extra}"
        " proxy_http_version 1.1; proxy_set_header Connection '';"
        " proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        " proxy_set_header X-Forwarded-Proto https; } }\n"
        for name, extra in _SERVERS.items()
    )
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    return (
        f"{user} daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;\n"
        "events { worker_connections 128; }\n"
        f"http {{ access_log off;{temporary}\n"
        f" gzip on; gzip_proxied any; gzip_min_length 100; gzip_types {_TYPES};\n"
        f" proxy_cache_path {directory}/cache keys_zone=feeds:1m;\n"
        f" upstream behind {{ server 127.0.0.1:{upstream} max_fails=0; keepalive 8; }}\n{servers}}}\n"
    )


@contextlib.contextmanager
def nginx(directory: Path, upstream: int) -> Generator[Mapping[str, str]]:
    """Start it before the server on port `upstream`; gives the base URL of each way."""
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        missing("nginx")
        raise AssertionError
    directory.mkdir()
    ports = dict(zip(_SERVERS, free_ports(len(_SERVERS)), strict=True))
    config = directory / "nginx.conf"
    config.write_text(_configure(directory, upstream, ports))
    process = subprocess.Popen([binary, "-p", str(directory), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        process.terminate()
        process.wait(10)
