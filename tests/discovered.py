"""Reading what leads to the feeds: schemas of sitemaps, OPML 2.0 by its specification, robots.txt."""

from pathlib import Path
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
NEWS = "{http://www.google.com/schemas/sitemap-news/0.9}"
_SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).parent / "schemas" / "sitemap.xsd")))


def sitemap(data: bytes) -> Any:
    """Parse a sitemap or an index; fails unless it is valid."""
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    root = etree.fromstring(data)
    _SCHEMA.assertValid(root)
    return root


def listed(data: bytes) -> dict[str, str]:
    """The stories of a sitemap: title by address."""
    root = sitemap(data)
    found = {url.findtext(f"{SITEMAP}loc"): url.findtext(f"{NEWS}news/{NEWS}title") for url in root}
    return {loc: title for loc, title in found.items() if title is not None}


def outlines(data: bytes) -> list[dict[str, str]]:
    """The feeds of an OPML document; fails where it departs from https://opml.org/spec2.opml."""
    root = etree.fromstring(data)
    assert (root.tag, root.attrib) == ("opml", {"version": "2.0"})
    assert [child.tag for child in root] == ["head", "body"]
    head, body = root
    assert head.findtext("title")
    assert len(body) > 0
    feeds: list[dict[str, str]] = []
    for outline in body.iter("outline"):
        assert outline.get("text"), "every outline has a text"
        if outline.get("type") == "rss":
            assert len(outline) == 0
            feeds.append({str(name): str(value) for name, value in outline.attrib.items()})
    for feed in feeds:
        assert feed["xmlUrl"].startswith("http")
        assert feed["version"] in {"RSS", "RSS1", "scriptingNews"}
    return feeds
