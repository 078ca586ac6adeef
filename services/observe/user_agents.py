"""Who reads, by what the program calls itself: its name, and for how many people it reads. Pure.

Aggregators fetch once for all their readers and say so in User-Agent (RFC 9110 §10.1.5 leaves comments free):
`Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1234 subscribers; like FeedFetcher-Google)`. A name is the
program's alone: no version, no address, nothing of the person.
"""

import itertools
import re
from functools import lru_cache
from typing import NamedTuple

NOBODY = "(none)"
OTHER = "(other)"
_LONGEST = 40
_MOST_SUBSCRIBERS = 1_000_000_000  # beyond it somebody jokes

_COUNT = re.compile(
    r"(?<![\w.,/])(\d{1,3}(?:[ ,.'_]\d{3})+|\d+)\s*(?:\+\s*)?(?:active\s+)?(?:subscriber|reader|user|follower)s?\b",
    re.IGNORECASE,
)
_COUNT_AFTER = re.compile(
    r"\b(?:subscribers?|readers?|users?|followers?)(?:[-_ ]?count)?\s*[:=]\s*(\d{1,3}(?:[,.'_]\d{3})+|\d+)",
    re.IGNORECASE,
)
_NAMES = tuple(  # those whose first word is not their name
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"feedly", "Feedly"),
        (r"feedbin", "Feedbin"),
        (r"newsblur", "NewsBlur"),
        (r"inoreader", "Inoreader"),
        (r"theoldreader|the old reader", "The Old Reader"),
        (r"bloglovin", "Bloglovin"),
        (r"bazqux", "BazQux"),
        (r"feedspot", "Feedspot"),
        (r"commafeed", "CommaFeed"),
        (r"netvibes", "Netvibes"),
        (r"feedhq", "FeedHQ"),
        (r"feed ?wrangler", "Feed Wrangler"),
        (r"g2reader", "G2Reader"),
        (r"newsgator", "NewsGator"),
        (r"feedfetcher-google", "Feedfetcher-Google"),
        (r"freshrss", "FreshRSS"),
        (r"miniflux", "Miniflux"),
        (r"tiny tiny rss|tt-rss", "Tiny Tiny RSS"),
        (r"netnewswire", "NetNewsWire"),
        (r"thunderbird", "Thunderbird"),
        (r"googlebot", "Googlebot"),
        (r"bingbot", "bingbot"),
        (r"yandex", "Yandex"),
    )
)
_COMPATIBLE = re.compile(r"\(compatible;\s*([^;/)]+)", re.IGNORECASE)
_BROWSERS = (("Firefox/", "Firefox"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_MACHINE = re.compile(r"bot\b|bot[/ ]|crawl|spider|monitor|uptime|wireroom", re.IGNORECASE)
_UNFIT = re.compile(r"[^\w .+()!-]", re.ASCII)
_PRIVATE = re.compile(r"@|\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{16}", re.IGNORECASE)


class Agent(NamedTuple):
    """A program that reads feeds. `subscribers` None: it reads for whoever runs it."""

    name: str
    subscribers: int | None
    is_machine: bool = False  # a crawler or a monitor: nobody reads what it fetches


@lru_cache(maxsize=4_096)
def agent_of(user_agent: bytes) -> Agent:
    """Read a User-Agent header."""
    text = " ".join(user_agent[:1_000].decode("latin-1").split())
    if not text:
        return Agent(NOBODY, None)
    return Agent(name := _name(text), _subscribers(text), _MACHINE.search(name) is not None)


def _subscribers(text: str) -> int | None:
    found = _COUNT_AFTER.search(text) or _COUNT.search(text)
    if found is None:
        return None
    digits = re.sub(r"\D", "", found[1])
    number = int(digits[:12])
    return number if number <= _MOST_SUBSCRIBERS else None


def _name(text: str) -> str:
    for pattern, name in _NAMES:
        if pattern.search(text):
            return name
    if (hidden := _COMPATIBLE.search(text)) is not None:
        return _fit(hidden[1])
    if text.startswith("Mozilla/"):
        return next((name for mark, name in _BROWSERS if mark in text), "Mozilla")
    product = text.partition("/")[0].partition("(")[0]
    words = itertools.takewhile(lambda word: not word[0].isdigit(), product.split())  # a version is no name
    return _fit(" ".join(itertools.islice(words, 3)))


def _fit(name: str) -> str:
    """Keep what is a program's name: no address, no mail, no key that somebody put there."""
    if _PRIVATE.search(name):
        return OTHER
    return _UNFIT.sub("", name).strip()[:_LONGEST] or OTHER
