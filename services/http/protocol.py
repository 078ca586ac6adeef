"""uvicorn's HTTP/1.1 protocol with what it lacks: a deadline and a cap on the head of a request.

Without them a client that sends a byte a minute, or headers without end, holds a connection (and memory)
for as long as it likes. Rests on `HttpToolsProtocol` of uvicorn 0.54, pinned; tests/integration/
test_http_guard.py is its contract.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.http.dated import Dates

HEAD_S = 10.0  # from the first byte of a request, or from the connection, to the end of its headers
HEAD_BYTES = 64 * 1024


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request head takes too long or grows too large."""

    head_s = HEAD_S
    dates = Dates()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_open = True  # a connection owes us a request
        self._head_size = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head, and give an unfinished one its deadline."""
        if self._head_open:
            self._head_size += len(data)
        super().data_received(data)
        if self._head_open and not self.transport.is_closing():
            if self._head_size > HEAD_BYTES:
                self.transport.close()
            elif self._deadline is None and self._head_size:
                self._wait()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, dated like everything that we send."""
        told = msg.encode()
        head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(told)
        self.transport.write(b"".join((STATUS_LINE[400], self.dates.line(), head, told)))
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._head_open = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head; between two requests uvicorn's keep-alive timeout rules."""
        self._end_head()
        super().on_headers_complete()

    def _end_head(self) -> None:
        self._head_open = False
        self._head_size = 0
        self._stop_waiting()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.head_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
