"""Atom (RFC 4287) with deleted entries (RFC 6721).

A retracted or expired story becomes a tombstone: `ref` is its id, `when` the instant it was taken back.
"""

from collections.abc import Sequence

from schemas.article import Author
from schemas.feed import Entry, FeedHead
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import enclosure, full_html, stub_text, stub_title, summary_html
from services.syndicate.formats.feedgen_adapter import (
    ATOM_NAMESPACES,
    Element,
    Item,
    atom_fragment,
    bare,
    head,
    joined,
)
from services.syndicate.formats.media import media
from services.syndicate.formats.text import as_html, line, rfc3339, xml_text

_ATOM = "http://www.w3.org/2005/Atom"


def _tombstone(entry: Entry) -> bytes:
    """RFC 6721 §3. The comment holds the reason, and the headline of a withdrawn story."""
    comment = stub_text(entry)
    if entry.state == "withdrawn":
        comment = f"{stub_title(entry)} ({comment})"
    said = Element("at:comment", comment, {"xml:lang": entry.lang} if entry.lang != "und" else {})
    when = rfc3339(entry.gone_at or entry.updated)
    return bare(Element("at:deleted-entry", "", {"ref": entry.id, "when": when}, [said]), ATOM_NAMESPACES)


def _links(entry: Entry) -> list[Element]:
    links: list[Element] = []
    if entry.url:
        links.append(Element("link", "", {"rel": "alternate", "type": "text/html", "href": entry.url}))
    carried = entry.enclosures or tuple(one for one in (enclosure(entry),) if one)
    links += [
        Element("link", "", {"rel": "enclosure", "type": one.type, "length": str(one.length), "href": one.url})
        for one in carried
    ]
    if entry.source and entry.source.url:
        links.append(Element("link", "", {"rel": "via", "title": line(entry.source.name), "href": entry.source.url}))
    return links


def item_of(entry: Entry, *, full: bool = True) -> Item:
    """Say a published entry in Atom's terms."""
    stand_in = (entry.source and entry.source.name) or entry.publisher
    return Item(
        id=entry.id,
        title=entry.title,
        url=entry.url,
        summary=entry.summary if full else summary_html(entry),
        html_summary=not full,
        # An entry without a link needs content (§4.1.2); a bare headline is then all there is.
        content=(full_html(entry) if full else "")
        or ("" if entry.url else as_html(xml_text(entry.summary) or line(entry.title))),
        published=entry.published,
        updated=entry.updated,
        # In each entry, not at feed level alone: readers show no byline otherwise.
        authors=entry.authors or ((Author(name=stand_in),) if stand_in else ()),
        categories=entry.categories,
        rights=entry.rights,
        lang=entry.lang if entry.lang != "und" else None,
        extra=[
            *_links(entry),
            *([Element("dc:source", line(entry.source.name))] if entry.source else ()),
            *media(entry),
        ],
    )


def _entry(entry: Entry) -> bytes | None:
    return _tombstone(entry) if entry.state != "published" else atom_fragment(item_of(entry))


def _summary(entry: Entry) -> bytes | None:
    return _tombstone(entry) if entry.state != "published" else atom_fragment(item_of(entry, full=False))


def _document(feed: FeedHead, fragments: Sequence[bytes]) -> bytes:
    children = [
        Element("id", feed.id),
        Element("title", line(feed.title)),
        *([Element("subtitle", line(feed.description))] if feed.description else ()),
        Element("updated", rfc3339(feed.updated)),
        Element("author", "", {}, [Element("name", line(feed.publisher))]),
        Element("link", "", {"rel": "self", "type": "application/atom+xml", "href": feed.self_url}),
        Element("link", "", {"rel": "alternate", "type": "text/html", "href": feed.home_url}),
        *(Element("link", "", {"rel": "hub", "href": hub}) for hub in feed.hub_urls),
        Element("generator", "Wireroom"),
        *([Element("icon", feed.icon_url)] if feed.icon_url else ()),
        *([Element("rights", line(feed.rights))] if feed.rights else ()),
    ]
    language = {"xml:lang": feed.lang} if feed.lang else {}
    # feedgen builds Atom in no namespace under a literal xmlns; so do we, and fragments fit in as they are.
    root = Element("feed", "", {"xmlns": _ATOM, **language}, children)
    return joined(head(root, ATOM_NAMESPACES), b"</feed>", fragments)


ATOM = Format("atom", "application/atom+xml", _entry, _document, tombstones=True, summary=_summary)
