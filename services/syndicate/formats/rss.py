"""RSS 2.0 (https://www.rssboard.org/rss-specification) with its Profile, Media RSS, Dublin Core.

A retracted story stays as a stub for as long as the window holds it; an expired one leaves.
"""

from collections.abc import Sequence
from functools import lru_cache

from schemas.feed import Entry, FeedHead, FeedLink
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import (
    enclosure,
    full_html,
    image_type,
    shown_title,
    stub_text,
    stub_title,
    summary_html,
    summary_text,
)
from services.syndicate.formats.feedgen_adapter import Element, Item, rss_fragment
from services.syndicate.formats.head import REMEMBERED, SEVERAL_LANGUAGES, history
from services.syndicate.formats.markup import DECLARATION, RSS_NAMESPACES, by_number, declared, element, empty
from services.syndicate.formats.media import media
from services.syndicate.formats.text import as_html, line, rfc822

_TYPE = "application/rss+xml"
_ROOT = f'{DECLARATION}<rss{declared(RSS_NAMESPACES)} version="2.0"><channel>'
_CHANNEL_IMAGES = {"image/gif", "image/jpeg", "image/png"}  # RSS 2.0 knows no others
_PERIODS = (("hourly", 60), ("daily", 24 * 60), ("weekly", 7 * 24 * 60))  # minutes


def item_of(entry: Entry, *, full: bool = True) -> Item:
    """Say an entry in RSS's terms; a retracted one as its stub."""
    language = [Element("dc:language", entry.lang)] if entry.lang != "und" else []
    if entry.state != "published":
        return Item(
            id=entry.id,
            title=stub_title(entry),
            url=entry.url if entry.state == "withdrawn" else None,  # a URL often spells the headline
            summary=as_html(stub_text(entry)),
            published=entry.published,
            updated=entry.updated,
            extra=language,
        )
    return Item(
        id=entry.id,
        title=shown_title(entry),
        url=entry.link,
        summary=as_html(summary_text(entry)) if full else summary_html(entry),  # description is HTML
        content=full_html(entry) if full else "",
        published=entry.published,
        updated=entry.updated,
        categories=entry.categories,
        enclosure=enclosure(entry),
        extra=[
            *(Element("dc:creator", line(author.name)) for author in entry.authors),
            *language,
            *([Element("dc:source", line(entry.source.name))] if entry.source else ()),
            *([Element("dc:rights", line(entry.rights))] if entry.rights else ()),
            *media(entry),
        ],
    )


def _entry(entry: Entry) -> bytes | None:
    return None if entry.state == "expired" else rss_fragment(item_of(entry))


def _summary(entry: Entry) -> bytes | None:
    return None if entry.state == "expired" else rss_fragment(item_of(entry, full=False))


def _document(feed: FeedHead, fragments: Sequence[bytes]) -> bytes:
    above, below = _constant(
        feed.title, feed.description, feed.home_url, feed.self_url, feed.hub_urls, feed.links,
        feed.lang, feed.rights, feed.icon_url, feed.ttl_minutes,
    )  # fmt: skip
    dated = f"{rfc822(feed.updated)}{below}{history(feed)}"
    return b"".join((above, dated.encode(), *fragments, b"</channel></rss>"))


@lru_cache(maxsize=REMEMBERED)
def _constant(  # noqa: PLR0917 - the key of the cache
    title: str, description: str, home_url: str, self_url: str, hub_urls: Sequence[str], links: Sequence[FeedLink],
    lang: str | None, rights: str | None, icon_url: str | None, ttl_minutes: int,
) -> tuple[bytes, str]:  # fmt: skip
    """Write what stands above and below a channel's date: it changes seldom, the date with every entry."""
    named, page = element("title", line(title)), element("link", home_url)
    shows = image_type(icon_url or "") in _CHANNEL_IMAGES
    image = f"<image>{element('url', icon_url)}{named}{page}</image>" if shows else ""
    above = (
        f"{_ROOT}{named}{page}{element('description', line(description) or line(title))}"
        f"{_links(self_url, hub_urls, links)}{element('language', lang or SEVERAL_LANGUAGES)}"
        f"{element('copyright', line(rights or ''))}<lastBuildDate>"
    )
    below = (
        "</lastBuildDate><generator>Wireroom</generator><docs>https://www.rssboard.org/rss-specification</docs>"
        f"<ttl>{ttl_minutes}</ttl>{_pace(ttl_minutes)}{image}"
    )
    return by_number(above.encode()), by_number(below.encode()).decode()


def _links(self_url: str, hub_urls: Sequence[str], links: Sequence[FeedLink]) -> str:
    """Atom links in RSS: the one of this document first, as readers take the first (RSS Profile, atom:link)."""
    return "".join(
        (
            empty("atom:link", href=self_url, rel="self", type=_TYPE),
            *(empty("atom:link", href=hub, rel="hub") for hub in hub_urls),
            *(empty("atom:link", href=one.href, rel=one.rel, type=_TYPE) for one in links),
        )
    )


def _pace(minutes: int) -> str:
    """Say the ttl in the syndication module's terms: how often in a period it is worth asking."""
    period, length = next((one for one in _PERIODS if minutes <= one[1]), _PERIODS[-1])
    often = max(1, length // minutes)
    return f"<sy:updatePeriod>{period}</sy:updatePeriod><sy:updateFrequency>{often}</sy:updateFrequency>"


RSS = Format("rss", _TYPE, _entry, _document, summary=_summary)
