"""The news sitemap, by Google's rules and the sitemaps.org protocol 0.9 (rule 56).

The last 48 hours by *first* publication, at most 1,000 stories a file; beyond that the address holds an
index, and the files follow it as `/news-sitemap/{n}.xml`, oldest stories first, so that a new one changes
the last file only. What was taken back, expired or is under embargo is not handed to us.

`loc` is the publisher's own page of a story, whatever its host: that is the page that shall be found. Where it is
not this host's, the protocol asks that the other host's robots.txt names our sitemap ("cross submits").
A story without a page, or on a host that is not among `hosts`, is listed by the page it has here.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from services.syndicate.formats.text import line, markup, rfc3339, xml_text

MEDIA_TYPE = "application/xml; charset=utf-8"
SPAN = timedelta(hours=48)
MOST = 1_000  # stories a file
_LONGEST_LOC = 2_047  # characters: "less than 2,048", the protocol says
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NEWS = "http://www.google.com/schemas/sitemap-news/0.9"
_PARENTHESES = re.compile(r"\s*\([^()]*\)")
_PRIMARY = re.compile(r"[a-z]{2,3}")
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})


class NewsStory(NamedTuple):
    """A story that readers may see. `published` is when it first came out; `updated` its last real change."""

    key: str
    title: str
    url: str | None
    lang: str
    published: datetime
    updated: datetime


class Sitemap(NamedTuple):
    """What stands at `/news-sitemap.xml`, and the numbered files, where it is an index. `changed_at` is data."""

    first: bytes
    files: tuple[bytes, ...]


def news_sitemap(
    stories: Sequence[NewsStory], *, base_url: str, newsroom: str, now: datetime, hosts: Collection[str] = ()
) -> Sitemap:
    """Write the sitemap of what came out in the 48 hours before `now`; `hosts` empty: stories' pages may be anywhere.

    On a day without news it lists the page of feeds: by the schema a sitemap is never empty.
    """
    since = now - SPAN
    fresh = sorted(
        (one for one in stories if since <= one.published <= now and line(one.title)),
        key=lambda one: (one.published, one.key),
    )
    name = markup(line(_PARENTHESES.sub("", newsroom)) or line(newsroom))
    parts = [fresh[at : at + MOST] for at in range(0, len(fresh), MOST)] or [[]]
    files = tuple(_file(part, base_url, name, hosts) for part in parts)
    if len(files) == 1:
        return Sitemap(files[0], files)
    listed = "".join(
        f"<sitemap><loc>{base_url}/news-sitemap/{at}.xml</loc>"
        f"<lastmod>{rfc3339(max(max(one.updated, one.published) for one in part))}</lastmod></sitemap>\n"
        for at, part in enumerate(parts, 1)
    )
    index = f'{_DECLARATION}<sitemapindex xmlns="{_SITEMAP}">\n{listed}</sitemapindex>\n'
    return Sitemap(index.encode(), files)


def language(tag: str) -> str:
    """Say a BCP 47 tag as Google has it: ISO 639, two or three letters, but `zh-cn` and `zh-tw` for Chinese."""
    primary, *others = tag.replace("_", "-").lower().split("-")
    if primary in {"zh", "cmn"}:
        return "zh-tw" if _TRADITIONAL.intersection(others) and "hans" not in others else "zh-cn"
    return primary if _PRIMARY.fullmatch(primary) else "und"


def _file(stories: Sequence[NewsStory], base_url: str, name: str, hosts: Collection[str]) -> bytes:
    urls = "".join(_url(one, base_url, name, hosts) for one in stories)
    urls = urls or f"<url><loc>{base_url}/feeds</loc></url>\n"
    return f'{_DECLARATION}<urlset xmlns="{_SITEMAP}" xmlns:news="{_NEWS}">\n{urls}</urlset>\n'.encode()


def _url(story: NewsStory, base_url: str, name: str, hosts: Collection[str]) -> str:
    return (
        f"<url><loc>{markup(_loc(story, base_url, hosts))}</loc>"
        f"<lastmod>{rfc3339(max(story.updated, story.published))}</lastmod>"
        f"<news:news><news:publication><news:name>{name}</news:name>"
        f"<news:language>{language(story.lang)}</news:language></news:publication>"
        f"<news:publication_date>{rfc3339(story.published)}</news:publication_date>"
        f"<news:title>{markup(line(xml_text(story.title)))}</news:title></news:news></url>\n"
    )


def _loc(story: NewsStory, base_url: str, hosts: Collection[str]) -> str:
    here = f"{base_url}/articles/{story.key}"
    if story.url is None or len(story.url) > _LONGEST_LOC:
        return here
    host = (urlsplit(story.url).hostname or "").lower()
    return story.url if not hosts or host in hosts or host == urlsplit(base_url).hostname else here
