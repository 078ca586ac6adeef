"""Answer a request with bytes that are ready: validator, 304, gzip.

Pages are small and made when somebody asks, so one weak validator serves both codings (RFC 9110 §8.8.3.3);
the feeds' hot path has its own, strong ones.
"""

import re
from collections.abc import Mapping
from functools import cached_property

from fastapi import Request
from fastapi.responses import Response
from isal import igzip
from xxhash import xxh3_128_hexdigest

from services.http.feeds.negotiation import codings

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_SUFFIX = re.compile(r"[-;:]{1,2}(?:gzip|br|zstd)$")  # what proxies that compress append
_WORTH = 512  # bytes: below that gzip saves nothing


class Ready:
    """Bytes to answer with, and what follows from them: made once, and only if it is asked for."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.media_type = media_type

    @cached_property
    def tag(self) -> str:
        """The validator: of the bytes, never of a time; the same page has the same one everywhere."""
        return xxh3_128_hexdigest(self.body)

    @cached_property
    def packed(self) -> bytes:
        """The same bytes in gzip."""
        return igzip.compress(self.body, 2, mtime=0)


def answer(request: Request, ready: Ready, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Make the answer to a GET or HEAD; 304 for a 200 that the client holds already.

    The server leaves the body of a HEAD out; its headers are those of the GET.
    """
    shared = {"ETag": f'W/"{ready.tag}"', "Vary": "Accept-Encoding", **(headers or {})}
    if status == 200 and _holds(request.headers.getlist("if-none-match"), ready.tag):
        return Response(status_code=304, headers=shared)
    asked = request.headers.getlist("accept-encoding")
    body = ready.body
    if len(body) >= _WORTH and "gzip" in codings(", ".join(asked).encode("latin-1") if asked else None):
        body, shared["Content-Encoding"] = ready.packed, "gzip"
    return Response(body, status, shared, ready.media_type)


def _holds(lines: list[str], tag: str) -> bool:
    """RFC 9110 §13.1.2: a list or `*`, compared weakly."""
    said = ", ".join(lines)
    return said.strip() == "*" or any(_SUFFIX.sub("", each) == tag for each in _TAG.findall(said))
