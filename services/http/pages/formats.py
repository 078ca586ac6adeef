"""The formats of feeds and stories, as pages name them: one row for each in the registry, known to us or not."""

from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import quote

from services.syndicate.formats import FORMATS

_WORDS = {
    "atom": ("Atom", "For news readers."),
    "rss": ("RSS", "For news readers and podcast apps."),
    "json": ("JSON Feed", "For news readers and programs."),
    "ninjs": ("ninjs", "For newsrooms: the IPTC’s JSON."),
    "newsml": ("NewsML-G2", "For newsrooms: the IPTC’s XML."),
    "ndjson": ("NDJSON", "For programs: a story on each line."),
}
READERS = ("atom", "rss", "json")
"""What news readers take, the best first."""


class Offer(NamedTuple):
    """One format at one address."""

    name: str
    label: str
    words: str
    media_type: str
    url: str

    @property
    def for_readers(self) -> bool:
        """Whether it is for news readers rather than for programs."""
        return self.name in READERS


def of_feed(base_url: str, address: str) -> list[Offer]:
    """List the documents of a feed, those for news readers first."""
    names = [*(name for name in READERS if name in FORMATS), *(name for name in FORMATS if name not in READERS)]
    return [_offer(name, FORMATS[name].media_type, f"{base_url}/feeds/{quote(address)}.{name}") for name in names]


def of_story(base_url: str, key: str, stored: Collection[str]) -> list[Offer]:
    """List the formats in which a single story can be read."""
    return [
        _offer(name, single_type, f"{base_url}/articles/{key}.{name}")
        for name, form in FORMATS.items()
        if form.single is not None and (single_type := form.single_type) is not None and name in stored
    ]


def link_header(offers: Collection[Offer], canonical: str | None) -> str:
    """Say the same in a Link header (RFC 8288)."""
    links = [f'<{offer.url}>; rel="alternate"; type="{offer.media_type}"' for offer in offers]
    return ", ".join([*links, *([f'<{canonical}>; rel="canonical"'] if canonical else [])])


def _offer(name: str, media_type: str, url: str) -> Offer:
    label, words = _WORDS.get(name, (name, ""))
    return Offer(name, label, words, media_type, url)
