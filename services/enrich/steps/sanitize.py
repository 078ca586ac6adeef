"""sanitize: the allow-list, and the last writer of HTML. Cannot be off.

nh3 (ammonia) with the elements that newsrooms use; no style, class, id, form, script, svg or math.
`srcset` is judged here too, as nh3 does not. HTML that is too large or too deep is not parsed at all
(20,000 nested `div` take a parser a second): its text is kept as paragraphs.
"""

import re
from dataclasses import replace
from functools import cache

import nh3

from services.enrich.draft import MAX_TEXT, Draft
from services.enrich.steps.step import Step
from services.text.addresses import absolute, srcset
from services.text.characters import clean
from services.text.markup import Block, blocks_of, oversize, paragraphs, to_html, without_markup

_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"lang", "dir", "title"},
    "a": {"href", "hreflang", "type"},
    "abbr": set(),
    "audio": {"src", "controls", "preload", "loop", "muted"},
    "b": set(),
    "bdi": set(),
    "bdo": set(),
    "blockquote": {"cite"},
    "br": set(),
    "caption": set(),
    "cite": set(),
    "code": set(),
    "col": {"span"},
    "colgroup": {"span"},
    "dd": set(),
    "del": {"cite", "datetime"},
    "details": {"open"},
    "dfn": set(),
    "div": set(),
    "dl": set(),
    "dt": set(),
    "em": set(),
    "figcaption": set(),
    "figure": set(),
    "h1": set(),
    "h2": set(),
    "h3": set(),
    "h4": set(),
    "h5": set(),
    "h6": set(),
    "hr": set(),
    "i": set(),
    "iframe": {"src", "width", "height", "allowfullscreen", "loading"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height", "loading", "decoding"},
    "ins": {"cite", "datetime"},
    "kbd": set(),
    "li": {"value"},
    "mark": set(),
    "ol": {"start", "reversed", "type"},
    "p": set(),
    "picture": set(),
    "pre": set(),
    "q": {"cite"},
    "rp": set(),
    "rt": set(),
    "ruby": set(),
    "s": set(),
    "samp": set(),
    "small": set(),
    "source": {"src", "srcset", "sizes", "type", "media", "width", "height"},
    "span": set(),
    "strong": set(),
    "sub": set(),
    "summary": set(),
    "sup": set(),
    "table": set(),
    "tbody": set(),
    "td": {"colspan", "rowspan", "headers"},
    "tfoot": set(),
    "th": {"colspan", "rowspan", "scope", "headers"},
    "thead": set(),
    "time": {"datetime"},
    "tr": set(),
    "track": {"src", "kind", "srclang", "label"},
    "u": set(),
    "ul": set(),
    "var": set(),
    "video": {"src", "poster", "width", "height", "controls", "preload", "loop", "muted"},
    "wbr": set(),
}
_EMPTIED = {
    "script",
    "style",
    "template",
    "noscript",
    "svg",
    "math",
    "object",
    "embed",
    "applet",
    "head",
    "title",
    "textarea",
    "select",
    "button",
}
_ADDRESSES = {"srcset": srcset, "poster": absolute, "cite": absolute}
_FRAMES = re.compile(
    r"https://(?:www\.youtube(?:-nocookie)?\.com/embed/|player\.vimeo\.com/video/|www\.dailymotion\.com/embed/|"
    r"geo\.dailymotion\.com/|player\.twitch\.tv/|open\.spotify\.com/embed|w\.soundcloud\.com/player/|"
    r"bandcamp\.com/EmbeddedPlayer/|www\.openstreetmap\.org/export/embed|embed\.podcasts\.apple\.com/|"
    r"archive\.org/embed/|rutube\.ru/play/embed/|player\.bilibili\.com/player)"
)
# Values that HTML allows: `600px` means a whole number too, `100%` none.
_SIZE = re.compile(r"\s*([0-9]{1,9})(?:px)?\s*", re.ASCII)
_SPAN = re.compile(r"\s*([1-9][0-9]{0,2})\s*", re.ASCII)
_ORDINAL = re.compile(r"\s*(-?[0-9]{1,9})\s*", re.ASCII)
_FITTING = {
    "width": _SIZE,
    "height": _SIZE,
    "colspan": _SPAN,
    "rowspan": _SPAN,
    "span": _SPAN,
    "start": _ORDINAL,
    "value": _ORDINAL,
    "dir": re.compile("(ltr|rtl|auto)", re.IGNORECASE),
}
_URL = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=|-]|%[0-9A-Fa-f]{2})*")
# What the cleaner writes: values in double quotes, never a bare one in text.
_EMPTY = re.compile(r'<(img|source|track)((?> [a-z-]+="[^"]*+")*+)>')
_ANCHOR = re.compile(r'<a((?> (?!rel=)[a-z-]+="[^"]*+")*+) rel="noopener noreferrer">')
_FRAME = re.compile(r'(<iframe(?>[^>"]|"[^"]*+")*+>).*?</iframe>', re.DOTALL)


