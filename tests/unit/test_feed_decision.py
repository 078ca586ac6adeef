"""Conditional requests, content negotiation and headers of a feed: every combination, as RFC 9110 says."""

import gzip as zlib_gzip
from datetime import UTC, datetime, timedelta

import pytest

from services.http.feeds.decision import Asked, decide, http_date, parse_http_date, prefers_gzip
from services.syndicate.document import make
from services.syndicate.formats import FORMATS
from tests.golden.entries import STORY, head

CHANGED = datetime(2026, 11, 3, 8, 15, 0, 900_000, tzinfo=UTC)
NOW = CHANGED + timedelta(minutes=5)
DOCUMENT = make(head("atom"), 7, CHANGED, FORMATS["atom"], [FORMATS["atom"].entry(STORY) or b""])
PLAIN, GZIP = DOCUMENT.identity.etag, DOCUMENT.gzip.etag
EQUAL = "Tue, 03 Nov 2026 08:15:00 GMT"
EARLIER = "Tue, 03 Nov 2026 08:14:59 GMT"
LATER = "Tue, 03 Nov 2026 08:15:01 GMT"


def suffixed(tag: str, suffix: str) -> str:
    return f'{tag[:-1]}{suffix}"'


def status(if_none_match: str | None = None, if_modified_since: str | None = None, accept: str | None = None) -> int:
    return decide(Asked("GET", accept, if_none_match, if_modified_since), DOCUMENT, NOW, 60).status


@pytest.mark.parametrize(
    ("tag", "accept", "expected"),
    [
        (None, None, 200),
        (PLAIN, None, 304),
        (f"W/{PLAIN}", None, 304),
        (f'"other", {PLAIN}', None, 304),
        (f'W/"other" ,W/{PLAIN},', None, 304),
        ("*", None, 304),
        (" * ", None, 304),
        ('"other"', None, 200),
        ('"*"', None, 200),
        ("", None, 200),
        ("garbage", None, 200),
        (PLAIN[:-1], None, 200),
        (PLAIN.replace('"', ""), None, 200),
        (PLAIN.upper(), None, 200 if PLAIN.upper() != PLAIN else 304),
        (suffixed(PLAIN, "-gzip"), None, 304),
        (suffixed(PLAIN, "-gzip"), "gzip", 304),
        (f"W/{suffixed(PLAIN, '-gzip')}", None, 304),
        (suffixed(PLAIN, "--gzip"), None, 304),
        (suffixed(PLAIN, ";gzip"), None, 304),
        (suffixed(GZIP, "-gzip"), "gzip", 304),
        (suffixed(PLAIN, "-br"), None, 200),
        ('"-gzip"', None, 200),
        (GZIP, "gzip", 304),
        (f"W/{GZIP}", "gzip", 304),
        (GZIP, None, 200),  # the tag of another representation than the one chosen
        (PLAIN, "gzip", 200),
        (f"{PLAIN}, {GZIP}", "gzip", 304),
        (f"{PLAIN}, {GZIP}", None, 304),
    ],
)
def test_if_none_match(tag: str | None, accept: str | None, expected: int) -> None:
    assert status(tag, accept=accept) == expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (EQUAL, 304),
        (LATER, 304),
        (EARLIER, 200),
        ("Tuesday, 03-Nov-26 08:15:00 GMT", 304),
        ("Tue Nov  3 08:15:00 2026", 304),
        ("Tue Nov  3 08:14:59 2026", 200),
        ("Tue, 03 Nov 2036 08:15:00 GMT", 304),
        ("", 200),
        ("yesterday", 200),
        ("Tue, 03 Nov 2026 08:15:00 +0000", 200),
        ("Tue, 31 Feb 2026 08:15:00 GMT", 200),
        ("2026-11-03T08:15:00Z", 200),
        (f"{EQUAL}, {EQUAL}", 200),
        ("1793693700", 200),
    ],
)
def test_if_modified_since(date: str, expected: int) -> None:
    assert status(if_modified_since=date) == expected


