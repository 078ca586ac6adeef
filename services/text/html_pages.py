"""The story in a saved HTML page: by the page's own statements, then by density. Pure.

`<article>`, `<main>` or microdata name the story on most news pages; where none does, the element with
the most text outside links, for its size, is taken. Headline, site and the rest are read from Open Graph
and the document itself. A page nested too deep to parse gives its text alone.
"""

import re
from datetime import datetime
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.text.addresses import publishable
from services.text.language import canonical_tag
from services.text.lines import is_navigation, key
from services.text.markup import Block, depth, paragraphs, to_html, without_markup
from services.text.tokens import width

PAGE_DEPTH = 256  # a page is deeper than the story in it


class HtmlPage(NamedTuple):
    """What a page says. None: it does not. `body_html` is not sanitised; `text` is its words."""

    title: str | None
    body_html: str
    text: str
    site: str | None = None
    section: str | None = None
    lang: str | None = None
    canonical: str | None = None
    description: str | None = None
    authors: tuple[str, ...] = ()
    image: str | None = None
    published_at: str | None = None


_NOISE = (
    "script, style, noscript, template, svg, nav, header nav, footer, aside, form, button, dialog, iframe[src*=ads], "
    "[role=navigation], [role=banner], [role=contentinfo], [role=complementary], [role=search], [aria-hidden=true], "
    "[hidden], .advertisement, .ad, .ads, .share, .sharing, .social, .social-share, .related, .related-articles, "
    ".comments, #comments, .newsletter, .breadcrumb, .breadcrumbs, .cookie, .cookies, .sidebar, .tags, .paywall, .promo"
)
_STATED = (
    "[itemprop=articleBody]",
    "article [class*=article-body]",
    "article [class*=article__body]",
    "article [class*=story-body]",
    "[class*=entry-content]",
    "[class*=post-content]",
    "article",
    "[role=article]",
    "main",
    "[role=main]",
)
_TITLE_CUT = re.compile(r"\s+[|–—·»]\s+|\s+-\s+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_LEAST = 140  # width of text that a story has at least
_HEADLINES = "h1"


def read_page(html: str, url: str | None = None) -> HtmlPage:
    """Read a whole page. `url` is where it was saved from, for relative addresses."""
    if depth(html, PAGE_DEPTH) > PAGE_DEPTH:
        parts = paragraphs(without_markup(html))
        return HtmlPage(
            parts[0] if parts else None, to_html([Block("p", part) for part in parts[1:]]), "\n".join(parts)
        )
    tree = LexborHTMLParser(html)
    meta = _meta(tree)
    canonical = publishable(_href(tree, "link[rel=canonical]") or meta.get("og:url", ""), url)
    stated_title = meta.get("og:title") or meta.get("twitter:title")
    document_title = _words(tree.css_first("head title"))
    body = tree.body
    if body is None:
        return HtmlPage(stated_title or document_title, "", "")
    site, section = meta.get("og:site_name"), meta.get("article:section")
    lang = _language(tree, meta)
    for node in body.css(_NOISE):
        if node.tag != "body":
            node.decompose()
    story = _story(body)
    headline = _headline(story, body)
    title = headline or stated_title or _before_site(document_title, site) or document_title
    _without_headline(story, title)
    inner = (story.inner_html or "").strip()
    return HtmlPage(
        title=title,
        body_html=inner,
        text=_words(story) or "",
        site=site or _site_in(document_title, title),
        section=section,
        lang=lang,
        canonical=canonical,
        description=meta.get("og:description") or meta.get("description"),
        authors=tuple(name for name in (meta.get("author"),) if name and "://" not in name),
        image=publishable(meta.get("og:image", ""), url or canonical),
        published_at=_instant(meta.get("article:published_time")),
    )


def _meta(tree: LexborHTMLParser) -> dict[str, str]:
    """Read name or property of every meta element; the first of a name stands."""
    found: dict[str, str] = {}
    for node in tree.css("meta[content]"):
        given = node.attributes
        name = (given.get("property") or given.get("name") or "").strip().lower()
        value = " ".join((given.get("content") or "").split())
        if name and value:
            found.setdefault(name, value)
    return found


def _language(tree: LexborHTMLParser, meta: dict[str, str]) -> str | None:
    root = tree.css_first("html")
    stated = (root.attributes.get("lang") if root is not None else None) or meta.get("og:locale") or ""
    stated = stated.strip()
    return canonical_tag(stated) if _LANGUAGE.fullmatch(stated) and len(stated) <= 35 else None


def _instant(stated: str | None) -> str | None:
    """Keep a stated time only if it names its zone."""
    try:
        read = datetime.fromisoformat(stated or "")
    except ValueError:
        return None
    return read.isoformat() if read.tzinfo is not None else None


def _story(body: LexborNode) -> LexborNode:
    for selector in _STATED:
        found = max(body.css(selector), key=_weight, default=None)
        if found is not None and _weight(found) >= _LEAST:
            return found
    return _densest(body)


def _densest(body: LexborNode) -> LexborNode:
    """Find the element that holds most of the paragraphs' text by itself: its own children or one level below."""
    scores: dict[int, float] = {}
    nodes: dict[int, LexborNode] = {}
    for paragraph in body.css("p, pre, blockquote"):
        size = _weight(paragraph)
        if size < 25:
            continue
        share = 1.0
        node = paragraph.parent
        for _ in range(3):
            if node is None or node.tag in ("html", "-undef"):
                break
            nodes[node.mem_id] = node
            scores[node.mem_id] = scores.get(node.mem_id, 0.0) + size * share
            share *= 0.5
            node = node.parent
    if not scores:
        return body
    return nodes[max(scores, key=lambda each: scores[each])]


def _weight(node: LexborNode) -> float:
    """Width of the text outside links."""
    linked = sum(width(_words(link) or "") for link in node.css("a"))
    return width(_words(node) or "") - linked


def _headline(story: LexborNode, body: LexborNode) -> str | None:
    for place in (story, body):
        found = [text for node in place.css(_HEADLINES) if (text := _words(node))]
        if len(found) == 1 or (found and place is story):
            return found[0]
    return None


def _without_headline(story: LexborNode, title: str | None) -> None:
    """Drop headings that say the title again, and short lines that only lead elsewhere."""
    wanted = key(title or "")
    for node in story.css("h1, h2, p, li, div, span"):
        text = _words(node) or ""
        if (node.tag in ("h1", "h2") and key(text) == wanted) or (node.tag == "p" and text and is_navigation(text)):
            node.decompose()


def _before_site(title: str | None, site: str | None) -> str | None:
    """Cut the site's name off a document title ("Bridge opens | The Courier")."""
    if title is None:
        return None
    parts = _TITLE_CUT.split(title)
    if len(parts) < 2:
        return title
    if site is not None and key(parts[-1]) == key(site):
        return title[: title.rindex(parts[-1])].rstrip(" |–—·»-")
    return max(parts, key=width)


def _site_in(document_title: str | None, title: str | None) -> str | None:
    """Find the site's name behind the headline in the document's title."""
    if document_title is None or title is None:
        return None
    parts = _TITLE_CUT.split(document_title)
    if len(parts) > 1 and key("".join(parts[:-1])) == key(title):
        return parts[-1].strip() or None
    return None


def _words(node: LexborNode | None) -> str | None:
    """Return the text of an element on one line; None: it has none."""
    if node is None:
        return None
    return " ".join(node.text(separator=" ").split()) or None


def _href(tree: LexborHTMLParser, selector: str) -> str | None:
    node = tree.css_first(selector)
    return node.attributes.get("href") if node is not None else None
