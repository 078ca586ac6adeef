"""The HTTP server inside our event loop: uvicorn, without its signal handlers, on a socket of our choosing."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator
from typing import Any

import uvicorn

from services.cli.errors import CommandError
from services.http.clients import Forwarded, Proxies
from services.http.dated import Dated, Dates
from services.http.fast import FastProtocol
from services.http.feeds.answers import Answers
from services.http.feeds.route import Shortcut
from services.http.protocol import HEAD_S

_GRACE_S = 5  # for requests under way and open streams


class Server(uvicorn.Server):
    """Leaves signals to the composition root, which has more to stop than HTTP."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def listen(host: str, port: int, *, or_any: bool = False) -> socket.socket:
    """Bind. With `or_any` a taken port is replaced by a free one; one that was asked for is an error."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last: OSError | None = None
    for candidate in (port, 0) if or_any else (port,):
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # said, so that asyncio turns Nagle off
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
        except OSError as error:
            sock.close()
            last = error
            continue
        sock.listen(2_048)
        sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
        return sock
    raise CommandError(
        f"cannot listen on {host}:{port}: {last and last.strerror}. Choose another: WIREROOM_BIND=host:port"
    )


@contextlib.asynccontextmanager
async def serving(
    app: Any,
    sock: socket.socket,
    *,
    proxies: Proxies = Proxies(),  # noqa: B008 - frozen: none
    answers: Answers | None = None,
    fast: bool = True,
    head_s: float = HEAD_S,
    idle_s: float = 75,
) -> AsyncGenerator[asyncio.Task[None]]:
    """Serve `app` until the block ends; requests under way get a few seconds to finish.

    `answers` answers for feed documents before the app is asked: with `fast` from within the HTTP parser.
    X-Forwarded-* is believed from `proxies`. A connection that asks nothing for `idle_s` is closed.
    """
    inner = app if answers is None else Shortcut(app, answers)
    dates = Dates()
    config = uvicorn.Config(
        Dated(Forwarded(inner, proxies) if proxies else inner, dates),
        http=type(
            "Protocol",
            (FastProtocol,),
            {
                "head_s": head_s,
                "dates": dates,
                "proxies": proxies,
                "answers": answers if fast else None,
                "known": {},
                "met": set[int](),
            },
        ),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # ours: `Dated`
        proxy_headers=False,  # ours: uvicorn would let an unknown client pass for the proxy
        timeout_keep_alive=idle_s,  # pyright: ignore[reportArgumentType]  # a float does as well
        timeout_graceful_shutdown=_GRACE_S,
        backlog=2_048,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]), name="http")
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield task
    finally:
        server.should_exit = True
        await asyncio.wait([task], timeout=_GRACE_S + 2)
