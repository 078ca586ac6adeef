"""Conditional requests, content negotiation and headers of a feed: every combination, as RFC 9110 says."""

import gzip as zlib_gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import brotli
import pytest
import zstandard

from services.http.feeds.dates import http_date, parse_http_date
from services.http.feeds.decision import Answer, Asked, choose, decide, is_conditional
from services.http.feeds.negotiation import codings
from services.syndicate.document import Document, Policy, make, pack
from services.syndicate.formats import FORMATS
from tests.golden.entries import STORY, head

CHANGED = datetime(2026, 11, 3, 8, 15, 0, 900_000, tzinfo=UTC)
NOW = CHANGED + timedelta(minutes=5)


def document(form: str = "atom", policy: Policy = Policy(), hubs: tuple[str, ...] = ()) -> Document:  # noqa: B008 - frozen
    shape = FORMATS[form]
    made_head = head(form).model_copy(update={"hub_urls": hubs})
    return make(made_head, 7, CHANGED, shape, [shape.entry(STORY) or b""] * 3, policy)


DOCUMENT = document()
PLAIN, GZIP, ZSTD, BR = (DOCUMENT.tags[name].decode() for name in ("identity", "gzip", "zstd", "br"))
EQUAL = "Tue, 03 Nov 2026 08:15:00 GMT"
EARLIER = "Tue, 03 Nov 2026 08:14:59 GMT"
LATER = "Tue, 03 Nov 2026 08:15:01 GMT"
MODERN = "gzip, deflate, br, zstd"


def packed() -> Document:
    """A document with br and zstd ready."""
    made = document()
    for coding in ("br", "zstd"):
        made.more[coding] = pack(made, coding)
    return made


def suffixed(tag: str, suffix: str) -> str:
    return f'{tag[:-1]}{suffix}"'


def asked(accept: str | None = None, tag: str | None = None, date: str | None = None, method: bytes = b"GET") -> Asked:
    sent = [None if one is None else one.encode() for one in (accept, tag, date)]
    return Asked(method, *sent)


def ask(of: Document = DOCUMENT, now: datetime = NOW, **sent: str | bytes | None) -> Answer:
    return decide(asked(**sent), of, now)  # pyright: ignore[reportArgumentType]


def status(tag: str | None = None, date: str | None = None, accept: str | None = None) -> int:
    return ask(tag=tag, date=date, accept=accept).status


def test_each_coding_has_a_tag_of_its_own() -> None:
    """Rule 42: and it is known before the coding is made."""
    assert len({PLAIN, GZIP, ZSTD, BR}) == 4
    assert packed().tags == DOCUMENT.tags
    assert document("rss").tags != DOCUMENT.tags


TAGS = [
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
    (GZIP, None, 200),  # the tag of a coding that such a request never gets
    (PLAIN, "gzip", 200),
    (BR, "gzip", 200),
    (f"{PLAIN}, {GZIP}", "gzip", 304),
    (f"{PLAIN}, {GZIP}", None, 304),
    (GZIP, MODERN, 304),
    (BR, MODERN, 304),
    (ZSTD, MODERN, 304),
    (PLAIN, MODERN, 200),
    (PLAIN, "br", 304),
]


@pytest.mark.parametrize(("tag", "accept", "expected"), TAGS)
def test_rule_43_if_none_match(tag: str | None, accept: str | None, expected: int) -> None:
    assert status(tag, accept=accept) == expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (EQUAL, 304),
        (LATER, 304),
        (EARLIER, 200),
        (f" {EQUAL} ", 304),
        ("Tuesday, 03-Nov-26 08:15:00 GMT", 304),
        ("Tuesday, 03-Nov-26 08:14:59 GMT", 200),
        ("Tue Nov  3 08:15:00 2026", 304),
        ("Tue Nov  3 08:14:59 2026", 200),
        ("Tue, 03 Nov 2036 08:15:00 GMT", 304),
        ("", 200),
        ("yesterday", 200),
        ("Tue, 03 Nov 2026 08:15:00 +0000", 200),
        ("Tue, 31 Feb 2026 08:15:00 GMT", 200),
        ("Tue, 03 Nov 2026 25:15:00 GMT", 200),
        ("2026-11-03T08:15:00Z", 200),
        (f"{EQUAL}, {EQUAL}", 200),
        ("1793693700", 200),
        ("Tue, ٠٣ Nov 2026 08:15:00 GMT", 200),
    ],
)
def test_rule_43_if_modified_since_and_a_bad_date_is_ignored(date: str, expected: int) -> None:
    assert status(date=date) == expected


DATES = [(None, False), (EQUAL, True), (LATER, True), (EARLIER, False), ("garbage", False), ("", False)]