def run(draft: Draft) -> Draft:
    """Write `body_html`, and read from it the blocks that the later steps describe."""
    html = sanitized(_source(draft))
    blocks = tuple(blocks_of(html))
    return replace(draft, body_html=html, blocks=blocks, text=_text(blocks))


def _source(draft: Draft) -> str:
    """Return the HTML to judge: prepared, rendered, as it was stated, or made of plain text."""
    if draft.prepared_html is not None:
        html = draft.prepared_html
    elif draft.stated_html is not None:
        html = draft.stated_html
    elif draft.rendered_html is not None:
        return draft.rendered_html
    else:
        return _plain(draft.stated_text or "")
    return html if oversize(html) is None else _plain(without_markup(html))


def _plain(text: str) -> str:
    return to_html([Block("p", part) for part in paragraphs(text)])


def sanitized(html: str) -> str:
    """HTML that is safe to show, balanced, with absolute http(s) addresses only, NFC and XML-safe."""
    if not html:
        return ""
    once = _framed(_cleaner().clean(html))
    safe = clean(once, "html")  # a character reference may have smuggled one in
    if safe.text == once:
        return once
    return clean(_framed(_cleaner().clean(safe.text)), "html").text.strip()


def _framed(html: str) -> str:
    """Drop what lost its address: frames (and what stood inside the others), pictures, sources; links keep no `rel`."""
    html = _EMPTY.sub(lambda tag: tag[0] if ' src="' in tag[2] or ' srcset="' in tag[2] else "", html)
    html = _ANCHOR.sub(lambda tag: tag[0] if ' href="' in tag[1] else f"<a{tag[1]}>", html)
    if "<iframe" in html:
        html = _FRAME.sub(lambda frame: f"{frame[1]}</iframe>" if ' src="' in frame[1] else "", html)
    return html.strip()


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_ATTRIBUTES) - {"*"},
        clean_content_tags=_EMPTIED,
        attributes={name: allowed for name, allowed in _ATTRIBUTES.items() if allowed},
        attribute_filter=_judged,
        url_schemes={"http", "https", "mailto", "tel"},
        url_relative="deny",
        link_rel="noopener noreferrer",
        strip_comments=True,
    )


def _judged(tag: str, name: str, value: str) -> str | None:
    if name in _FITTING:
        return _fitting(name, value)
    if name in _ADDRESSES:
        return _ADDRESSES[name](value)
    if name == "src":
        if tag == "iframe" and _FRAMES.match(value) is None:
            return None
        return _ascii(value) if value[:4].lower() == "http" else None
    if name == "href" and value[:4].lower() == "http":
        return _ascii(value)
    return value


def _fitting(name: str, value: str) -> str | None:
    found = _FITTING[name].fullmatch(value)
    return found[1] if found else None


def _ascii(value: str) -> str | None:
    """Leave an address that is ASCII as it stands; html_prepass, which sees to it, may be off (RFC 3987 §3.1)."""
    return value if _URL.fullmatch(value) else absolute(value)


def _text(blocks: tuple[Block, ...]) -> str:
    text = "\n".join(block.text for block in blocks if block.kind != "caption")
    if len(text) * 4 <= MAX_TEXT:
        return text
    raw = text.encode()
    return text if len(raw) <= MAX_TEXT else raw[:MAX_TEXT].decode(errors="ignore")


STEP = Step(
    name="sanitize",
    version=1,
    says="HTML by allow-list; the last that writes it",
    writes=frozenset({"body_html", "blocks", "text"}),
    run=run,
    always_on=True,
)
