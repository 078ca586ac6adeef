"""The only door to feedgen and lxml: single entries as bytes.

feedgen 1.0.0 renders entries; what it writes wrongly or not at all, an extension of ours puts right.
Its document output is not used: `markup.py` writes heads. Faults and cures, each with a golden test (tests/golden/faults):

  entry links lose rel, type and length ─▶ taken out and written again
  pubDate flips the process's locale ─▶ not given; written by `rfc822`
  authors without e-mail vanish from RSS, enclosures beyond the last too ─▶ dc:creator, media:content
  no xml:lang per entry ─▶ set on the element
  `updated` is now unless given, with microseconds ─▶ always given, whole seconds
  ns0: prefixes on an element serialized alone ─▶ serialized inside a wrapper, which is cut off
  one bad character fails the whole document ─▶ text is scrubbed here, entries are rendered one by one
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from feedgen.entry import FeedEntry
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from schemas.article import Author, Enclosure
from schemas.feed import Category
from services.syndicate.formats.markup import ATOM_NAMESPACES, RSS_NAMESPACES, by_number
from services.syndicate.formats.text import addr_spec, line, rfc822, xml_text

_NAMESPACES = {**RSS_NAMESPACES, **ATOM_NAMESPACES, "xml": "http://www.w3.org/XML/1998/namespace"}


class Element(NamedTuple):
    """An element to write. `tag` and attribute names may carry a prefix; Atom's own need none inside Atom."""

    tag: str
    text: str = ""
    attributes: Mapping[str, str] = {}
    children: Sequence["Element"] = ()


class Item(NamedTuple):
    """What feedgen is asked to write of an entry, and what is written for it (`extra`, in order)."""

    id: str
    title: str  # one line, fit
    updated: datetime
    published: datetime
    url: str | None = None
    summary: str = ""  # HTML in RSS
    html_summary: bool = False  # Atom: the summary is HTML, not plain text
    content: str = ""  # HTML, fit
    authors: Sequence[Author] = ()  # Atom only
    categories: Sequence[Category] = ()
    enclosure: Enclosure | None = None  # RSS only
    rights: str | None = None  # Atom only
    lang: str | None = None  # Atom only
    extra: Sequence[Element] = ()


def _name(name: str) -> str:
    prefix, colon, local = name.rpartition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}" if colon else local


def _write(parent: Any, element: Element) -> None:
    made = etree.SubElement(parent, _name(element.tag))
    _fill(made, element)


def _fill(made: Any, element: Element) -> None:
    if element.text:
        made.text = xml_text(element.text)
    for name, value in element.attributes.items():
        made.set(_name(name), xml_text(value))
    for child in element.children:
        _write(made, child)


class Additions:
    """A feedgen entry extension: runs last on each element and has the last word."""

    def __init__(self) -> None:
        self.item: Item | None = None  # feedgen makes the instance; the item is set afterwards

    def extend_ns(self) -> dict[str, str]:
        """Declare what may come (feedgen asks for its own documents only)."""
        return RSS_NAMESPACES

    def extend_rss(self, made: Any) -> Any:
        """Add pubDate and what RSS modules say."""
        assert self.item is not None, "the item is set right after registration"
        for element in (Element("pubDate", rfc822(self.item.published)), *self.item.extra):
            _write(made, element)
        return made

    def extend_atom(self, made: Any) -> Any:
        """Replace the links, name the language, add what Atom extensions say."""
        assert self.item is not None, "the item is set right after registration"
        for link in made.findall("link"):
            made.remove(link)
        for element in self.item.extra:
            _write(made, element)
        if self.item.lang:
            made.set(_name("xml:lang"), self.item.lang)
        return made


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _common(item: Item) -> Any:
    entry: Any = FeedEntry()
    entry.register_extension("additions", Additions)
    entry.additions.item = item
    entry.id(xml_text(item.id))
    entry.title(item.title)
    if item.url:
        entry.link(href=xml_text(item.url), rel="alternate")
    if item.content:
        entry.content(item.content, type="html")  # never CDATA or xhtml: wrong in Atom, or raises
    if item.categories:
        entry.category(
            [{"term": line(each.term), "scheme": each.scheme, "label": line(each.label)} for each in item.categories]
        )
    return entry


def rss_entry(item: Item) -> Any:
    """Make a feedgen entry, ready to be rendered as RSS, alone or in feedgen's own document."""
    entry = _common(item)
    if item.summary:
        entry.description(xml_text(item.summary))
    if item.enclosure:
        of = item.enclosure
        entry.enclosure(url=xml_text(of.url), length=of.length, type=of.type)
    return entry


def atom_entry(item: Item) -> Any:
    """Make a feedgen entry, ready to be rendered as Atom, alone or in feedgen's own document."""
    entry = _common(item)
    entry.updated(_whole(item.updated))
    entry.published(_whole(item.published))
    if item.summary:
        entry.summary(xml_text(item.summary), type="html" if item.html_summary else None)
    for author in item.authors:
        said = {"name": line(author.name), "uri": author.url, "email": addr_spec(author.email)}
        entry.author({key: xml_text(value) for key, value in said.items() if value})
    if item.rights:
        entry.rights(xml_text(item.rights))
    return entry


def _alone(made: Any, namespaces: Mapping[str, str]) -> bytes:
    """Serialize an element as it stands inside a root that declares `namespaces`.

    On append lxml maps the element's prefixes to the wrapper's and drops its own declarations. Cutting
    the wrapper off is safe; removing declarations from the bytes is not: an article may quote one.
    """
    wrapper = etree.Element("w", nsmap=dict(namespaces))
    wrapper.text = ""
    opening = len(etree.tostring(wrapper)) - len("</w>")
    wrapper.append(made)
    return etree.tostring(wrapper, encoding="UTF-8", xml_declaration=False)[opening : -len("</w>")]


def rss_fragment(item: Item) -> bytes:
    """One `<item>`. Raises ValueError when it cannot be made well-formed: a retry does not help.

    RSS Profile, character data: plain text refers to & and < by number, which readers that take it for HTML leave
    alone. What stands before the description and from the guid on is plain; markup is escaped, so neither can be quoted.
    """
    made = _alone(rss_entry(item).rss_entry(), RSS_NAMESPACES)
    title, end, rest = made.partition(b"</title>")
    html, guid, plain = rest.partition(b"<guid ")
    return b"".join((by_number(title), end, html, guid, by_number(plain)))


def atom_fragment(item: Item) -> bytes:
    """One `<entry>`. Raises ValueError when it cannot be made well-formed: a retry does not help."""
    return _alone(atom_entry(item).atom_entry(), ATOM_NAMESPACES)
