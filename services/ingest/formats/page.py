"""A page saved as text or as HTML: an article without an event around it. Pure.

Nothing is invented: without an `id` the article's is a name-based UUID of its content, so the same page
is the same article; without a `url` it has no link (a page's own canonical address is stated, not
invented), without a time it has none. Flat text stays whole: enrichment drops navigation from what is
shown, and says so.
"""

import re
import unicodedata
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from schemas.article import MAX_TITLE
from services.text.characters import clean
from services.text.html_pages import read_page
from services.text.pages import first_words, read_flat_page

_NAMESPACE: UUID = uuid5(NAMESPACE_URL, "tag:wireroom,2026:page")


def read_page_text(
    text: str,
    *,
    url: str | None = None,
    id: str | None = None,  # noqa: A002 - the article's own word for it
    published_at: str | None = None,
) -> dict[str, Any]:
    """Read flat text into the fields of an Article. Without any text it has no title, and ingest says so."""
    body = clean(text).text
    page = read_flat_page(body)
    title = page.title or first_words(page) or ""
    return _article(
        id=id or _named(_lines(body)),
        url=url,
        title=_shortened(title),
        content_text=body.strip("\n"),
        sections=[page.section[:300]] if page.section else None,
        source={"name": page.site[:300]} if page.site else None,
        published_at=published_at,
    )


def read_page_html(
    html: str,
    *,
    url: str | None = None,
    id: str | None = None,  # noqa: A002 - the article's own word for it
    published_at: str | None = None,
) -> dict[str, Any]:
    """Read a page's HTML: headline, site, language, address, and the part of it that is the story."""
    page = read_page(clean(html, "html").text, url)
    return _article(
        id=id or _named(f"{page.title or ''}\n{page.text}"),
        url=url or page.canonical,
        canonical_url=page.canonical if url is not None and page.canonical != url else None,
        title=_shortened(page.title or ""),
        summary=page.description[:5_000] if page.description else None,
        content_html=page.body_html or None,
        language=page.lang,
        authors=[{"name": name[:300]} for name in page.authors] or None,
        sections=[page.section[:300]] if page.section else None,
        source={"name": page.site[:300]} if page.site else None,
        published_at=published_at or page.published_at,
        images=[{"url": page.image}] if page.image else None,
    )


def _article(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _named(content: str) -> str:
    return f"urn:uuid:{uuid5(_NAMESPACE, unicodedata.normalize('NFC', content))}"


def _lines(text: str) -> str:
    """Take off the accidents of saving: empty lines and spaces at the ends of lines."""
    return "\n".join(line.strip() for line in re.split(r"\s*\n\s*", text) if line.strip())


def _shortened(title: str) -> str:
    title = clean(title, "title").text
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1].rstrip() + "…"
