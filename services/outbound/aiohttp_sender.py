"""The library implementation of `Sender`: aiohttp, with the guard where it opens sockets.

What is set against the library's defaults, and why:
- no limit on connections (the default of 100 lets slow partners starve the rest); the caller caps;
- `trust_env` off, cookies off, redirects off, nothing inflated, no headers of its own;
- names are resolved by our lookup, every answer is judged, and the judged addresses are dialled; the
  socket factory judges again, so a literal passes the same gate;
- one deadline over lookup, connect, TLS, headers and body, and one byte budget over all that is read;
- a POST on a stale kept-alive connection is repeated once on a new one, if no byte of an answer came.
"""

import asyncio
import errno
import io
import socket
import ssl as tls
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from schemas.delivery import Cause, Request, Response
from services.outbound.guard import AddressPolicy, check_url, dialled_url, judge
from services.outbound.lookup import Lookup, SystemLookup

READ_BYTES = 64 * 1024  # of a body, raw
KEEP_BYTES = 16 * 1024
WIRE_BYTES = 1024 * 1024  # of one answer in all: 1xx floods, chunk framing, trailers
CONNECT_S = 5.0  # TCP and TLS, to one address
IDLE_S = 30.0


@dataclass(slots=True)
class _Exchange:
    """What the connector must know of the request under way, and what it learns."""

    scheme: str
    port: int
    fresh: bool = False  # no pooled connection, please
    refused: str | None = None
    carrier: "_Carrier | None" = None


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class _Carrier(ResponseHandler):
    """A connection that counts: requests it carried, and bytes of the present answer."""

    carried = 0
    received = 0  # more than WIRE_BYTES: cut

    def set_response_params(self, **params: Any) -> None:
        self.carried += 1
        self.received = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.received <= WIRE_BYTES:
            super().data_received(data)
            return
        if self.transport is not None:
            self.transport.abort()

    @property
    def went_stale(self) -> bool:
        """It carried a request before, and not a byte came back this time."""
        return self.carried > 1 and self.received == 0


