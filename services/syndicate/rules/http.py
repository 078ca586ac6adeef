"""Rules 41 to 54 over what a server answers: which requests to make, and what must be true of the answers. Pure.

FIRST ─▶ a reply ─▶ probes(reply): the same document asked for in every way that matters ─▶ check_http
"""

import gzip
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from services.syndicate.rules.fault import Expected, Fault, Said, short


class Reply(NamedTuple):
    """An answer: header names in lower case, the body's bytes as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Probe(NamedTuple):
    """A request to make. `suffix` is appended to the document's URL."""

    method: str
    headers: Mapping[str, str]
    suffix: str = ""


Replies = Mapping[str, Reply]
Check = Callable[[str, Replies, Expected], Said]

PLAIN = {"accept-encoding": "identity"}
FIRST = Probe("GET", PLAIN)
_TYPES = {
    "atom": "application/atom+xml",
    "rss": "application/rss+xml",
    "json": "application/feed+json",
    "ninjs": "application/json",
    "newsml": "application/vnd.iptc.g2.newsmessage+xml",
    "ndjson": "application/x-ndjson",
}
_KEPT = ("etag", "cache-control", "vary", "expires", "content-location", "last-modified", "link")
_TAG = re.compile(r'(?:W/)?"[^"]*"')
_LINK = re.compile(r'<([^>]*)>\s*;[^,<]*?rel="?([^";,]*)"?')
_AGE = re.compile(r"max-age=(\d+)")


def probes(first: Reply) -> dict[str, Probe]:
    """Make the requests that follow from the first reply."""
    tag, date = first.headers.get("etag", '""'), first.headers.get("last-modified", "")
    return {
        "gzip": Probe("GET", {"accept-encoding": "gzip"}),
        "refused": Probe("GET", {"accept-encoding": "gzip;q=0, identity", "if-none-match": f'"x", {tag}'}),
        "again": Probe("GET", {**PLAIN, "if-none-match": tag}),
        "weak": Probe("GET", {**PLAIN, "if-none-match": f"W/{tag.removeprefix('W/')}"}),
        "any": Probe("GET", {**PLAIN, "if-none-match": "*"}),
        "since": Probe("GET", {**PLAIN, "if-modified-since": date}),
        "outranked": Probe("GET", {**PLAIN, "if-none-match": '"other"', "if-modified-since": date}),
        "garbage": Probe("GET", {**PLAIN, "if-modified-since": "yesterday"}),
        "head": Probe("HEAD", PLAIN),
        "ranged": Probe("GET", {**PLAIN, "range": "bytes=0-9"}),
        "posted": Probe("POST", PLAIN),
        "query": Probe("GET", {**PLAIN, "if-none-match": tag}, "?wireroom-check=1"),
    }


def check_http(format_name: str, replies: Replies, expected: Expected) -> list[Fault]:
    """Judge the answers. `replies` holds "first" and whichever of `probes` were made."""
    limited = next((reply for reply in replies.values() if reply.status == 429), None)
    if limited is not None:
        return [Fault(51, "429", what) for what in _limited(limited)]
    if replies["first"].status != 200:
        return [Fault(50, "", f"answers {replies['first'].status}")]
    return [Fault(rule, where, what) for rule, check in HTTP for where, what in check(format_name, replies, expected)]


def _limited(reply: Reply) -> list[str]:
    found: list[str] = []
    if not reply.headers.get("retry-after", "").isdigit():
        found.append("does not say when to come again (Retry-After in seconds)")
    if "html" in reply.headers.get("content-type", ""):
        found.append("is a page, which no reader of feeds understands")
    return found