@pytest.mark.parametrize(
    ("tag", "date", "expected"),
    [
        (PLAIN, EQUAL, 304),
        (PLAIN, EARLIER, 304),
        (PLAIN, "garbage", 304),
        ('"other"', EQUAL, 200),
        ('"other"', LATER, 200),
        ("garbage", LATER, 200),
        ("", LATER, 200),
        ("*", EARLIER, 304),
    ],
)
def test_if_none_match_outranks_if_modified_since(tag: str, date: str, expected: int) -> None:
    assert status(tag, date) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.001", True),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("identity", False),
        ("*", True),
        ("*;q=0", False),
        ("br, *;q=0.1", True),
        ("gzip;q=0, *", False),
        ("br", False),
        ("identity;q=0", False),
        ("gzip;q=2", False),
        ("gzip;q=x, gzip", True),
        (",,gzip,,", True),
    ],
)
def test_gzip_by_q_value(header: str | None, expected: bool) -> None:  # noqa: FBT001 - a table
    assert prefers_gzip(header) is expected


def test_a_304_carries_the_validators_and_caching_of_the_200_and_no_body() -> None:
    for accept in (None, "gzip"):
        full = decide(Asked("GET", accept), DOCUMENT, NOW, 60)
        same = decide(Asked("GET", accept, dict(full.headers)[b"etag"].decode()), DOCUMENT, NOW, 60)
        assert (same.status, same.body) == (304, b"")
        for name in (b"etag", b"last-modified", b"cache-control", b"vary", b"link"):
            assert dict(same.headers)[name] == dict(full.headers)[name]
        for name in (b"content-type", b"content-length", b"content-encoding"):
            assert name not in dict(same.headers)


@pytest.mark.parametrize("accept", [None, "gzip"])
def test_head_is_get_without_a_body(accept: str | None) -> None:
    get = decide(Asked("GET", accept), DOCUMENT, NOW, 60)
    head_of_it = decide(Asked("HEAD", accept), DOCUMENT, NOW, 60)
    assert head_of_it.headers == get.headers
    assert head_of_it.body == b""
    assert int(dict(get.headers)[b"content-length"]) == len(get.body)


def test_each_coding_has_its_own_strong_tag_and_the_same_text() -> None:
    plain, packed = (decide(Asked("GET", accept), DOCUMENT, NOW, 60) for accept in (None, "gzip"))
    assert dict(plain.headers)[b"etag"] != dict(packed.headers)[b"etag"]
    assert dict(packed.headers)[b"content-encoding"] == b"gzip"
    assert zlib_gzip.decompress(packed.body) == plain.body
    assert packed.body[4:8] == b"\0\0\0\0"  # no time of compression
    for answer in (plain, packed):
        assert dict(answer.headers)[b"vary"] == b"Accept-Encoding"
        assert not dict(answer.headers)[b"etag"].startswith(b"W/")


def test_the_headers_of_a_200() -> None:
    headers = dict(decide(Asked(), DOCUMENT, NOW, 120).headers)
    assert headers[b"content-type"] == b"application/atom+xml; charset=utf-8"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"content-security-policy"] == b"sandbox; default-src 'none'"
    assert headers[b"cache-control"].startswith(b"public, max-age=120, stale-while-revalidate=")
    assert b"stale-if-error=" in headers[b"cache-control"]
    assert headers[b"last-modified"] == EQUAL.encode()
    assert headers[b"link"] == b'<https://news.example/feeds/section/actualites.atom>; rel="self"'


def test_last_modified_never_lies_ahead_of_the_clock() -> None:
    before = CHANGED - timedelta(seconds=3)
    assert dict(decide(Asked(), DOCUMENT, before, 60).headers)[b"last-modified"] == b"Tue, 03 Nov 2026 08:14:57 GMT"


def test_two_changes_within_a_second_have_two_tags() -> None:
    changed = make(head("atom"), 8, CHANGED, FORMATS["atom"], [])
    assert {changed.identity.etag, changed.gzip.etag}.isdisjoint({PLAIN, GZIP})
    assert decide(Asked("GET", None, PLAIN, EQUAL), changed, NOW, 60).status == 200


def test_http_dates_are_english_and_read_back() -> None:
    for at in (CHANGED, datetime(1999, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2031, 9, 7, tzinfo=UTC)):
        assert parse_http_date(http_date(int(at.timestamp())).decode(), NOW) == at.replace(microsecond=0)


def test_a_two_digit_year_far_ahead_is_past() -> None:
    assert parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", NOW) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
