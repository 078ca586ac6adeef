"""XML as bytes and as a tree: rules 1, 2, 3, 5 and 10, and the parts that the format's own rules look at. Pure.

A fragment is parsed inside a root that declares what our documents declare; a prefix beyond that is a fault.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from services.syndicate.rules.characters import unfit
from services.syndicate.rules.fault import Fault, short

ATOM = "http://www.w3.org/2005/Atom"
NAR = "http://iptc.org/std/nar/2006-10-01/"
NAMESPACES: Mapping[str, str] = {
    "at": "http://purl.org/atompub/tombstones/1.0",
    "atom": ATOM,
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "fh": "http://purl.org/syndication/history/1.0",
    "media": "http://search.yahoo.com/mrss/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
}
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
BASE = "{http://www.w3.org/XML/1998/namespace}base"

_DECLARATION = re.compile(
    rb"<\?xml\s+version=['\"]1\.0['\"]\s+encoding=['\"](?i:utf-8)['\"](?:\s+standalone=['\"]yes['\"])?\s*\?>"
)
_C1_REFERENCE = re.compile(rb"&#(?:x0*[89][0-9A-Fa-f]|0*1(?:2[89]|[34]\d|5\d));")
_DECLARES = re.compile(rb"<[^<>]*\sxmlns")
_OPTIONS = {"resolve_entities": False, "no_network": True, "huge_tree": True}
_PARSER = etree.XMLParser(**_OPTIONS)  # making one takes longer than parsing a fragment
_RULE_OF = {  # libxml2's words for what went wrong
    "ERR_INVALID_CHAR": 2,
    "ERR_INVALID_CHARREF": 2,
    "ERR_INVALID_ENCODING": 2,
    "ERR_NAME_REQUIRED": 3,
    "ERR_ENTITYREF_SEMICOL_MISSING": 3,
    "ERR_ENTITYREF_NO_NAME": 3,
    "ERR_UNDECLARED_ENTITY": 3,
    "WAR_UNDECLARED_ENTITY": 3,
    "ERR_INVALID_DEC_CHARREF": 3,
    "ERR_INVALID_HEX_CHARREF": 3,
    "ERR_MISPLACED_CDATA_END": 5,
    "ERR_CDATA_NOT_FINISHED": 5,
    "NS_ERR_UNDEFINED_NAMESPACE": 10,
    "NS_ERR_XML_NAMESPACE": 10,
}


class Node(NamedTuple):
    """An element with its children by tag, as lxml names them (`{namespace}local`)."""

    element: Any
    kids: Mapping[str, list[Any]]

    def all(self, tag: str) -> list[Any]:
        """Its children of that name, in order."""
        return self.kids.get(tag, [])

    def text(self, tag: str) -> str | None:
        """Return the text of its first child of that name; None: there is none."""
        found = self.kids.get(tag)
        return (found[0].text or "") if found else None


def node(element: Any) -> Node:
    """Read an element's children once."""
    kids: dict[str, list[Any]] = {}
    for kid in element.iterchildren(etree.Element):
        kids.setdefault(kid.tag, []).append(kid)
    return Node(element, kids)


def read_fragment(raw: bytes, default: str | None) -> tuple[list[Any], list[Fault]]:
    """Parse one entry's bytes as they stand under a head. `default` is the namespace of plain names."""
    faults = list(_bytes(raw))
    if b"<?xml" in raw[:64]:
        faults.append(Fault(1, "", "an XML declaration within a document"))
    if b"xmlns" in raw and _DECLARES.search(raw):
        faults.append(Fault(10, "", "declares a namespace away from the root"))
    if any(fault.rule in {1, 2} for fault in faults):
        return [], faults
    root, why = _parsed(b"".join((_OPENING[default], raw, b"</w>")))
    if why is not None:
        return [], [*faults, why]
    return list(root), [*faults, *_based(root, raw)]


def read_document(raw: bytes) -> tuple[Any, list[Fault]]:
    """Parse a whole document; None: it cannot be."""
    faults = list(_bytes(raw))
    if _DECLARATION.match(raw) is None:
        faults.append(Fault(1, "", f"does not begin with an XML declaration in UTF-8: {short(raw[:30])}"))
        return None, faults
    if any(fault.rule == 2 for fault in faults):
        return None, faults
    root, why = _parsed(raw)
    if why is not None:
        return None, [*faults, why]
    return root, [*faults, *_namespaces(root, raw), *_based(root, raw)]


def _based(root: Any, raw: bytes) -> Iterator[Fault]:
    """Rule 8: readers do not honour `xml:base`."""
    if b"xml:base" in raw:
        for element in root.iter(etree.Element):
            if BASE in element.attrib:
                yield Fault(8, element.tag.rpartition("}")[2], "relies on xml:base")


def _bytes(raw: bytes) -> Iterator[Fault]:
    yield from unfit(raw)
    if b"<!DOCTYPE" in raw[:1_000]:
        yield Fault(1, "", "has a DOCTYPE")
    if b"&#" in raw and (found := _C1_REFERENCE.search(raw)) is not None:
        yield Fault(2, f"byte {found.start()}", f"a character that no feed may hold: {short(found[0])}")


def _parsed(raw: bytes) -> tuple[Any, Fault | None]:
    try:
        return etree.fromstring(raw, _PARSER), None
    except etree.XMLSyntaxError:
        return None, _why(raw)


def _why(raw: bytes) -> Fault:
    """Parse once more, with a parser of its own: the log of one that was used tells of earlier documents too."""
    parser = etree.XMLParser(**_OPTIONS)
    with suppress(etree.XMLSyntaxError):
        etree.fromstring(raw, parser)
    entries = list(parser.error_log)
    rule = next((_RULE_OF[each.type_name] for each in entries if each.type_name in _RULE_OF), 1)
    return Fault(rule, "", f"is not well-formed: {entries[0].message.strip() if entries else 'why is not known'}")


def _namespaces(root: Any, raw: bytes) -> Iterator[Fault]:
    for prefix, uri in root.nsmap.items():
        wanted = NAMESPACES.get(prefix) if prefix is not None else None
        if prefix is not None and wanted != uri:
            yield Fault(
                10,
                f"xmlns:{prefix}",
                f"{short(uri)} should be {short(wanted)}" if wanted else f"{short(uri)} is not known",
            )
    if raw.count(b"xmlns") > len(root.nsmap):
        for element in root.iterdescendants(etree.Element):
            if element.nsmap != root.nsmap:
                yield Fault(10, str(element.tag), "declares a namespace away from the root")
                return


def _opening(default: str | None) -> bytes:
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    plain = f' xmlns="{default}"' if default else ""
    return f"<w{plain}{declared}>".encode()


_OPENING = {default: _opening(default) for default in (None, ATOM, NAR)}