def _typed(format_name: str, replies: Replies, _expected: Expected) -> Said:
    kind = replies["first"].headers.get("content-type", "")
    wanted = _TYPES.get(format_name)
    if wanted is not None and kind.partition(";")[0].strip().lower() != wanted:
        yield "content-type", f"{short(kind)} is not {wanted}"
    if format_name in {"atom", "rss"} and "charset=utf-8" not in kind.lower().replace('"', ""):
        yield "content-type", "does not state charset=utf-8"
    if replies["first"].headers.get("x-content-type-options") != "nosniff":
        yield "x-content-type-options", "is not nosniff"


def _tagged(_format: str, replies: Replies, _expected: Expected) -> Said:
    tag = replies["first"].headers.get("etag", "")
    if not _TAG.fullmatch(tag):
        yield "etag", f"{short(tag)} is no entity tag"
    packed = replies.get("gzip")
    same = packed is not None and packed.headers.get("etag") == tag
    if same and packed is not None and packed.headers.get("content-encoding") and not tag.startswith("W/"):
        yield "etag", "is strong, and the same for gzip and identity"


def _conditional(_format: str, replies: Replies, _expected: Expected) -> Said:
    wanted = {"again": 304, "weak": 304, "any": 304, "since": 304, "outranked": 200, "garbage": 200, "refused": 304}
    for name, status in wanted.items():
        reply = replies.get(name)
        if reply is not None and reply.status != status:
            yield _ASKED[name], f"answers {reply.status}, not {status}"


_ASKED = {
    "again": "If-None-Match with the tag",
    "weak": "If-None-Match with the tag made weak",
    "any": "If-None-Match: *",
    "since": "If-Modified-Since with Last-Modified",
    "outranked": "If-None-Match with another tag, and If-Modified-Since",
    "garbage": "If-Modified-Since without a date",
    "refused": "If-None-Match with a list",
}


def _dated(_format: str, replies: Replies, _expected: Expected) -> Said:
    headers = replies["first"].headers
    try:
        changed, sent = (parsedate_to_datetime(headers.get(name, "")) for name in ("last-modified", "date"))
    except ValueError:
        yield "last-modified", f"{short(headers.get('last-modified'))} or Date {short(headers.get('date'))} is no date"
        return
    if changed > sent:
        yield "last-modified", f"{headers['last-modified']} is after Date, {headers['date']}"


def _unmodified(_format: str, replies: Replies, _expected: Expected) -> Said:
    first, again = replies["first"], replies.get("again")
    if again is None or again.status != 304:
        return
    if again.body:
        yield "304", f"has a body of {len(again.body)} bytes"
    for name in _KEPT:
        if first.headers.get(name) != again.headers.get(name):
            yield f"304 {name}", f"is {short(again.headers.get(name))}, and {short(first.headers.get(name))} with 200"
    if "date" not in again.headers:
        yield "304 date", "is missing"


def _varied(_format: str, replies: Replies, _expected: Expected) -> Said:
    for name in ("first", "again", "gzip"):
        if (reply := replies.get(name)) is None or reply.status not in {200, 304}:
            continue
        fields = {one.strip().lower() for one in reply.headers.get("vary", "").split(",")}
        if "accept-encoding" not in fields and "*" not in fields:
            yield f"vary ({reply.status})", "does not name Accept-Encoding"
        for wrong in fields & {"user-agent", "cookie", "accept"}:
            yield f"vary ({reply.status})", f"names {wrong}"


def _packed(_format: str, replies: Replies, _expected: Expected) -> Said:
    first, packed, refused = replies["first"], replies.get("gzip"), replies.get("refused")
    if first.headers.get("content-encoding", "identity") != "identity":
        yield "content-encoding", "is set for who asks for identity"
    if packed is not None and packed.status == 200:
        if packed.headers.get("content-encoding") != "gzip":
            yield "content-encoding", "is not gzip for who asks for gzip"
        elif packed.body[4:8] != b"\0\0\0\0":
            yield "gzip", "holds a time: the same document gives other bytes"
        elif _unpacked(packed.body) != first.body:
            yield "gzip", "is another document"
    if refused is not None and refused.headers.get("content-encoding") == "gzip":
        yield "content-encoding", "is gzip for who refuses it (q=0)"


