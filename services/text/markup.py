"""HTML as text: its depth before anything parses it, and the blocks of what the sanitiser wrote. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from html import escape, unescape
from typing import Literal, NamedTuple

from services.text.listed import listed

MAX_BYTES = 512 * 1024
MAX_DEPTH = 64

Kind = Literal["p", "h2", "ul", "caption"]


class Block(NamedTuple):
    """A paragraph, subhead, list or caption as plain text. Only a list has `items`; its text joins them by LF."""

    kind: Kind
    text: str
    items: tuple[str, ...] = ()


_ATTRIBUTES = r"""(?>[\s/]+|=?[^\s/>=]+(?>\s*=\s*(?>"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>]*+))?+|=)*+"""
_RAW = "script|style|textarea|title|xmp|noembed|noframes|iframe|plaintext"
_TOKEN = re.compile(
    rf"""<!--(?>-?>|.*?(?:--!?>|\Z))"""
    rf"""|<(?:[!?]|/(?![a-z]))[^>]*+"""
    rf"""|<(?P<raw>{_RAW})(?=[\s/>]){_ATTRIBUTES}>?(?P<inside>.*?)(?:</(?P=raw)(?=[\s/>])|\Z)"""
    rf"""|<(?P<closing>/?)(?P<name>[a-z][^\s/>]*+){_ATTRIBUTES}""",
    re.DOTALL | re.IGNORECASE,
)
_OPENER = re.compile("<[a-z]", re.IGNORECASE)
_ESCAPED_SCRIPT = re.compile("<!--.*?<script", re.DOTALL | re.IGNORECASE)
_FOREIGN = re.compile("<(?:svg|math)", re.IGNORECASE)
# Void, or closed by the next of their kind: these never nest by themselves.
_FLAT = listed(
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th thead tbody tfoot option "
    "optgroup rt rp rb rtc colgroup caption html head body"
)


def depth(html: str, limit: int = MAX_DEPTH) -> int:
    """How deep a parser may have to nest; an upper bound, in one pass. Stops one above `limit`.

    Parsers are quadratic in depth: 20,000 nested `div` take a second. Tokens are those of HTML §13.2.5, as
    an end tag inside a comment, a value or a script closes nothing.
    """
    opened: Counter[str] = Counter()
    foreign = _FOREIGN.search(html) is not None
    now = deepest = 0
    for match in _TOKEN.finditer(html):
        if match["raw"] is not None:
            now += _hidden(match["inside"], foreign=foreign)
            deepest = max(deepest, now + 1)
        elif match["name"] is None or (name := match["name"].lower()) in _FLAT:
            continue
        elif not match["closing"]:
            opened[name] += 1
            now += 1
        elif opened[name]:
            opened[name] -= 1
            now -= 1
        deepest = max(deepest, now)
        if deepest > limit:
            return limit + 1
    return deepest


def _hidden(inside: str, *, foreign: bool) -> int:
    """Count what a raw element may nest after all: `<title>` in SVG holds markup, and `<!-- <script` hides its end."""
    if _ESCAPED_SCRIPT.search(inside) is not None:
        return MAX_BYTES
    return len(_OPENER.findall(inside)) if foreign else 0


def oversize(html: str) -> str | None:
    """Why this must not be parsed: "more than 512 KB" or "nested deeper than 64"; None: it may."""
    if len(html) > MAX_BYTES or (len(html) * 4 > MAX_BYTES and len(html.encode("utf-8", "surrogatepass")) > MAX_BYTES):
        return f"more than {MAX_BYTES // 1024} KB"
    return f"nested deeper than {MAX_DEPTH}" if depth(html) > MAX_DEPTH else None


_STRIP = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|noscript|svg|math|iframe|object|head)\b.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# Every piece ends at the next "<", so a flood of open tags stays linear.
_ANY_TAG = re.compile(r"""</?([a-zA-Z][^\s/><]*+)(?>[^<>"']|"[^"<]*+"|'[^'<]*+')*+>|<[a-zA-Z/!?][^<>]*+>?""")


def without_markup(html: str) -> str:
    """Return the text of HTML that must not be parsed, paragraphs parted by an empty line. Never markup again: escape it."""
    html = _STRIP.sub(" ", html)
    parted = _ANY_TAG.sub(lambda tag: "" if (tag[1] or "").lower() in _INLINE else "\n\n", html)
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", unescape(parted)).strip()


def paragraphs(text: str) -> list[str]:
    """Plain text cut at empty lines."""
    return [part.strip() for part in re.split(r"\n[ \t]*\n\s*", text) if part.strip()]


def to_html(blocks: Sequence[Block]) -> str:
    """Blocks as HTML; a line end inside a paragraph is a `<br>`."""
    return "\n".join(_element(block) for block in blocks)


def _element(block: Block) -> str:
    if block.kind == "ul":
        return "<ul>" + "".join(f"<li>{escape(item, quote=False)}</li>" for item in block.items) + "</ul>"
    tag = "h2" if block.kind == "h2" else "p"
    return f"<{tag}>{escape(block.text, quote=False).replace(chr(10), '<br>')}</{tag}>"


# What the sanitiser writes: lower-case names, every value in double quotes.
_TAG = re.compile(r"""<(/?)([a-z0-9]++)(?>[^>"]|"[^"]*+")*+>""")
_INLINE = listed(
    "a abbr acronym b bdi bdo cite code del dfn em i ins kbd mark q s samp small span strike strong sub sup time tt u "
    "var wbr ruby rb font label data"
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNSPOKEN = frozenset({"rt", "rp", "audio", "video", "iframe"})  # ruby glosses repeat their base; fallbacks never show
_SPACES = re.compile(r"[ \t\r\n\f]+")


def blocks_of(html: str) -> list[Block]:
    """Return the blocks of sanitised HTML, in order, without empty ones."""
    reader = _Reader()
    place = 0
    for tag in _TAG.finditer(html):
        reader.text(html[place : tag.start()])
        reader.tag(tag[2], closing=bool(tag[1]))
        place = tag.end()
    reader.text(html[place:])
    reader.end()
    return reader.blocks


class _Reader:
    """Collects text until a block ends."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._parts: list[str] = []
        self._kind: Kind = "p"
        self._items: list[str] | None = None
        self._lists = 0
        self._silent = 0

    def text(self, raw: str) -> None:
        if raw and not self._silent:
            self._parts.append(raw)

    def tag(self, name: str, *, closing: bool) -> None:
        if name in _UNSPOKEN:
            self._silent = max(0, self._silent + (-1 if closing else 1))
        if name in _INLINE or name in _UNSPOKEN:
            return
        if name in ("br", "td", "th"):
            self._parts.append("\v" if name == "br" else " ")  # no clean text holds a vertical tab
            return
        self.flush()
        if name in ("ul", "ol"):
            self._lists += -1 if closing else 1
            if not closing and self._lists == 1:
                self._items = []
            elif closing and self._lists <= 0:
                self._end_list()
        elif name in _HEADINGS:
            self._kind = "p" if closing else "h2"
        elif name == "figcaption":
            self._kind = "p" if closing else "caption"

    def flush(self) -> None:
        if not self._parts:
            return
        lines = (_SPACES.sub(" ", unescape(line)).strip(" ") for line in "".join(self._parts).split("\v"))
        text = "\n".join(line for line in lines if line)
        self._parts.clear()
        if not text:
            return
        if self._items is not None:
            self._items.append(text.replace("\n", " "))
        else:
            self.blocks.append(Block(self._kind, text))

    def end(self) -> None:
        self.flush()
        self._end_list()

    def _end_list(self) -> None:
        items, self._items, self._lists = tuple(self._items or ()), None, 0
        if items:
            self.blocks.append(Block("ul", "\n".join(items), items))
