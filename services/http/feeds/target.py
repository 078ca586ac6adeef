"""Which document a URL's path means. Pure.

| path | document |
|---|---|
| /feeds/{address}.{format} | the subscription document |
| /feeds/{address}/archive/{generation}/{first}-{last}.{format} | a sealed archive |
| /feeds/{address}/page/{cursor}.{format} | a page of a search feed |
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from services.syndicate.formats import FORMATS

PREFIX = b"/feeds/"
_PAGE = re.compile(r"(?P<address>.+?)/(?P<page>archive/[0-9]+/[0-9]+-[0-9]+|page/[^/]+)")
_HISTORY = frozenset({b"since", b"wait", b"limit", b"cursor"})


class Target(NamedTuple):
    """A document's place: the feed's address, the format, the page ("" is the subscription document)."""

    address: str
    format: str
    page: str = ""


def parse(path: str) -> Target | None:
    """Read a path (decoded, without query). None: it names no document of ours."""
    rest = path.removeprefix("/feeds/")
    whole, dot, extension = rest.rpartition(".")
    if rest is path or not dot or not whole or extension not in FORMATS:
        return None
    match = _PAGE.fullmatch(whole)
    return Target(match["address"], extension, match["page"]) if match else Target(whole, extension)


def parse_raw(path: bytes) -> Target | None:
    """Read a path as it stands in the request, percent-encoded."""
    try:
        return parse(unquote(path.decode("ascii")))
    except UnicodeDecodeError:
        return None


def asks_history(query: bytes) -> bool:
    """Whether the query asks for more than the document; all other parameters are ignored."""
    return any(part.partition(b"=")[0] in _HISTORY for part in query.split(b"&")) if query else False
