"""XML heads, written as text: what stands above fragments, and what is too small for a serializer.

Namespaces are declared at the root alone (RFC 7303 §3 and the reference's rule 10), exactly as registered.
"""

from collections.abc import Iterable, Mapping

from services.syndicate.formats.text import markup, quoted

DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"
ATOM = "http://www.w3.org/2005/Atom"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
RSS_NAMESPACES = {
    "atom": ATOM,
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fh": "http://purl.org/syndication/history/1.0",
    "media": "http://search.yahoo.com/mrss/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
}
ATOM_NAMESPACES = {prefix: RSS_NAMESPACES[prefix] for prefix in ("dc", "fh", "media")}


def declared(namespaces: Mapping[str, str]) -> str:
    """Write the declarations, each after a space."""
    return "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in namespaces.items())


def by_number(markup: bytes) -> bytes:
    """Refer to & and < by number, as RSS does in plain text (RSS Profile, character data)."""
    return markup.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")


def element(name: str, text: str | None) -> str:
    """Write an element with text; nothing for no text."""
    return f"<{name}>{markup(text)}</{name}>" if text else ""


def empty(name: str, **attributes: str | int | None) -> str:
    """Write an element without content; attributes that are None are left out."""
    said = "".join(f' {key}="{quoted(str(value))}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{said}/>"


def joined(head: str, fragments: Iterable[bytes], closing: bytes) -> bytes:
    """Fragments as they are between the head and the closing tags."""
    return b"".join((head.encode(), *fragments, closing))
