"""The fast path: a feed document in memory is answered from within the HTTP parser, in a fifth of the plain route's time.

    bytes ─▶ httptools ─▶ on_headers_complete ─┬▶ a ready document, a plain GET or HEAD: bytes out, at once
                                               └▶ anything else: the ASGI app, as if we were not here

The plain route (`services.http.feeds.route`) is the reference: both answer through `Answers`, and one suite
(tests/contract/test_feed_serving.py) holds both to the same bytes. Rests on `HttpToolsProtocol` of uvicorn
0.54, pinned.
"""

import asyncio
from typing import Any, ClassVar, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.http.clients import Client, Proxies, client_key
from services.http.feeds.answers import Answers, Visitor
from services.http.feeds.heads import Head, read_head
from services.http.feeds.target import PREFIX
from services.http.protocol import PatientProtocol
from services.syndicate.document import Document

_LONGEST = 1_024  # bytes of a request worth to be known
_MOST = 4_096  # of them

_CLOSE = b"connection: close\r\n\r\n"
_OPEN = b"\r\n"
_NOBODY = Client("", is_local=False)


class Known(NamedTuple):
    """A request that we answered before: who polls says the same again, to the byte."""

    head: Head
    keep: bool  # the connection


class FastProtocol(PatientProtocol):
    """Answers feeds at once. `answers` None: nothing, all goes to the app.

    `known` holds requests that came in one piece and were answered here, by their bytes: the same bytes
    between two messages are the same request, and need no parser. What is answered is found anew each time.
    """

    answers: Answers | None = None
    proxies = Proxies()
    known: ClassVar[dict[bytes, Known]] = {}
    met: ClassVar[set[int]] = set()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._between = True  # two messages: nothing of the next one was read
        self._begun = 0  # messages
        self._answered: Known | None = None  # the request that is being read
        self._idle_since: float | None = None  # loop time; None: a request is under way
        self._client = _NOBODY
        self._believes = False  # what the peer says of the client

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note who is there."""
        super().connection_made(transport)
        if self.client is not None:
            self._believes = self.proxies.trusts(self.client[0])
            self._client = _NOBODY if self._believes else client_key(self.client[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        self._stop_idling()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer what is known by its bytes; else read it."""
        between = self._between
        if between and len(data) <= _LONGEST and (known := self.known.get(data)) is not None:
            document = self._ready(known.head.path)
            if document is not None:
                if self._head_open or self._deadline is not None:
                    self._end_head()
                self._write(document, known)
                return
        begun = self._begun
        super().data_received(data)
        if self._answered is not None and between and self._between and self._begun - begun == 1:
            self._learn(data, self._answered)

    def _learn(self, data: bytes, answered: Known) -> None:
        """Know the request from its second time on: what comes once costs a number, and no object."""
        digest = hash(data)
        if len(data) > _LONGEST:
            return
        if digest in self.met:
            if len(self.known) >= _MOST:
                self.known.clear()
            self.known[data] = answered
        else:
            if len(self.met) >= 4 * _MOST:
                self.met.clear()
            self.met.add(digest)

    def on_message_begin(self) -> None:
        """Begin a request; what only the app needs is made when it is clear that the app gets it."""
        self._head_open = True
        self._between = False
        self._begun += 1
        self._answered = None
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Answer, or hand over to the app."""
        if self.url.startswith(PREFIX) and self._answer():
            self._end_head()
            return
        url, headers = self.url, self.headers
        HttpToolsProtocol.on_message_begin(self)
        self.url = url
        self.headers.extend(headers)  # the list that the scope knows
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a body on; a request that was answered here has none."""
        if self._answered is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._between = True
        if self._answered is None:
            super().on_message_complete()

    def _ready(self, path: bytes) -> Document | None:
        """Find a document that can be answered now. None: the app's turn."""
        before: Any = self.cycle
        if self.answers is None or self.flow.write_paused or self.transport.is_closing():
            return None  # a slow reader: the app waits for it
        if before is not None and not before.response_complete:
            return None  # an answer comes before ours
        return self.answers.find(path)

    def _answer(self) -> bool:
        """Answer the request if it is one of ours; False: it is not."""
        path, _, query = self.url.partition(b"?")
        document = self._ready(path)
        parser: Any = self.parser
        method = parser.get_method()
        if document is None or (method != b"GET" and method != b"HEAD") or parser.should_upgrade():  # noqa: PLR1714 - no tuple is built
            return False
        head = read_head(method, path, query, self.headers)
        if head is None:
            return False
        self._answered = Known(head, parser.should_keep_alive() and parser.get_http_version() != "1.0")
        self._write(document, self._answered)
        return True

    def _visitor(self, head: Head) -> Visitor:
        """Find who asks, through a proxy or not."""
        if not self._believes or self.client is None:
            return Visitor(self._client, head.user_agent)
        client = self.proxies.client(self.client[0], head.forwarded_for)
        return Visitor(client_key(client), head.user_agent, self.proxies.is_https(head.forwarded_proto))

    def _write(self, document: Document, known: Known) -> None:
        head, keep = known
        assert self.answers is not None, "_ready says so"
        status, _, lines, body = self.answers.answer(document, head.asked, self._visitor(head))
        transport = self.transport
        top = b"".join((STATUS_LINE[status], self.dates.line(), lines, _OPEN if keep else _CLOSE))
        if body:
            transport.writelines((top, body))
        else:
            transport.write(top)
        self.server_state.total_requests += 1
        if not keep:
            transport.close()
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._idle(self.timeout_keep_alive)

    # One timer for the idle time of a connection, looked at when it rings, instead of a new one for every answer.

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def on_response_complete(self) -> None:
        """Note when the app's answer was out."""
        self._stop_idling()
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self._idle_since = self.loop.time()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it was idle for long enough."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the end of the request under way sets the timer again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle(left)
        else:
            super().timeout_keep_alive_handler()

    def _idle(self, for_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(for_s, self.timeout_keep_alive_handler)

    def _stop_idling(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