def _unpacked(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError):
        return b""


def _methods(_format: str, replies: Replies, _expected: Expected) -> Said:
    first, head = replies["first"], replies.get("head")
    if head is not None:
        if head.status != first.status or head.body:
            yield "HEAD", f"answers {head.status} with {len(head.body)} bytes"
        for name in (*_KEPT, "content-type", "content-length"):
            if head.headers.get(name) != first.headers.get(name):
                yield (
                    f"HEAD {name}",
                    f"is {short(head.headers.get(name))}, and {short(first.headers.get(name))} with GET",
                )
    ranged = replies.get("ranged")
    if ranged is not None and ranged.status != 200:
        yield "Range", f"answers {ranged.status}, not 200"
    posted = replies.get("posted")
    if posted is not None and (posted.status != 405 or "GET" not in posted.headers.get("allow", "")):
        yield "POST", f"answers {posted.status} with Allow {short(posted.headers.get('allow'))}"


def _kept(_format: str, replies: Replies, expected: Expected) -> Said:
    said = replies["first"].headers.get("cache-control", "")
    words = {one.strip().split("=")[0].lower() for one in said.split(",")}
    age = int(found[1]) if (found := _AGE.search(said)) else None
    if expected.private:
        if not words & {"private", "no-store"} or "public" in words:
            yield "cache-control", f"{short(said)} of a private feed"
        if replies["first"].headers.get("referrer-policy") != "no-referrer":
            yield "referrer-policy", "is not no-referrer for a private feed"
    elif expected.archive:
        if "immutable" not in words or age is None or age < 31_536_000:
            yield "cache-control", f"{short(said)}: an archive keeps for a year, immutable"
    else:
        if age is None or not 60 <= age <= 900:
            yield "cache-control", f"{short(said)}: max-age is from 60 to 900"
        for name in ("stale-while-revalidate", "stale-if-error"):
            if name not in words:
                yield "cache-control", f"does not say {name}"


def _found(_format: str, replies: Replies, _expected: Expected) -> Said:
    unknown = replies.get("unknown")
    if unknown is not None and unknown.status != 404:
        yield "an address that no feed has", f"answers {unknown.status}, not 404"


def _without_cookies(_format: str, replies: Replies, _expected: Expected) -> Said:
    for name, reply in replies.items():
        if "set-cookie" in reply.headers:
            yield name, "sets a cookie"
    query = replies.get("query")
    if query is not None and query.status != 304:
        yield "an unknown query parameter", f"answers {query.status}, not 304: it is another document"


def _linked(_format: str, replies: Replies, expected: Expected) -> Said:
    links = {(rel, url) for url, rel in _LINK.findall(replies["first"].headers.get("link", ""))}
    if expected.self_url is not None and ("self", expected.self_url) not in links:
        yield "link", f'names no rel="self" {short(expected.self_url)}'
    for hub in expected.hub_urls:
        if ("hub", hub) not in links:
            yield "link", f'names no rel="hub" {short(hub)}'


def _delta(_format: str, replies: Replies, _expected: Expected) -> Said:
    reply = replies.get("delta")
    if reply is None or reply.status != 226:
        return
    if reply.headers.get("im", "").strip() != "feed":
        yield "im", "does not name feed"
    if not {"a-im", "if-none-match"} <= {one.strip().lower() for one in reply.headers.get("vary", "").split(",")}:
        yield "vary (226)", "does not name A-IM and If-None-Match"


HTTP: tuple[tuple[int, Check], ...] = (
    (41, _typed),
    (42, _tagged),
    (43, _conditional),
    (44, _dated),
    (45, _unmodified),
    (46, _varied),
    (47, _packed),
    (48, _methods),
    (49, _kept),
    (50, _found),
    (52, _without_cookies),
    (53, _linked),
    (54, _delta),
)
