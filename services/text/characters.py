"""Characters: what XML, feeds and readers can bear. Everything taken out is counted by kind. Pure.

feedgen and lxml raise on a NUL, a lone surrogate or U+FFFE, so one bad article would break a whole feed:
this is not optional. ZWJ, ZWNJ, LRM and RLM stay (Persian and Indic words need them), and so do U+3000,
no-break spaces and curly quotes. XML 1.0 §2.2, reference: feeds.md rules 2 and 32.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Literal, NamedTuple

Form = Literal["text", "title", "html"]
"""`title`: one line, no bidi isolates. `html`: markup, whose `<`, `>` and `=` no accent may join."""

_NON_CHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
_KINDS: tuple[tuple[str, str], ...] = (
    ("control_characters", "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"),
    ("lone_surrogates", "\ud800-\udfff"),
    ("non_characters", _NON_CHARACTERS),
    ("invisible_characters", "\ufeff\u200b\u00ad\u2060"),  # marks of order and of line breaking carry no news
    ("bidi_controls", "\u202a-\u202e"),
)
_CLASSES = "|".join(f"(?P<{name}>[{chars}])" for name, chars in _KINDS)
_BAD = re.compile(_CLASSES)
_BAD_OR_ISOLATE = re.compile(_CLASSES + "|(?P<isolate>[\u2066-\u2069])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile("[ \t]*[\n\r\t\u2028\u2029][ \t\n\r\u2028\u2029]*")
_PARAGRAPH_END = re.compile("([\n\r\u2029])")
_MARKUP = re.compile("([<>=])")

# A look at the bytes is ten times as fast as the pattern above over the characters.
_C0 = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_SUSPECTS = tuple(
    re.compile(raw)
    for raw in (
        rb"\xc2[\x80-\x9f\xad]",
        rb"\xe2\x80[\x8b\xaa-\xae]",
        rb"\xe2\x81[\xa0\xa6-\xa9]",
        rb"\xef[\xb7\xbb]",
        rb"\xbf[\xbe\xbf]",
    )
)

_CP1252 = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}


class Cleaned(NamedTuple):
    """The text, and how many characters went or were mapped, by kind."""

    text: str
    dropped: Mapping[str, int]


def strip_forbidden(text: str) -> Cleaned:
    """Take out what no document may hold, and nothing else: no normal form, no line ends.

    C1 controls are what a cp1252 byte becomes in a careless decoder, so they are mapped back (0x92 → ’).
    Surrogates that form a pair are joined. A second run changes nothing.
    """
    return _stripped(text, keep_isolates=True)


def clean(text: str, form: Form = "text") -> Cleaned:
    """Make it NFC and XML-safe, with LF line ends; unpaired isolates go too. A second run changes nothing."""
    text, dropped = _stripped(text, keep_isolates=form != "title")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if form == "html" and "\u0338" in text:
        text = "".join(_markup_safe(part) for part in _MARKUP.split(text))
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if form == "title":
        text = _BREAKS.sub(" ", text).strip(" ")
    return Cleaned(text, dropped)


def _stripped(text: str, *, keep_isolates: bool) -> Cleaned:
    if not _suspect(text):
        return Cleaned(text, {})
    if _SURROGATE.search(text) is not None:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    counts: Counter[str] = Counter()
    if keep_isolates:
        text = _BAD.sub(partial(_taken, counts), text)
        if any(mark in text for mark in "\u2066\u2067\u2068\u2069"):
            text = "".join(_paired(part, counts) for part in _PARAGRAPH_END.split(text))
    else:
        text = _BAD_OR_ISOLATE.sub(partial(_taken, counts), text)
    return Cleaned(text, dict(counts))


def _suspect(text: str) -> bool:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return True
    return len(raw.translate(None, _C0)) != len(raw) or any(pattern.search(raw) for pattern in _SUSPECTS)


def _taken(counts: Counter[str], match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    counts["bidi_controls" if kind == "isolate" else kind] += 1
    return _CP1252.get(ord(match[0]), "")


def _paired(line: str, counts: Counter[str]) -> str:
    """Drop isolates without their partner in the same paragraph (UAX #9, BD9)."""
    opened: list[int] = []
    lone: set[int] = set()
    for place, char in enumerate(line):
        if char in "\u2066\u2067\u2068":
            opened.append(place)
        elif char == "\u2069":
            if opened:
                opened.pop()
            else:
                lone.add(place)
    lone.update(opened)
    if not lone:
        return line
    counts["bidi_controls"] += len(lone)
    return "".join(char for place, char in enumerate(line) if place not in lone)


def _markup_safe(part: str) -> str:
    """NFC would join ">" and U+0338 into "≯" and eat the end of a tag, so no part may begin with one."""
    return unicodedata.normalize("NFC", part).lstrip("\u0338")
