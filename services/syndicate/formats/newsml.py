"""NewsML-G2 2.35, power conformance (https://iptc.org/standards/newsml-g2/): news items, and a message that lists them.

`pubStatus` tells the state: usable, canceled (taken back), withheld (expired). Written as text: a fragment has no
namespace of its own and stands in a message as it is; alone it gets one (`_single`). The body is `text/html` as the
other formats have it. Its pictures and recordings are links: a content set holds renditions of the same content only.
"""

from collections.abc import Iterator, Sequence

from schemas.feed import Entry, FeedHead
from services.syndicate.formats.base import Format
from services.syndicate.formats.content import full_html, image_type, stub_text, stub_title, summary_text
from services.syndicate.formats.head import SEVERAL_LANGUAGES
from services.syndicate.formats.markup import ATOM, DECLARATION, element, empty, joined
from services.syndicate.formats.news import STATUS, concept, version
from services.syndicate.formats.text import line, markup, quoted, rfc3339, xml_text

_NAMESPACE = "http://iptc.org/std/nar/2006-10-01/"
_STANDARD = 'standard="NewsML-G2" standardversion="2.35" conformance="power"'
_CATALOG = empty("catalogRef", href="http://www.iptc.org/std/catalog/catalog.IPTC-G2-Standards_40.xml")
_ITEM = b"<newsItem "


def _opening(tag: str, guid: str, number: int, lang: str, direction: str) -> str:
    said = f'{tag} guid="{quoted(guid)}" version="{number}" {_STANDARD}'
    return f'<{said} xml:lang="{quoted(lang)}" dir="{direction}">{_CATALOG}'


def _rights(entry: Entry) -> str:
    notice = element("copyrightNotice", xml_text(entry.rights or ""))
    return f"<rightsInfo>{notice}</rightsInfo>" if notice else ""


def _party(tag: str, name: str, uri: str | None = None) -> str:
    said = f' uri="{quoted(uri)}"' if uri else ""
    return f"<{tag}{said}>{element('name', line(name))}</{tag}>"


def _note(entry: Entry) -> str:
    if entry.state != "published":
        return stub_text(entry)
    note = xml_text(entry.correction_note or "")
    return f"Correction: {note}" if note else ""


def _signal(entry: Entry) -> str:
    return empty("signal", qcode="sig:correction") if entry.correction_note and entry.state == "published" else ""


def _page(entry: Entry) -> str:
    shown = entry.url if entry.state in {"published", "withdrawn"} else None  # a URL often spells the headline
    return f'<altRep contenttype="text/html">{markup(shown)}</altRep>' if shown else ""


def _links(entry: Entry) -> Iterator[str]:
    for image in entry.images:
        yield _link("irel:seeAlso", image.url, image_type(image.url), title=line(image.alt or "") or None)
    for one in entry.enclosures:
        yield _link("irel:seeAlso", one.url, one.type, size=one.length or None)


def _link(rel: str, href: str, contenttype: str | None, **more: str | int | None) -> str:
    return empty("link", rel=rel, href=href, contenttype=contenttype, **more)


def _item_meta(entry: Entry, links: str = "") -> str:
    title = "" if entry.state != "published" else line(entry.title)
    return (
        f'<itemMeta><itemClass qcode="ninat:text"/>{_party("provider", entry.publisher or "Wireroom")}'
        f"<versionCreated>{rfc3339(entry.updated)}</versionCreated>"
        f"<firstCreated>{rfc3339(entry.published)}</firstCreated>"
        f'<pubStatus qcode="stat:{STATUS[entry.state]}"/><generator>Wireroom</generator>'
        f"{element('title', title)}{element('edNote', _note(entry))}{_signal(entry)}{_page(entry)}{links}</itemMeta>"
    )


