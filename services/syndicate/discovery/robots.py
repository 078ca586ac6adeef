"""robots.txt (RFC 9309), security.txt (RFC 9116) and the API catalog (RFC 9727)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from services.syndicate.formats.text import rfc3339

TEXT = "text/plain; charset=utf-8"
LINKSET = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
_CLOSED = ("/v1/", "/private/", "/stream", "/hub", "/console", "/docs", "/metrics", "/openapi.json", "/asyncapi.json")
_VALID_MONTHS = 6


def robots(base_url: str, own: str | None = None) -> bytes:
    """Say what robots may read: the feeds, articles and their pages; not the API.

    What must not be indexed but may be read (search feeds, private ones) says so itself, by `X-Robots-Tag`:
    a robot that may not fetch it would never learn. `own` replaces the rules, and keeps its own `Sitemap:` lines.
    """
    sitemap = f"Sitemap: {base_url}/news-sitemap.xml"
    rules = "\n".join(["User-agent: *", *(f"Disallow: {path}" for path in _CLOSED), "Allow: /"])
    text = rules if own is None else own.replace("\\n", "\n").strip()
    if not any(line.strip().lower().startswith("sitemap:") for line in text.splitlines()):
        text = f"{text}\n\n{sitemap}"
    return f"{text}\n".encode()


def security(base_url: str, contacts: Sequence[str], now: datetime) -> bytes:
    """Say whom to tell of a weakness (RFC 9116 §2.5). `Expires` is the first of the month, half a year ahead.

    So the file changes once a month and is never stale while we run; the RFC advises less than a year.
    """
    month = now.month - 1 + _VALID_MONTHS
    expires = now.replace(
        year=now.year + month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    lines = [
        *(f"Contact: {contact}" for contact in contacts),
        f"Expires: {rfc3339(expires)}",
        f"Canonical: {base_url}/.well-known/security.txt",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def api_catalog(base_url: str) -> bytes:
    """List our APIs and their descriptions as a linkset (RFC 9264 §4.2)."""
    catalog: Mapping[str, Any] = {
        "linkset": [
            {
                "anchor": f"{base_url}/.well-known/api-catalog",
                "item": [
                    {"href": f"{base_url}/v1/articles"},
                    {"href": f"{base_url}/feeds.opml", "type": "text/x-opml"},
                ],
            },
            {
                "anchor": f"{base_url}/v1/articles",
                "service-desc": [
                    {"href": f"{base_url}/openapi.json", "type": "application/json"},
                    {"href": f"{base_url}/asyncapi.json", "type": "application/json"},
                ],
                "service-doc": [{"href": f"{base_url}/docs", "type": "text/html"}],
                "status": [{"href": f"{base_url}/healthz", "type": "application/json"}],
            },
        ]
    }
    return orjson.dumps(catalog, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
