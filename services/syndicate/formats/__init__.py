"""The registry of feed formats, by the extension in a feed's URL. To add one: a file and a line."""

from services.syndicate.formats.atom import ATOM
from services.syndicate.formats.base import Body, Format, Render
from services.syndicate.formats.json_feed import JSON_FEED
from services.syndicate.formats.ndjson import NDJSON
from services.syndicate.formats.newsml import NEWSML
from services.syndicate.formats.ninjs import NINJS
from services.syndicate.formats.rss import RSS

FORMATS: dict[str, Format] = {each.name: each for each in (RSS, ATOM, JSON_FEED, NINJS, NEWSML, NDJSON)}
FRAGMENTS: dict[str, Render] = {name: made for each in FORMATS.values() for name, made in each.renders().items()}
"""What is rendered of each entry: `rss`, `rss-summary` …"""


def fragment_name(format_name: str, body: Body) -> str:
    """Name the fragments that a feed with such a body joins in a format. KeyError: there is no such format."""
    return FORMATS[format_name].fragment_name(body)


__all__ = ["FORMATS", "FRAGMENTS", "Body", "Format", "fragment_name"]