def _content_meta(entry: Entry) -> str:
    icon = entry.images[0] if entry.images else None
    shown = (
        empty("icon", href=icon.url, contenttype=image_type(icon.url), width=icon.width, height=icon.height)
        if icon
        else ""
    )
    subjects = (
        f'<subject type="cpnat:abstract" uri="{quoted(concept(each))}">{element("name", line(each.label))}</subject>'
        for each in entry.categories
    )
    return "".join(
        (
            f"<contentMeta>{shown}",
            f"<urgency>{entry.urgency}</urgency>" if entry.urgency else "",
            f"<contentCreated>{rfc3339(entry.published)}</contentCreated>",
            f"<contentModified>{rfc3339(entry.updated)}</contentModified>",
            _party("infoSource", entry.source.name, entry.source.url) if entry.source else "",
            *(_party("creator", author.name, author.url) for author in entry.authors),
            empty("language", tag=entry.lang),
            *subjects,
            element("headline", line(entry.title)),
            element("by", ", ".join(line(author.name) for author in entry.authors)),
            f'<description role="drol:summary">{markup(summary_text(entry))}</description>'
            if summary_text(entry)
            else "",
            "</contentMeta>",
        )
    )


def _stub(entry: Entry) -> str:
    headline = element("headline", stub_title(entry)) if entry.state == "withdrawn" else ""
    return f"{_item_meta(entry)}{f'<contentMeta>{headline}</contentMeta>' if headline else ''}"


def _story(entry: Entry) -> str:
    body = full_html(entry)
    words = f' wordcount="{entry.words}"' if entry.words else ""
    content = (
        f'<contentSet><inlineData contenttype="text/html"{words}>{markup(body)}</inlineData></contentSet>'
        if body
        else ""
    )
    return f"{_rights(entry)}{_item_meta(entry, ''.join(_links(entry)))}{_content_meta(entry)}{content}"


def _entry(entry: Entry) -> bytes:
    opening = _opening("newsItem", xml_text(entry.id), version(entry), entry.lang, entry.direction)
    return f"{opening}{_story(entry) if entry.state == 'published' else _stub(entry)}</newsItem>".encode()


def _single(fragment: bytes) -> bytes:
    opening = f'{DECLARATION}<newsItem xmlns="{_NAMESPACE}" '.encode()
    return opening + fragment.removeprefix(_ITEM)


def _nothing(feed: FeedHead) -> bytes:
    """Write an empty package in the name of an empty feed: a message holds at least one item."""
    opening = _opening("packageItem", feed.id, 1, feed.lang or SEVERAL_LANGUAGES, "ltr")
    return (
        f'{opening}<itemMeta><itemClass qcode="ninat:composite"/>{_party("provider", feed.publisher)}'
        f'<versionCreated>{rfc3339(feed.updated)}</versionCreated><pubStatus qcode="stat:usable"/>'
        f"{element('title', line(feed.title))}</itemMeta>"
        '<groupSet root="feed"><group id="feed" role="grole:main"/></groupSet></packageItem>'
    ).encode()


def _document(feed: FeedHead, fragments: Sequence[bytes]) -> bytes:
    links = [("self", feed.self_url), *((link.rel, link.href) for link in feed.links)]
    head = (
        f'{DECLARATION}<newsMessage xmlns="{_NAMESPACE}" xmlns:atom="{ATOM}"><header>'
        f"<sent>{rfc3339(feed.updated)}</sent>{element('sender', line(feed.publisher))}"
        f"{element('origin', feed.home_url)}{element('channel', line(feed.title))}"
        f"{''.join(empty('atom:link', rel=rel, type=_LIST, href=href) for rel, href in links)}"
        "</header><itemSet>"
    )
    return joined(head, fragments or (_nothing(feed),), b"</itemSet></newsMessage>")


_LIST, _ALONE = "application/vnd.iptc.g2.newsmessage+xml", "application/vnd.iptc.g2.newsitem+xml"
NEWSML = Format("newsml", _LIST, _entry, _document, tombstones=True, single=_single, single_type=_ALONE)
