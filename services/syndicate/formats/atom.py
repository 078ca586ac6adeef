"""Atom (RFC 4287) with deleted entries (RFC 6721).

A retracted or expired story becomes a tombstone: `ref` is its id, `when` the instant it was taken back.
"""

from collections.abc import Sequence
from functools import lru_cache

from schemas.article import Author
from schemas.feed import Entry, FeedHead, FeedLink
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import (
    enclosure,
    full_html,
    headline_html,
    shown_title,
    stub_text,
    stub_title,
    summary_html,
    summary_text,
)
from services.syndicate.formats.feedgen_adapter import Element, Item, atom_fragment
from services.syndicate.formats.head import REMEMBERED, SEVERAL_LANGUAGES, history
from services.syndicate.formats.markup import ATOM as NAMESPACE
from services.syndicate.formats.markup import (
    ATOM_NAMESPACES,
    DECLARATION,
    TOMBSTONES,
    declared,
    element,
    empty,
)
from services.syndicate.formats.media import media
from services.syndicate.formats.text import as_html, line, looks_like_html, markup, quoted, rfc3339, xml_text

_TYPE = "application/atom+xml"
# feedgen builds Atom in no namespace under a literal xmlns; so do we, and fragments fit in as they are.
_ROOT = f'{DECLARATION}<feed{declared(ATOM_NAMESPACES)} xmlns="{NAMESPACE}"'.encode()
_TOMBSTONES = f' xmlns:at="{TOMBSTONES}"'.encode()
_DELETED = b"<at:deleted-entry "


def _tombstone(entry: Entry) -> bytes:
    """RFC 6721 §3. The comment holds the reason, and the headline of a withdrawn story."""
    comment = stub_text(entry)
    if entry.state == "withdrawn":
        comment = f"{stub_title(entry)} ({comment})"
    when = rfc3339(entry.gone_at or entry.updated)
    return (
        f'<at:deleted-entry ref="{quoted(xml_text(entry.id))}" when="{when}">'
        f'<at:comment xml:lang="{quoted(entry.lang)}">{markup(comment)}</at:comment></at:deleted-entry>'
    ).encode()


def _links(entry: Entry) -> list[Element]:
    links: list[Element] = []
    if entry.link:
        links.append(Element("link", "", {"rel": "alternate", "type": "text/html", "href": entry.link}))
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
    summary, is_html = _summary_of(entry, full=full)
    content = full_html(entry) if full else ""
    if not content and not (summary and entry.link):
        # An entry without a link needs content (§4.1.2), and every entry some text: a bare headline is all there is.
        content = headline_html(entry)
    return Item(
        id=entry.id,
        title=shown_title(entry),
        url=entry.link,
        summary=summary,
        html_summary=is_html,
        content=content,
        published=entry.published,
        updated=entry.updated,
        # In each entry, not at feed level alone: readers show no byline otherwise.
        authors=entry.authors or ((Author(name=stand_in),) if stand_in else ()),
        categories=entry.categories,
        rights=entry.rights,
        lang=entry.lang,
        extra=[
            *_links(entry),
            *([Element("dc:source", line(entry.source.name))] if entry.source else ()),
            *media(entry),
        ],
    )


def _summary_of(entry: Entry, *, full: bool) -> tuple[str, bool]:
    """Give the summary, and whether it is HTML: text that looks so is sent as HTML, escaped, lest it be taken for it."""
    if not full:
        return summary_html(entry), True
    plain = summary_text(entry)
    return (as_html(plain), True) if looks_like_html(plain) else (plain, False)


def _entry(entry: Entry) -> bytes | None:
    return _tombstone(entry) if entry.state != "published" else atom_fragment(item_of(entry))


def _summary(entry: Entry) -> bytes | None:
    return _tombstone(entry) if entry.state != "published" else atom_fragment(item_of(entry, full=False))


def _document(feed: FeedHead, fragments: Sequence[bytes]) -> bytes:
    # Few programs know RFC 6721's namespace: it is declared where it is used. `<at:…` sorts before `<entry…`.
    tombstones = b""
    if fragments and min(fragments).startswith(_DELETED):
        tombstones = _TOMBSTONES
        # In RFC 4287's grammar (appendix B) entries come last, after all that extends a feed.
        fragments = sorted(fragments, key=lambda one: not one.startswith(_DELETED))
    above, below = _constant(
        feed.id, feed.title, feed.description, feed.publisher, feed.home_url, feed.self_url, feed.hub_urls,
        feed.links, feed.lang, feed.rights, feed.icon_url,
    )  # fmt: skip
    dated = f"{above}{rfc3339(feed.updated)}{below}{history(feed)}"
    return b"".join((_ROOT, tombstones, dated.encode(), *fragments, b"</feed>"))


@lru_cache(maxsize=REMEMBERED)
def _constant(  # noqa: PLR0917 - the key of the cache
    id_: str, title: str, description: str, publisher: str, home_url: str, self_url: str, hub_urls: Sequence[str],
    links: Sequence[FeedLink], lang: str | None, rights: str | None, icon_url: str | None,
) -> tuple[str, str]:  # fmt: skip
    """Write what stands above and below a feed's date: it changes seldom, the date with every entry."""
    above = (
        f' xml:lang="{quoted(lang or SEVERAL_LANGUAGES)}">{element("id", id_)}{element("title", line(title))}'
        f"{element('subtitle', line(description))}<updated>"
    )
    links_ = "".join(
        (
            empty("link", rel="self", type=_TYPE, href=self_url),
            empty("link", rel="alternate", type="text/html", href=home_url),
            *(empty("link", rel="hub", href=hub) for hub in hub_urls),
            *(empty("link", rel=one.rel, type=_TYPE, href=one.href) for one in links),
        )
    )
    below = (
        f"</updated><author>{element('name', line(publisher))}</author>{links_}<generator>Wireroom</generator>"
        f"{element('icon', icon_url)}{element('rights', line(rights or ''))}"
    )
    return above, below


ATOM = Format("atom", _TYPE, _entry, _document, tombstones=True, summary=_summary)
