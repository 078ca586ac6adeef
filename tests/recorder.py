"""A real HTTP server that answers as told and keeps every request: for commands, which speak HTTP."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Recorded(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Recorder:
    """`answers` maps "GET /path" (without the query) to (status, body) or a list of them, one per request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Recorded] = []
        self.answers: dict[str, tuple[int, Any] | list[tuple[int, Any]]] = {}
        self.headers: dict[str, str] = {}

    def answer(self, request: Recorded) -> tuple[int, Any]:
        self.requests.append(request)
        found = self.answers.get(f"{request.method} {request.path.partition('?')[0]}")
        if found is None:
            return 404, {"title": "Not Found", "status": 404, "detail": "There is no such thing."}
        return found.pop(0) if isinstance(found, list) else found


@contextmanager
def recorder() -> "Generator[Recorder]":
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = record.answer(Recorded(self.command, self.path, headers, body))
            raw = b"" if answer is None else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**record.headers, "Content-Length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    record = Recorder(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield record
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
