"""Decide how a request for a feed document is answered. Pure: headers in, status, headers and body out.

RFC 9110 (conditional requests §13, content negotiation §12.5.3), RFC 9111, RFC 5861, RFC 8246.

    Asked ─▶ codings (by Accept-Encoding, best first) ─▶ one of them the reader holds? 304 : 200 in the best made
"""

import re
from datetime import datetime
from typing import NamedTuple

from services.http.feeds.dates import http_date, parse_http_date
from services.http.feeds.negotiation import codings
from services.syndicate.codings import CODINGS
from services.syndicate.document import Document

Headers = list[tuple[bytes, bytes]]

_TAG = re.compile(rb'(?:W/)?"([^"]*)"')
_OUR_TAG = re.compile(rb'"[0-9a-f]{32}(?:-[0-9a-f]{8})?(?:[-;:]{1,2}gzip)?"')
# What proxies that compress append to our tag: Apache "-gzip", Jetty "--gzip", others ";gzip".
_SUFFIX = re.compile(rb"[-;:]{1,2}gzip$")
_CHARSET = {"application/rss+xml", "application/atom+xml"}  # RFC 7303 §3; JSON knows no charset parameter
_STALE_IF_ERROR_S = 86_400
_YEAR_S = 31_536_000
_LONGEST_PRIVATE_S = 300
CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Date, ETag, Last-Modified, Link, Retry-After"),
]
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
HSTS = (b"strict-transport-security", b"max-age=31536000")


class Asked(NamedTuple):
    """The parts of a request that matter. None: the header was not sent; several lines are one list."""

    method: bytes = b"GET"
    accept_encoding: bytes | None = None
    if_none_match: bytes | None = None
    if_modified_since: bytes | None = None


class Choice(NamedTuple):
    """What to answer: 200 or 304, in which coding. `wanted` is not made yet and would have been better."""

    status: int
    coding: str
    wanted: str | None = None


_SAME = {name: Choice(304, name) for name in CODINGS}
_WHOLE = {name: Choice(200, name) for name in CODINGS}


class Answer(NamedTuple):
    """What goes out. The server adds Date."""

    status: int
    headers: Headers
    body: bytes


def decide(asked: Asked, document: Document, now: datetime) -> Answer:
    """Answer a GET or HEAD. `now` keeps Last-Modified from lying ahead of Date (§8.8.2.1)."""
    choice = choose(asked, document, now)
    coded = document.coded(choice.coding)
    body = b"" if choice.status == 304 or asked.method == b"HEAD" or coded is None else coded.data
    return Answer(choice.status, headers(document, choice.status, choice.coding, now), body)


def choose(asked: Asked, document: Document, now: datetime) -> Choice:
    """Choose status and coding.

    §13.2.2: If-None-Match alone decides where it was sent; else If-Modified-Since, if it is a date.
    A reader whose Accept-Encoding allows several codings is told 304 about whichever of them it holds: it got
    gzip before br was made, and nothing has changed since.
    """
    order = codings(asked.accept_encoding)
    if asked.if_none_match is not None:
        held = matching(asked.if_none_match, document, order)
        if held is not None:
            return _SAME[held]
    elif asked.if_modified_since is not None:
        since = parse_http_date(asked.if_modified_since.decode("latin-1"), now)
        if since is not None and last_modified(document, now) <= since.timestamp():
            return _SAME[_made(document, order)]
    made = _made(document, order)
    wanted = order[0] if made != order[0] and order[0] not in document.more else None
    return _WHOLE[made] if wanted is None else Choice(200, made, wanted)


def _made(document: Document, order: tuple[str, ...]) -> str:
    return next(name for name in order if document.coded(name) is not None)


def matching(if_none_match: bytes, document: Document, order: tuple[str, ...]) -> str | None:
    """Find the coding whose tag the reader holds; compared weakly (§13.1.2). None: none of these.

    A tag with a compressing proxy's suffix stands for that proxy's coding of whatever we sent it.
    """
    for name in order:
        if document.tags[name] == if_none_match:
            return name
    if if_none_match.strip() == b"*":
        return _made(document, order)
    for tag in _TAG.findall(if_none_match):
        bare = b'"%s"' % _SUFFIX.sub(b"", tag)
        if len(bare) < len(tag) + 2:
            if bare in document.tags.values():
                return _made(document, order)
            continue
        for name in order:
            if document.tags[name] == bare:
                return name
    return None


def is_conditional(asked: Asked, now: datetime) -> bool:
    """Whether it asks for news only: it names a tag of our making, or a date. Anything else is a plain GET to us."""
    if asked.if_none_match is not None:
        return asked.if_none_match.strip() == b"*" or _OUR_TAG.search(asked.if_none_match) is not None
    since = asked.if_modified_since
    return since is not None and parse_http_date(since.decode("latin-1"), now) is not None


def last_modified(document: Document, now: datetime) -> int:
    """Date the document's last change, never ahead of the clock."""
    return int(min(document.changed_at, now).timestamp())


def headers(document: Document, status: int, coding: str, now: datetime) -> Headers:
    """Make the headers of a 200 or 304. A 304 has those that caches take over (§15.4.5, RFC 9111 §3.2)."""
    policy = document.policy
    made: Headers = []
    if status == 200:
        kind = document.media_type + ("; charset=utf-8" if document.media_type in _CHARSET else "")
        coded = document.coded(coding) or document.identity
        made += [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(coded.data))]
        if coding != "identity":
            made.append((b"content-encoding", coding.encode()))
    links = [f'<{document.self_url}>; rel="self"', *(f'<{url}>; rel="hub"' for url in document.hub_urls)]
    links += [f'<{link.href}>; rel="{link.rel}"' for link in document.links]
    made += [
        (b"etag", document.tags[coding]),
        (b"last-modified", http_date(last_modified(document, now))),
        (b"cache-control", cache_control(document)),
        (b"vary", b"Accept-Encoding"),
        (b"link", ", ".join(links).encode()),
        *SECURITY,
    ]
    if document.location is not None:
        made.append((b"content-location", document.location.encode()))
    if policy.noindex or policy.kind == "private":
        made.append((b"x-robots-tag", b"noindex"))
    if policy.kind != "private" and "json" in document.media_type:
        made += CORS
    return made


def cache_control(document: Document) -> bytes:
    """Say who may keep it, and for how long (rule 49)."""
    age = document.policy.max_age_s
    match document.policy.kind:
        case "archive":  # never changes under its URL
            return b"public, max-age=%d, immutable, stale-if-error=%d" % (_YEAR_S, _YEAR_S)
        case "private":  # of one subscriber: no shared cache may keep it (RFC 9111 §3.5), its own for moments
            return b"private, max-age=%d" % min(age, _LONGEST_PRIVATE_S)
        case _:
            return b"public, max-age=%d, stale-while-revalidate=%d, stale-if-error=%d" % (age, age, _STALE_IF_ERROR_S)
