"""HTML as readers show it: rules 3, 6, 7, 8, 9 and 32 over a body. Pure.

A tokenizer of its own, strict where browsers forgive: what it does not understand is a fault. A body is
judged once, though every format carries it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from html import unescape

from services.syndicate.rules.fault import Fault, short
from services.syndicate.rules.values import cut_reference, not_plain, wrong_address

_ATTRIBUTE = r"[^\s\"'<>/=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?"
_TAG = re.compile(rf"(/?)([A-Za-z][A-Za-z0-9-]*)((?>\s+{_ATTRIBUTE})*+)\s*/?>")
_TAGS = re.compile(f"<{_TAG.pattern}")
_PLAIN = frozenset(
    [
        "a",
        "p",
        "b",
        "i",
        "em",
        "strong",
        "br",
        "img",
        "figure",
        "figcaption",
        "li",
        "ul",
        "ol",
        "h2",
        "h3",
        "blockquote",
        "div",
        "span",
    ]
)
_EACH = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+)))?")
_LOOSE = re.compile(r"&(?!(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_FORBIDDEN = frozenset(
    [
        "script",
        "style",
        "object",
        "embed",
        "applet",
        "base",
        "basefont",
        "frame",
        "frameset",
        "form",
        "input",
        "button",
        "select",
        "textarea",
        "link",
        "meta",
        "svg",
        "math",
        "template",
        "noscript",
        "plaintext",
        "xmp",
        "title",
        "head",
        "body",
        "html",
        "portal",
    ]
)
_ADDRESSES = frozenset({"href", "src", "poster", "cite", "data", "action", "formaction", "background", "longdesc"})
_LINKS = re.compile(r"(?:mailto|tel):[^\s]+", re.IGNORECASE)
_SCRIPT = re.compile(
    r"[\x00-\x20]*(?:java|vb|live)script[\x00-\x20]*:|[\x00-\x20]*data\s*:[^,]*(?:html|svg|xml|script)", re.IGNORECASE
)
_SRCSET = re.compile(r"\s*([^\s,]\S*[^\s,])(?:\s+(?:\d+(?:\.\d+)?[wxh]))*\s*(?:,|$)")
_FRAMES = frozenset(
    [
        "youtube.com",
        "www.youtube.com",
        "youtube-nocookie.com",
        "www.youtube-nocookie.com",
        "player.vimeo.com",
        "www.dailymotion.com",
        "geo.dailymotion.com",
        "player.twitch.tv",
        "open.spotify.com",
        "w.soundcloud.com",
        "bandcamp.com",
        "www.openstreetmap.org",
        "embed.podcasts.apple.com",
        "archive.org",
        "rutube.ru",
        "player.bilibili.com",
    ]
)
_RTL_LANGUAGE = re.compile(r"(?:ar|arc|ckb|dv|fa|he|iw|nqo|ps|sd|syr|ug|ur|yi|ji)(?:-|$)", re.IGNORECASE)
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTER = re.compile(r"[^\W\d_]")


@lru_cache(maxsize=8)
def judge_html(html: str) -> tuple[Fault, ...]:
    """Put every rule about HTML to one body."""
    found = list(_tags(html))
    if (why := cut_reference(html)) is not None:
        found.append(Fault(6, "", why))
    elif (at := _loose(html)) is not None:
        found.append(Fault(3, "", f"an & that is not escaped: {short(html[at : at + 20])}"))
    if (why := not_plain(html)) is not None:
        found.append(Fault(32, "", why))
    return tuple(found)


def images(html: str) -> Iterator[str]:
    """List the addresses of the pictures in a body."""
    at = html.find("<img")
    while at >= 0:
        if (tag := _TAG.match(html, at + 1)) is not None:
            yield from (unescape(value) for name, value in _attributes(tag[3]) if name == "src")
        at = html.find("<img", at + 4)


def lacks_rtl_block(html: str, lang: str) -> bool:
    """Rule 32: whether a text in a right-to-left language, and mostly so written, stands in no `dir="rtl"`."""
    if _RTL_LANGUAGE.match(lang) is None or 'dir="rtl"' in html[:400]:
        return False
    text = re.sub(r"<[^>]*>", " ", html)
    letters = len(_LETTER.findall(text))
    return letters >= 20 and len(_RTL.findall(text)) > letters * 0.6


def _loose(html: str) -> int | None:
    """Find a bare & in text. An attribute's value may hold one (`?a=1&b=2`; HTML §13.2.5.73)."""
    for found in _LOOSE.finditer(html):
        opened = html.rfind("<", 0, found.start())
        tag = _TAG.match(html, opened + 1) if opened >= 0 else None
        if tag is None or tag.end() <= found.start():
            return found.start()
    return None


def _tags(html: str) -> Iterator[Fault]:
    stack: list[str] = []
    found = _TAGS.findall(html)
    opened = html.count("<")
    for closing, written, attributes in found:
        name = written if written in _PLAIN else written.lower()
        if attributes:
            opened -= attributes.count("<")
            yield from _judge_attributes(name, attributes)
        if closing:
            if not stack or stack.pop() != name:
                yield Fault(7, f"</{name}>", "closes nothing that is open")
                return
        elif name in _FORBIDDEN:
            yield Fault(7, f"<{name}>", "is not allowed in a feed")
            return
        elif name not in _VOID:
            stack.append(name)
    if opened != len(found):
        yield Fault(7, "", f"a < that begins no tag: {_stray(html)}")
    elif stack:
        yield Fault(7, f"<{stack[-1]}>", "is never closed")


def _stray(html: str) -> str:
    at = html.find("<")
    while at >= 0 and (tag := _TAG.match(html, at + 1)) is not None:
        at = html.find("<", tag.end())
    return short(html[at : at + 20])


def _attributes(raw: str) -> Iterator[tuple[str, str]]:
    for name, double, single, bare in _EACH.findall(raw):
        yield name.lower(), double or single or bare


def _judge_attributes(tag: str, raw: str) -> Iterator[Fault]:
    for name, escaped in _attributes(raw):
        if name in _ADDRESSES:
            yield from _address(f"<{tag} {name}>", tag, unescape(escaped) if "&" in escaped else escaped)
        elif name == "srcset":
            yield from _srcset(f"<{tag} {name}>", unescape(escaped))
        elif name in {"style", "srcdoc"} or name.startswith("on"):
            yield Fault(7, f"<{tag} {name}>", "is not allowed in a feed")


def _address(where: str, tag: str, value: str) -> Iterator[Fault]:
    if _SCRIPT.match(value):
        yield Fault(7, where, f"runs a script: {short(value)}")
        return
    if tag in {"a", "area"} and _LINKS.fullmatch(value):
        return
    if (wrong := wrong_address(value)) is not None:
        yield Fault(wrong[0], where, f"{short(value)} {wrong[1]}")
    elif tag == "iframe" and (not value.startswith("https://") or value.split("/")[2].lower() not in _FRAMES):
        yield Fault(7, where, f"{short(value)} is not on the list of frames")


def _srcset(where: str, value: str) -> Iterator[Fault]:
    at = 0
    while at < len(value):
        candidate = _SRCSET.match(value, at)
        if candidate is None:
            yield Fault(8, where, f"{short(value)} is no srcset")
            return
        if (wrong := wrong_address(candidate[1])) is not None:
            yield Fault(wrong[0], where, f"{short(candidate[1])} {wrong[1]}")
        at = candidate.end()
