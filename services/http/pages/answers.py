"""Answer a request with bytes that were just made: validator, 304, gzip. Pure but for the zlib state.

Pages are small and rendered anew, so one weak validator serves both codings (RFC 9110 §8.8.3.3); the
feeds' hot path has its own, strong ones.
"""

import re
from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response
from isal import igzip
from xxhash import xxh3_128_hexdigest

from services.http.feeds.negotiation import codings

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_SUFFIX = re.compile(r"[-;:]{1,2}(?:gzip|br|zstd)$")  # what proxies that compress append
_WORTH = 512  # bytes: below that gzip saves nothing


def answer(
    request: Request, body: bytes, media_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Make the answer to a GET or HEAD; 304 for a 200 that the client holds already.

    The validator is made of the bytes, never of a time: the same page has the same one everywhere. The
    server leaves the body of a HEAD out; its headers are those of the GET.
    """
    tag = xxh3_128_hexdigest(body)
    shared = {"ETag": f'W/"{tag}"', "Vary": "Accept-Encoding", **(headers or {})}
    if status == 200 and _holds(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=shared)
    asked = request.headers.getlist("accept-encoding")
    if len(body) >= _WORTH and "gzip" in codings(", ".join(asked).encode("latin-1") if asked else None):
        body, shared["Content-Encoding"] = igzip.compress(body, 2, mtime=0), "gzip"
    return Response(body, status, shared, media_type)


def _holds(lines: list[str], tag: str) -> bool:
    """RFC 9110 §13.1.2: a list or `*`, compared weakly."""
    said = ", ".join(lines)
    return said.strip() == "*" or any(_SUFFIX.sub("", each) == tag for each in _TAG.findall(said))
