"""Redis addresses. Pure."""

from urllib.parse import parse_qsl, urlencode, urlsplit


def resp2(url: str) -> str:
    """Return the address with RESP2 asked for, whatever it asked for.

    redis-py's own default has become RESP3, and the framework's stream readers lose entries on its replies.
    """
    base = url.partition("?")[0]
    options = [(key, value) for key, value in parse_qsl(urlsplit(url).query) if key != "protocol"]
    return f"{base}?{urlencode([*options, ('protocol', '2')])}"
