"""What IPTC's formats say alike: ninjs maps to NewsML-G2, property by property."""

from urllib.parse import quote

from schemas.feed import Category, Entry

STATUS = {"published": "usable", "withdrawn": "canceled", "takedown": "canceled", "expired": "withheld"}
"""IPTC's publishing status (http://cv.iptc.org/newscodes/pubstatusg2/) by the entry's state."""


def version(entry: Entry) -> int:
    """Count versions: receivers replace a lower one by a higher, so what is gone comes after the story."""
    return entry.revision + (entry.state != "published")


def concept(category: Category) -> str:
    """Name a category's concept: the address of the feed about it."""
    return f"{category.scheme}/{quote(category.term)}"
