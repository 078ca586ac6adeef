"""html_prepass: what a sanitiser cannot see. Absolute links, no pixels, lazy pictures shown, trackers gone.

The sanitiser judges one attribute at a time: it can drop neither a 1×1 image nor an element that is
hidden, and it does not know `srcset`. So this goes over the tree first, and it always runs last.
"""

import re
from dataclasses import replace

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.addresses import absolute, publishable, srcset
from services.text.markup import oversize

_DROPPED = (
    "script, style, template, noscript, object, embed, applet, form, input, button, select, textarea, svg, math, link, "
    "meta, base, dialog, [hidden], [aria-hidden=true]:empty"
)
_STYLED = "[style]"
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LAZY = ("data-src", "data-lazy-src", "data-original", "data-url")
_TRACKER_HOSTS = re.compile(
    r"https?://(?:[^/]*\.)?(?:doubleclick\.net|google-analytics\.com|googletagmanager\.com|facebook\.com/tr|pixel\.wp\.com|"
    r"feedburner\.com/~|feeds\.feedburner\.com/~|scorecardresearch\.com|quantserve\.com|pixel\.quantserve\.com|"
    r"stats\.wordpress\.com|b\.scorecardresearch\.com|adservice\.google\.[a-z.]+|ping\.chartbeat\.net|"
    r"sb\.scorecardresearch\.com|logs?\.[^/]+/pixel|mf\.gif|feedsportal\.com)",
    re.IGNORECASE,
)
_LINKS = "a[href], area[href]"
_MEDIA = "img, source, video, audio, track, iframe"


def run(draft: Draft) -> Draft:
    """Prepare the publisher's HTML. What is too large or too deep to parse is left to sanitize, which keeps its text."""
    if draft.stated_html is None or oversize(draft.stated_html) is not None:
        return draft
    base = publishable(draft.article.url or draft.article.canonical_url or "")
    tree = LexborHTMLParser(f"<!doctype html><body>{draft.stated_html}")
    body = tree.body
    if body is None:
        return draft
    for node in body.css(_DROPPED):
        node.decompose()
    for node in body.css(_STYLED):
        if _HIDDEN.search(node.attributes.get("style") or ""):
            node.decompose()
    for node in body.css(_LINKS):
        _link(node, base)
    for node in body.css(_MEDIA):
        _medium(node, base)
    return replace(draft, prepared_html=body.inner_html or "")


def _link(node: LexborNode, base: str | None) -> None:
    href = (node.attributes.get("href") or "").strip()
    if re.match(r"(?:mailto|tel):", href, re.IGNORECASE):
        return
    target = None if href.startswith("#") else publishable(href, base)
    if target is None:
        del node.attrs["href"]  # its words stay
    elif target != href:
        node.attrs["href"] = target


def _medium(node: LexborNode, base: str | None) -> None:
    given = node.attributes
    if node.tag == "img" and _is_pixel(given.get("width"), given.get("height")):
        node.decompose()
        return
    lazy = next((value for name in _LAZY if (value := given.get(name))), None)
    source = absolute(lazy or given.get("src") or "", base)
    if node.tag in ("img", "iframe") and (source is None or _TRACKER_HOSTS.match(source)) and not given.get("srcset"):
        node.decompose()
        return
    for name, value in (
        ("src", source),
        ("srcset", srcset(given.get("data-srcset") or given.get("srcset") or "", base)),
        ("poster", absolute(given.get("poster") or "", base)),
    ):
        if value is not None:
            if value != given.get(name):
                node.attrs[name] = value
        elif name in given:
            del node.attrs[name]


def _is_pixel(width: str | None, height: str | None) -> bool:
    return _small(width) and _small(height)


def _small(size: str | None) -> bool:
    return size is not None and re.fullmatch(r"\s*[01](?:px)?\s*", size) is not None


STEP = Step(
    name="html_prepass",
    version=1,
    says="absolute links without tracking; no pixels, hidden parts or tracker pictures; lazy pictures shown",
    writes=frozenset({"prepared_html"}),
    run=run,
)
