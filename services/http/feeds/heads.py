"""Read the head of a common request for a feed: what the fast path and the shortcut ask of it, once. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from services.http.feeds.decision import Asked
from services.http.feeds.target import asks_history

MOST_HEADERS = 64  # beyond these limits the long way looks closer
LONGEST_HEADER = 8_192
LONGEST_TARGET = 4_096
# A request with one of these goes the long way: it has a body, wants more than the document, or holds a key.
_LONG_WAY = frozenset({b"expect", b"content-length", b"transfer-encoding", b"upgrade", b"a-im", b"authorization"})
_SEVERAL = frozenset(
    {b"accept-encoding", b"if-none-match", b"if-modified-since", b"x-forwarded-for", b"x-forwarded-proto"}
)


class Head(NamedTuple):
    """A request for a document as it stands, and who says to have forwarded it."""

    path: bytes
    asked: Asked
    user_agent: bytes
    forwarded_for: bytes | None
    forwarded_proto: bytes | None


def read_head(method: bytes, path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Head | None:
    """Read a GET or HEAD; header names in lower case. None: it goes the long way.

    Several lines of one field are one list (RFC 9110 §5.3).
    """
    if len(headers) > MOST_HEADERS or len(path) + len(query) > LONGEST_TARGET:
        return None
    if query and (asks_history(query) or b"%00" in query):
        return None
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _LONG_WAY or len(value) > LONGEST_HEADER:
            return None
        if name not in found:
            found[name] = value
        elif name in _SEVERAL:
            found[name] += b", " + value
    get = found.get
    return Head(
        path,
        Asked(method, get(b"accept-encoding"), get(b"if-none-match"), get(b"if-modified-since")),
        get(b"user-agent", b""),
        get(b"x-forwarded-for"),
        get(b"x-forwarded-proto"),
    )
