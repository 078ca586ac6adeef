"""The registry of feed formats, by the extension in a feed's URL. To add one: a file and a line."""

from services.syndicate.formats.atom import ATOM
from services.syndicate.formats.base import Format
from services.syndicate.formats.json_feed import JSON_FEED
from services.syndicate.formats.rss import RSS

FORMATS: dict[str, Format] = {each.name: each for each in (RSS, ATOM, JSON_FEED)}

__all__ = ["FORMATS", "Format"]