class _JudgingResolver(AbstractResolver):
    """All answers of the lookup, if every single one may be dialled."""

    def __init__(self, lookup: Lookup, policy: AddressPolicy) -> None:
        self._lookup = lookup
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family  # both, always
        exchange = _exchange.get()
        addresses = await self._lookup(host)
        if not addresses:
            raise OSError("the name has no address")
        for address in addresses:
            fault = judge(address, port, exchange.scheme, self._policy)
            if fault is not None:
                exchange.refused = fault
                raise OSError(fault)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _JudgingConnector(aiohttp.TCPConnector):
    """Opens sockets to judged addresses only, and tells the exchange which connection it got.

    `_factory` and `_get` are aiohttp's own and not public; the contract suite fails if they move.
    """

    def __init__(self, lookup: Lookup, policy: AddressPolicy, context: tls.SSLContext) -> None:
        super().__init__(
            limit=0,
            use_dns_cache=False,
            resolver=_JudgingResolver(lookup, policy),
            ssl=context,
            keepalive_timeout=IDLE_S,
            socket_factory=self._open,
        )
        self._policy = policy
        self._factory = partial(_Carrier, loop=self._loop)

    def _open(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, proto, _, address = info
        exchange = _exchange.get()
        fault = judge(address[0], address[1], exchange.scheme, self._policy)
        if fault is not None:
            exchange.refused = fault
            raise OSError(fault)
        return socket.socket(family=family, type=kind, proto=proto)

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 aiohttp's own signature
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        assert isinstance(protocol, _Carrier), "the connector makes no other"
        _exchange.get().carrier = protocol
        return connection

    async def _get(self, key: Any, traces: list[Any]) -> aiohttp.connector.Connection | None:
        return None if _exchange.get().fresh else await super()._get(key, traces)


class AiohttpSender:
    """`Sender` on one aiohttp session. Make it inside a running loop; close it in the same."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        lookup: Lookup | None = None,
        context: tls.SSLContext | None = None,
        connect_s: float = CONNECT_S,
    ) -> None:
        """`context` verifies partners' certificates; None: the system's authorities. Making one takes 30 ms."""
        self._policy = policy
        self._own_lookup = SystemLookup() if lookup is None else None
        self._session = aiohttp.ClientSession(
            connector=_JudgingConnector(
                lookup or self._own_lookup or SystemLookup(), policy, context or tls.create_default_context()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            raise_for_status=False,
            read_bufsize=16 * 1024,
            max_line_size=8_190,
            max_field_size=16_380,
            max_headers=200,
            skip_auto_headers=("Accept", "User-Agent", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s, ceil_threshold=3_600),
        )

    async def send(self, request: Request) -> Response:
        """See `Sender.send`."""
        started = time.perf_counter()
        fault = check_url(request.url, self._policy)
        if fault is not None:
            return Response(cause=Cause.BLOCKED_ADDRESS, detail=fault)
        url = dialled_url(request.url)
        exchange = _Exchange(url.scheme, url.port or 0)
        heard = _Heard()
        token = _exchange.set(exchange)
        try:
            async with asyncio.timeout(request.timeout_s):
                try:
                    await self._exchange(request, url, heard)
                except (aiohttp.ClientError, OSError):
                    stale = exchange.carrier is not None and exchange.carrier.went_stale
                    if not stale:
                        raise
                    exchange.fresh = True
                    await self._exchange(request, url, heard)
        except Exception as error:  # noqa: BLE001 every failure is a value
            heard.cause, heard.detail = _why(error, exchange)
        finally:
            _exchange.reset(token)
        return heard.response((time.perf_counter() - started) * 1_000)

    async def _exchange(self, request: Request, url: URL, heard: "_Heard") -> None:
        # aiohttp warns about plain bytes beyond 1 MiB: written in one go they would hold up the loop.
        body = request.body if len(request.body) <= 2**20 else io.BytesIO(request.body)
        async with self._session.request(
            request.method,
            url,
            headers={**request.headers, "Accept-Encoding": "identity"},
            data=body,
            allow_redirects=False,
        ) as answer:
            heard.status = answer.status
            heard.retry_after = answer.headers.get("Retry-After")
            async for chunk in answer.content.iter_any():
                heard.hear(chunk)
                if heard.read >= READ_BYTES:
                    answer.close()  # never drained: there may be a gigabyte more
                    break

    async def close(self) -> None:
        """See `Sender.close`."""
        await self._session.close()
        if self._own_lookup is not None:
            await self._own_lookup.close()


@dataclass(slots=True)
class _Heard:
    """The answer as far as it came."""

    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""
    read: int = 0
    cause: Cause | None = None
    detail: str = ""

    def hear(self, chunk: bytes) -> None:
        self.read += len(chunk)
        if len(self.body) < KEEP_BYTES:
            self.body += chunk[: KEEP_BYTES - len(self.body)]

    def response(self, ms: float) -> Response:
        cause, detail = self.cause, self.detail
        if self.status is not None and not 200 <= self.status < 300:
            cause = Cause.REDIRECT if 300 <= self.status < 400 and self.status != 304 else Cause.STATUS
            detail = f"answered {self.status}" + (f"; {detail}" if detail else "")
        return Response(
            status=self.status,
            cause=cause,
            detail=detail,
            retry_after=self.retry_after,
            body=self.body,
            truncated=self.read > len(self.body),
            ms=ms,
        )


def _why(error: Exception, exchange: _Exchange) -> tuple[Cause, str]:
    """Name a failure in words that are safe to show its owner: no address, no banner, no text of theirs."""
    if exchange.refused is not None:
        return Cause.BLOCKED_ADDRESS, exchange.refused
    if exchange.carrier is not None and exchange.carrier.received > WIRE_BYTES:
        return Cause.PROTOCOL, "far more bytes than an answer needs"
    if isinstance(error, OSError) and error.errno in _OURS:
        return Cause.INTERNAL, "we ran out of open files"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Cause.TLS, getattr(error.certificate_error, "verify_message", "") or "the certificate is not valid"
    for kinds, cause, detail in _CAUSES:
        if isinstance(error, kinds):
            return cause, detail
    return Cause.INTERNAL, type(error).__name__


_OURS = (errno.EMFILE, errno.ENFILE)
_CAUSES: tuple[tuple[tuple[type[Exception], ...], Cause, str], ...] = (
    ((TimeoutError,), Cause.TIMEOUT, "no complete answer in time"),
    ((aiohttp.ClientConnectorDNSError,), Cause.DNS, "the name could not be resolved"),
    ((aiohttp.ClientSSLError, tls.SSLError), Cause.TLS, "the TLS handshake failed"),
    ((aiohttp.ClientConnectorError,), Cause.CONNECT, "no connection"),
    ((aiohttp.ClientResponseError, HttpProcessingError), Cause.PROTOCOL, "the answer is not HTTP/1.1"),
    ((aiohttp.ClientPayloadError,), Cause.RESET, "the connection ended inside the answer"),
    ((aiohttp.ServerDisconnectedError,), Cause.RESET, "the connection was closed without an answer"),
    ((aiohttp.ClientConnectionError, ConnectionError, OSError), Cause.RESET, "the connection was reset"),
)
