"""Date: when an answer goes out (RFC 9110 §6.6.1), by our clock and to the second.

uvicorn's own lags by up to a second, and by as long as an answer takes: Last-Modified lay ahead of it (rule 44).
"""

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.http.feeds.dates import http_date


class Dates:
    """The header's line, written anew when its second is over."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        """Write the header as it stands in an answer, its line's end included."""
        second = int(self._clock())
        if second != self._second:
            self._line = b"date: %s\r\n" % http_date(second)
            self._second = second
        return self._line

    def header(self) -> tuple[bytes, bytes]:
        """Write the header as ASGI has it."""
        return b"date", self.line()[6:-2]


class Dated:
    """ASGI middleware: dates an answer as it begins, not as it was asked for."""

    def __init__(self, app: ASGIApp, dates: Dates) -> None:
        self._app = app
        self._dates = dates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [self._dates.header(), *message.get("headers", ())]}
            await send(message)

        await self._app(scope, receive, dated if scope["type"] == "http" else send)
