"""Text as a feed may hold it: the last check before a serializer. Pure.

Ingest has cleaned everything already; what still turns up here is mended rather than left to fail
a whole document (reference: XML 1.0 §2.2 `Char`, UAX #9, RFC 3339, RFC 822).
"""

import re
import unicodedata
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape

_C0 = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])
_C1_BYTES = re.compile(rb"\xc2[\x80-\x9f]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_C1 = re.compile("[\x80-\x9f]")
_BREAKS = re.compile("[ \t\r\n]+")
_EMBEDDINGS = re.compile("[\u202a-\u202e]")
_ISOLATES = re.compile("[\u2066-\u2069]")
# RFC 2822 §3.4.1, without quoted and literal parts, and with a dot: a host name alone leads no reader anywhere.
_ADDR_SPEC = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9][a-z0-9-]*",
    re.ASCII | re.IGNORECASE,
)
_MARKUP = re.compile(r"</\w|&#?\w+;")
# Blocks of right-to-left scripts: a quick look, before each character is asked.
_LEFTWARDS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")
_STRONG = {"L": "ltr", "R": "rtl", "AL": "rtl"}
_MARKS = {"ltr": "\u200e", "rtl": "\u200f"}
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"


def _cp1252(match: re.Match[str]) -> str:
    # What was meant by a C1 control is nearly always the Windows character of that number.
    return match[0].encode("latin-1").decode("cp1252", "ignore")


def _fit(text: str) -> bool:
    """Look at the bytes: ten times as fast as the patterns over the characters, and nearly all text is fit."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return False
    if len(raw.translate(None, _C0)) != len(raw):
        return False
    if len(raw) == len(text):
        return True
    return "\ufffe" not in text and "\uffff" not in text and (b"\xc2" not in raw or _C1_BYTES.search(raw) is None)


def xml_text(text: str) -> str:
    """Drop the characters that XML 1.0 forbids; C1 controls become their cp1252 characters."""
    return text if _fit(text) else _FORBIDDEN.sub("", _C1.sub(_cp1252, text))


def line(text: str) -> str:
    """One line for a title or a name: no breaks, no bidi embeddings or overrides, isolates in pairs only."""
    if text.isprintable() and "  " not in text:  # bidi controls are not printable
        return text.strip()
    text = _EMBEDDINGS.sub("", _BREAKS.sub(" ", xml_text(text))).strip()
    if _ISOLATES.search(text) is None:
        return text
    kept = list(text)
    opened: list[int] = []
    for at, char in enumerate(text):
        if char in "\u2066\u2067\u2068":
            opened.append(at)
        elif char == POP_ISOLATE:
            if opened:
                opened.pop()
            else:
                kept[at] = ""
    for at in opened:
        kept[at] = ""
    return "".join(kept)


def as_html(text: str) -> str:
    """Plain text where HTML is expected: escaped once."""
    return escape(text, quote=False)


def addr_spec(text: str | None) -> str | None:
    """Give an e-mail address as feeds may hold it (RFC 4287 §3.2.3); what publishers write instead is none."""
    return text if text and _ADDR_SPEC.fullmatch(text) else None


def looks_like_html(text: str) -> bool:
    """Whether a reader might take the plain text for HTML: it holds an end tag or a reference."""
    return _MARKUP.search(text) is not None


def markup(text: str) -> str:
    """Text as an XML element holds it, as lxml writes it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def quoted(text: str) -> str:
    """Text as a double-quoted XML attribute holds it."""
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        if text.isprintable()
        else escape(" ".join(text.split()))
    )


def isolated(text: str, direction: str) -> str:
    """Isolate a title in which directions mix, so that it reads in its own amid text of the other (UAX #9 §2.4).

    A first-strong isolate, with a mark where the first strong character misleads. Other titles stay as they are.
    """
    if text.isascii() or _LEFTWARDS.search(text) is None:
        return text
    strong = [side for char in text if (side := _STRONG.get(unicodedata.bidirectional(char)))]
    if len(set(strong)) < len(_MARKS):
        return text
    mark = "" if strong[0] == direction else _MARKS[direction]
    return f"{FIRST_STRONG_ISOLATE}{mark}{text}{POP_ISOLATE}"


def has_leftwards(text: str) -> bool:
    """Whether the text has characters of a right-to-left script."""
    return not text.isascii() and _LEFTWARDS.search(text) is not None


@lru_cache(maxsize=1_024)
def rfc3339(moment: datetime) -> str:
    """Whole seconds, UTC, `Z` (RFC 3339)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1_024)
def rfc822(moment: datetime) -> str:
    """`Tue, 03 Nov 2026 08:15:00 GMT`: English in every locale (RFC 822 as amended by RFC 1123).

    Not feedgen's function, which flips the process-wide locale with every date and is not thread-safe.
    """
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
