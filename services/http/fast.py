"""The fast path: a feed document in memory is answered from within the HTTP parser, in a fifth of the plain route's time.

    bytes ─▶ httptools ─▶ on_headers_complete ─┬▶ a ready document, a plain GET or HEAD: bytes out, at once
                                               └▶ anything else: the ASGI app, as if we were not here

The plain route (`services.http.feeds.route`) is the reference: both answer through `Answers`, and one suite
(tests/contract/test_feed_serving.py) holds both to the same bytes. Rests on `HttpToolsProtocol` of uvicorn
0.54, pinned.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.http.clients import Client, Proxies, client_key
from services.http.feeds.answers import Answers, Reply, Visitor
from services.http.feeds.decision import Asked
from services.http.feeds.route import LONGEST_HEADER, LONGEST_TARGET, MOST_HEADERS
from services.http.feeds.target import PREFIX, asks_history
from services.http.protocol import PatientProtocol

_CLOSE = b"connection: close\r\n\r\n"
_OPEN = b"\r\n"
# A request with one of these goes the long way: it has a body, wants more than the document, or holds a key.
_LONG_WAY = frozenset({b"expect", b"content-length", b"transfer-encoding", b"upgrade", b"a-im", b"authorization"})
_SEVERAL = frozenset(
    {b"accept-encoding", b"if-none-match", b"if-modified-since", b"x-forwarded-for", b"x-forwarded-proto"}
)
_NOBODY = Client("", is_local=False)


class FastProtocol(PatientProtocol):
    """Answers feeds at once. `answers` None: nothing, all goes to the app."""

    answers: Answers | None = None
    proxies = Proxies()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answered = False  # the request that is being read
        self._idle_since: float | None = None  # loop time; None: a request is under way
        self._client = _NOBODY
        self._dates: object = None
        self._date = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note who is there."""
        super().connection_made(transport)
        if self.client is not None and not self.proxies.trusts(self.client[0]):
            self._client = client_key(self.client[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        self._stop_idling()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request; what only the app needs is made when it is clear that the app gets it."""
        self._head_open = True
        self._answered = False
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Answer, or hand over to the app."""
        if self.answers is not None and self.url.startswith(PREFIX) and self._answer(self.answers):
            self._end_head()
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)  # the list that the scope knows
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a body on; a request that was answered here has none."""
        if not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if not self._answered:
            super().on_message_complete()

    def _answer(self, answers: Answers) -> bool:
        """Answer the request if it is one of ours; False: it is not."""
        before: Any = self.cycle
        if self.flow.write_paused or (before is not None and not before.response_complete):
            return False  # a slow reader, or an answer before ours: the app waits its turn
        path, _, query = self.url.partition(b"?")
        document = answers.find(path)
        if document is None or len(self.url) > LONGEST_TARGET:
            return False
        if query and (asks_history(query) or b"%00" in query):
            return False
        parser: Any = self.parser
        method = parser.get_method()
        if (method != b"GET" and method != b"HEAD") or parser.should_upgrade():  # noqa: PLR1714 - no tuple is built
            return False
        found = self._sift()
        if found is None:
            return False
        get = found.get
        asked = Asked(method, get(b"accept-encoding"), get(b"if-none-match"), get(b"if-modified-since"))
        visitor = Visitor(self._client, get(b"user-agent", b""), False)  # noqa: FBT003 - positional, for speed
        if self.proxies:
            visitor = self._visitor(found)
        self._write(answers.answer(document, asked, visitor))
        return True

    def _sift(self) -> dict[bytes, bytes] | None:
        """Read the headers; None: this request goes the long way."""
        headers = self.headers
        if len(headers) > MOST_HEADERS:
            return None
        found: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _LONG_WAY or len(value) > LONGEST_HEADER:
                return None
            if name in found:
                if name in _SEVERAL:
                    found[name] += b", " + value
            else:
                found[name] = value
        return found

    def _visitor(self, found: dict[bytes, bytes]) -> Visitor:
        """Find who asks through a proxy."""
        peer = self.client[0] if self.client else ""
        if not self.proxies.trusts(peer):
            return Visitor(self._client, found.get(b"user-agent", b""))
        client = self.proxies.client(peer, found.get(b"x-forwarded-for"))
        is_https = self.proxies.is_https(found.get(b"x-forwarded-proto"))
        return Visitor(client_key(client), found.get(b"user-agent", b""), is_https)

    def _write(self, reply: Reply) -> None:
        state = self.server_state
        if state.default_headers is not self._dates:  # uvicorn makes it anew every second
            self._dates = state.default_headers
            self._date = b"".join(b"%s: %s\r\n" % pair for pair in state.default_headers)
        parser: Any = self.parser
        keep = parser.should_keep_alive() and parser.get_http_version() != "1.0"
        head = b"".join((STATUS_LINE[reply[0]], self._date, reply[2], _OPEN if keep else _CLOSE))
        transport = self.transport
        if reply[3]:
            transport.writelines((head, reply[3]))
        else:
            transport.write(head)
        self._answered = True
        state.total_requests += 1
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