@pytest.mark.parametrize(("sent", "dated"), list(product(TAGS, DATES)))
def test_rule_43_if_none_match_outranks_if_modified_since(
    sent: tuple[str | None, str | None, int], dated: tuple[str | None, bool]
) -> None:
    tag, accept, by_tag = sent
    date, is_newest = dated
    expected = by_tag if tag is not None else 304 if is_newest else 200
    answer = ask(tag=tag, date=date, accept=accept)
    assert answer.status == expected
    assert (answer.body == b"") == (expected == 304)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br", "br gzip"),
        (MODERN, "br zstd gzip"),
        ("zstd, br", "br zstd identity"),
        ("gzip;q=0", "identity"),
        ("gzip; q=0.000", "identity"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0.5, br;q=0.4, identity;q=0.4", "gzip"),
        ("identity", "identity"),
        ("*", "gzip"),
        ("*;q=0", "identity"),
        ("br, *;q=0.1", "br gzip"),
        ("br;q=0.1, *", "gzip"),
        ("gzip;q=0, *", "identity"),
        ("br", "br identity"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip;q=0.8, br;q=0.9", "br gzip"),
        ("zstd;q=1, br;q=0.5, gzip;q=0.3", "zstd br gzip"),
        ("identity;q=0", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=x, gzip", "gzip"),
        (",,gzip,,", "gzip"),
    ],
)
def test_rule_47_codings_by_q_value(header: str | None, expected: str) -> None:
    assert " ".join(codings(None if header is None else header.encode())) == expected


@pytest.mark.parametrize("accept", [None, "gzip", "br", MODERN])
def test_rule_45_a_304_carries_the_validators_and_caching_of_the_200_and_no_body(accept: str | None) -> None:
    for made in (DOCUMENT, packed()):
        full = ask(made, accept=accept)
        same = ask(made, accept=accept, tag=dict(full.headers)[b"etag"].decode())
        assert (full.status, same.status, same.body) == (200, 304, b"")
        dropped = {b"content-type", b"content-length", b"content-encoding"}
        assert same.headers == [pair for pair in full.headers if pair[0] not in dropped]


@pytest.mark.parametrize("accept", [None, "gzip", "br", MODERN])
def test_rule_48_head_is_get_without_a_body(accept: str | None) -> None:
    for made in (DOCUMENT, packed()):
        get = ask(made, accept=accept)
        head_of_it = ask(made, accept=accept, method=b"HEAD")
        assert (head_of_it.status, head_of_it.headers, head_of_it.body) == (200, get.headers, b"")
        assert int(dict(get.headers)[b"content-length"]) == len(get.body)


def test_rule_45_an_unconditional_request_never_gets_304() -> None:
    for accept in (None, "", "gzip", "br", MODERN, "*", "identity;q=0"):
        for method in (b"GET", b"HEAD"):
            assert ask(accept=accept, method=method).status == 200


def test_rule_42_each_coding_is_the_same_text_under_its_own_strong_tag() -> None:
    made = packed()
    undo = {
        "identity": bytes,
        "gzip": zlib_gzip.decompress,
        "br": brotli.decompress,
        "zstd": zstandard.ZstdDecompressor().decompress,
    }
    tags: set[bytes] = set()
    for coding, decode in undo.items():
        answer = ask(made, accept=coding)
        found = dict(answer.headers)
        assert found.get(b"content-encoding", b"identity").decode() == coding
        assert decode(answer.body) == made.identity.data
        assert found[b"etag"] == made.tags[coding]
        tags.add(found[b"etag"])
    assert len(tags) == 4
    assert not any(tag.startswith(b"W/") for tag in tags)


def test_rule_46_every_answer_varies_by_accept_encoding_alone() -> None:
    for accept in (None, "gzip", "br", "identity"):
        for tag in (None, "*"):
            assert dict(ask(accept=accept, tag=tag).headers)[b"vary"] == b"Accept-Encoding"


def test_rule_47_gzip_holds_no_time_and_is_made_twice_alike() -> None:
    body = ask(accept="gzip").body
    assert body[4:8] == b"\0\0\0\0"
    assert body == ask(document(), accept="gzip").body


def test_rule_47_until_br_is_made_its_readers_get_gzip_and_later_304_for_it() -> None:
    made = document()
    first = choose(asked(MODERN), made, NOW)
    assert first == (200, "gzip", "br")
    made.more["br"] = pack(made, "br")
    assert choose(asked(MODERN), made, NOW) == (200, "br", None)
    assert choose(asked(MODERN, made.tags["gzip"].decode()), made, NOW).status == 304
    made.more["br"] = None  # no smaller than gzip
    assert choose(asked(MODERN), made, NOW) == (200, "gzip", None)


def test_a_coding_that_saves_nothing_is_not_kept() -> None:
    tiny = make(head("json"), 1, CHANGED, FORMATS["json"], [])
    noise = replace(tiny, identity=tiny.identity._replace(data=bytes(range(256))), gzip=tiny.gzip._replace(data=b"x"))
    assert pack(noise, "br") is None
    assert packed().size >= sum(
        len(one.data) for one in (packed().identity, packed().gzip, *packed().more.values()) if one is not None
    )


def test_rule_41_types_and_security_rule_32_headers() -> None:
    for form, kind in (
        ("atom", b"application/atom+xml; charset=utf-8"),
        ("rss", b"application/rss+xml; charset=utf-8"),
        ("json", b"application/feed+json"),
    ):
        found = dict(ask(document(form)).headers)
        assert found[b"content-type"] == kind
        assert found[b"x-content-type-options"] == b"nosniff"
        assert found[b"content-security-policy"] == b"sandbox; default-src 'none'"
        assert found[b"last-modified"] == EQUAL.encode()
        assert b"set-cookie" not in found
        assert b"accept-ranges" not in found


def test_rule_49_each_kind_of_feed_has_its_own_caching() -> None:
    def caching(policy: Policy) -> bytes:
        return dict(ask(document(policy=policy)).headers)[b"cache-control"]

    assert caching(Policy("public", 300)) == b"public, max-age=300, stale-while-revalidate=300, stale-if-error=86400"
    assert caching(Policy("archive", 300)).startswith(b"public, max-age=31536000, immutable")
    for age, most in ((60, 60), (900, 300)):
        assert caching(Policy("private", age)) == b"private, max-age=%d" % most


def test_rule_49_a_private_feed_is_for_no_other_site_and_no_search_engine() -> None:
    found = dict(ask(document("json", Policy("private"))).headers)
    assert found[b"referrer-policy"] == b"no-referrer"
    assert found[b"x-robots-tag"] == b"noindex"
    assert b"access-control-allow-origin" not in found


def test_rule_37_a_search_feed_is_not_for_search_engines() -> None:
    assert dict(ask(document(policy=Policy(noindex=True))).headers)[b"x-robots-tag"] == b"noindex"
    assert b"x-robots-tag" not in dict(ask().headers)


def test_scripts_of_other_sites_may_read_json() -> None:
    for tag in (None, "*"):
        found = dict(ask(document("json"), tag=tag).headers)
        assert found[b"access-control-allow-origin"] == b"*"
        assert b"ETag" in found[b"access-control-expose-headers"]
        assert b"access-control-allow-origin" not in dict(ask(tag=tag).headers)


def test_rule_53_self_and_hub_stand_in_link_on_get_head_and_304() -> None:
    made = document(hubs=("https://hub.example/", "https://other.example/hub"))
    expected = (
        b'<https://news.example/feeds/section/actualites.atom>; rel="self", '
        b'<https://hub.example/>; rel="hub", <https://other.example/hub>; rel="hub"'
    )
    for answer in (ask(made), ask(made, method=b"HEAD"), ask(made, tag="*")):
        assert dict(answer.headers)[b"link"] == expected
    assert dict(ask().headers)[b"link"] == b'<https://news.example/feeds/section/actualites.atom>; rel="self"'


def test_rule_44_last_modified_never_lies_ahead_of_the_clock() -> None:
    before = CHANGED - timedelta(seconds=3)
    assert dict(ask(now=before).headers)[b"last-modified"] == b"Tue, 03 Nov 2026 08:14:57 GMT"


def test_rule_44_two_changes_within_a_second_have_two_tags() -> None:
    changed = make(head("atom"), 8, CHANGED, FORMATS["atom"], [])
    assert changed.identity.etag != DOCUMENT.identity.etag
    assert changed.gzip.etag != DOCUMENT.gzip.etag


@pytest.mark.parametrize(
    ("tag", "date", "expected"),
    [
        (None, None, False),
        (PLAIN, None, True),
        (f"W/{suffixed(BR, '-gzip')}", None, True),
        ('"0123456789abcdef0123456789abcdef"', None, True),  # of an earlier document
        ("*", None, True),
        ('"x"', None, False),  # nothing that we ever said
        ("", EQUAL, False),
        (None, EARLIER, True),
        (None, "garbage", False),
    ],
)
def test_rule_51_conditional_is_what_names_a_tag_of_ours_or_a_date(
    tag: str | None,
    date: str | None,
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    assert is_conditional(asked(None, tag, date), NOW) is expected


def test_http_dates_are_written_in_english_and_two_digit_years_are_read_as_the_rfc_says() -> None:
    assert http_date(0) == b"Thu, 01 Jan 1970 00:00:00 GMT"
    assert parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", NOW) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert parse_http_date("Sunday, 06-Nov-77 08:49:37 GMT", NOW) == datetime(1977, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert parse_http_date("Sun, 06 Nov 1994 08:49:60 GMT", NOW) == datetime(1994, 11, 6, 8, 49, 59, tzinfo=UTC)
