"""What is told of each answer to a reader of a feed: enough to count, nothing to keep."""

from typing import NamedTuple


class Served(NamedTuple):
    """One answered request for a feed document.

    `client` is who asked: an address, of IPv6 its /64; "" where nobody knows (a trusted proxy that names nobody).
    It is for counting within the process and is never stored. Whoever is told this is called for every
    request on the hot path: a microsecond at most, no I/O.
    """

    feed: str  # the feed's key
    format: str
    status: int  # 200, 304 or 429
    size: int  # bytes of body
    user_agent: bytes  # as sent; b"": none
    client: str
    conditional: bool  # it asked whether there is anything new
