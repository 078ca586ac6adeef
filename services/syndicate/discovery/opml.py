"""The directory of feeds as OPML 2.0 (https://opml.org/spec2.opml): what a reader imports in one go.

One outline per feed, under one outline per kind. `xmlUrl` is the feed's RSS document, as `type="rss"` and
`version="RSS"` say; it never holds a token (rule 55): a private feed is opened by Basic authentication.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from urllib.parse import quote

from schemas.records import FeedRow
from services.syndicate.formats.head import SEVERAL_LANGUAGES
from services.syndicate.formats.text import line, quoted, rfc822, xml_text
from services.syndicate.naming import feed_description, feed_title

MEDIA_TYPE = "text/x-opml; charset=utf-8"
_KINDS = {
    "all": "Everything",
    "section": "Sections",
    "saved": "Selections",
    "lang": "Languages",
    "source": "Sources",
    "author": "Authors",
    "tag": "Tags",
}
_ORDER = list(_KINDS)


def opml(
    feeds: Sequence[FeedRow], *, base_url: str, newsroom: str, title: str, modified: datetime, created: datetime
) -> bytes:
    """Write the directory of these feeds, in the order of their kinds and names. `modified` is data, not the clock."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0"><head>',
        f"<title>{_text(title)}</title>",
        f"<dateCreated>{rfc822(created)}</dateCreated>",
        f"<dateModified>{rfc822(max(modified, created))}</dateModified>",
        f"<ownerName>{_text(newsroom)}</ownerName>",
        f"<ownerId>{_text(base_url)}/feeds</ownerId>",
        "</head><body>\n",  # validators of OPML do not know its <docs>
        *(_outlines(feeds, base_url, newsroom) if feeds else ['<outline text="No feeds"/>\n']),  # a body is never empty
        "</body></opml>\n",
    ]
    return "".join(parts).encode()


def _outlines(feeds: Iterable[FeedRow], base_url: str, newsroom: str) -> Iterable[str]:
    ordered = sorted(feeds, key=lambda row: (_ORDER.index(row.kind), row.address))
    for kind, rows in groupby(ordered, key=lambda row: row.kind):
        yield f"<outline{_attribute('text', _KINDS[kind])}>\n"
        for row in rows:
            yield _outline(row, base_url, newsroom)
        yield "</outline>\n"


def _outline(row: FeedRow, base_url: str, newsroom: str) -> str:
    title = line(feed_title(row, newsroom))
    page = f"{base_url}/feeds/{quote(row.address)}"
    said = {
        "type": "rss",
        "text": title,
        "title": title,
        "xmlUrl": f"{page}.rss",
        "htmlUrl": page,
        "description": line(feed_description(row, newsroom)) or title,
        "language": row.lang or SEVERAL_LANGUAGES,
        "version": "RSS",
    }
    return f"<outline{''.join(_attribute(name, value) for name, value in said.items())}/>\n"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{quoted(xml_text(value))}"'


def _text(value: str) -> str:
    return quoted(line(value))
