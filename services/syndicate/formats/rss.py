"""RSS 2.0 (https://www.rssboard.org/rss-specification) with its Profile, Media RSS, Dublin Core.

A retracted story stays as a stub for as long as the window holds it; an expired one leaves.
"""

from collections.abc import Sequence

from schemas.feed import Entry, FeedHead
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import enclosure, full_html, stub_text, stub_title, summary_html
from services.syndicate.formats.feedgen_adapter import RSS_NAMESPACES, Element, Item, head, joined, rss_fragment
from services.syndicate.formats.media import media
from services.syndicate.formats.text import as_html, line, rfc822


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
        title=entry.title,
        url=entry.url,
        summary=as_html(entry.summary) if full else summary_html(entry),  # description is HTML
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
    channel = [
        Element("title", line(feed.title)),
        Element("link", feed.home_url),
        Element("description", line(feed.description) or line(feed.title)),
        Element("atom:link", "", {"href": feed.self_url, "rel": "self", "type": "application/rss+xml"}),
        *(Element("atom:link", "", {"href": hub, "rel": "hub"}) for hub in feed.hub_urls),
        *([Element("language", feed.lang)] if feed.lang else ()),
        *([Element("copyright", line(feed.rights))] if feed.rights else ()),
        Element("lastBuildDate", rfc822(feed.updated)),
        Element("generator", "Wireroom"),
        Element("docs", "https://www.rssboard.org/rss-specification"),
        Element("ttl", str(feed.ttl_minutes)),
        Element("sy:updatePeriod", "hourly"),
        Element("sy:updateFrequency", str(max(1, 60 // feed.ttl_minutes))),
        *([Element("image", "", {}, _image(feed, feed.icon_url))] if feed.icon_url else ()),
    ]
    root = Element("rss", "", {"version": "2.0"}, [Element("channel", "", {}, channel)])
    return joined(head(root, RSS_NAMESPACES), b"</channel></rss>", fragments)


def _image(feed: FeedHead, url: str) -> list[Element]:
    return [Element("url", url), Element("title", line(feed.title)), Element("link", feed.home_url)]


RSS = Format("rss", "application/rss+xml", _entry, _document, summary=_summary)
