"""A story's HTML, fitted into our page: what the sanitiser wrote, changed tag by tag. Pure.

Its headings go below the page's own, recordings get controls, pictures load when they are near and never go
without alternative text, and a frame of another site becomes a link to it: nothing of theirs runs here.
"""

import re
from html import escape, unescape

from markupsafe import Markup

from schemas.feed import Entry
from services.http.pages.words import host, web

# nh3 writes every attribute in double quotes and escapes every other "<": reading tag after tag from the
# left can neither begin inside a quoted value nor inside text.
_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:[^<>"]|"[^"]*")*)>')
_FRAME = re.compile(r'<iframe((?:[^<>"]|"[^"]*")*)>[^<]*</iframe>')
_SOURCE = re.compile(r'\ssrc="([^"]*)"')
_ANY_TAG = re.compile(r'<[^<>"]*(?:"[^"]*"[^<>"]*)*>')
_SCROLLS = '<div class="scrolls" tabindex="0" role="region" aria-label="Table">'
_SPACE = re.compile(r"\s+")


def readable(html: str) -> Markup:
    """Fit sanitised HTML; the result needs no further escaping."""
    return Markup(_TAG.sub(_fitted, _FRAME.sub(_linked, html)))  # noqa: S704 - the sanitiser was its last writer


def _linked(match: re.Match[str]) -> str:
    found = _SOURCE.search(match[1])
    if found is None or not (url := web(unescape(found[1]))):
        return ""
    return (
        f'<p><a href="{escape(url)}" rel="noopener noreferrer">Open the embedded content at {escape(host(url))}</a></p>'
    )


def _fitted(match: re.Match[str]) -> str:
    closing, name, attributes = match.groups()
    if re.fullmatch("h[1-6]", name):
        return f"<{closing}h{min(int(name[1]) + 1, 6)}{attributes}>"
    if name == "table":  # a wide one scrolls by itself, with the keyboard too
        return f"{match[0]}</div>" if closing else f"{_SCROLLS}{match[0]}"
    if closing or name not in {"img", "audio", "video"}:
        return match[0]
    wanted = {"loading": "lazy"} | ({} if re.search(r"\salt(?==|\s|$)", attributes) else {"alt": ""})
    if name != "img":
        wanted = {"controls": "", "preload": "none"}
    more = "".join(f' {key}="{value}"' for key, value in wanted.items() if f" {key}=" not in attributes)
    return f"<{name}{attributes}{more}>"


def plain(html: str) -> str:
    """Leave only the words."""
    return _SPACE.sub(" ", unescape(_ANY_TAG.sub(" ", html))).strip()


def standfirst(entry: Entry) -> str:
    """Return the summary, unless it only repeats how the story begins."""
    summary = _SPACE.sub(" ", entry.summary).strip()
    begins = summary.rstrip("….").rstrip()[:80]
    return "" if plain(entry.content_html).startswith(begins) else summary


def shows_lead_picture(entry: Entry) -> bool:
    """Whether the first picture belongs above the text: not if the text has it."""
    return bool(entry.images) and escape(entry.images[0].url) not in entry.content_html
