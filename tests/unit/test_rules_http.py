"""Rules 41 to 54 over answers of the real decision: broken alone in good answers, each alone is found."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from services.http.feeds.dates import http_date
from services.http.feeds.decision import Asked, decide
from services.syndicate.document import make
from services.syndicate.formats import FORMATS
from services.syndicate.rules import Expected, Fault
from services.syndicate.rules.http import FIRST, HTTP, Probe, Reply, check_http, probes
from tests.golden.entries import STORY, head

CHANGED = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)
NOW = CHANGED + timedelta(minutes=5)
HUB = "https://hub.example/"


def answered(name: str, probe: Probe) -> Reply:
    """Let the plain route's own decision answer, as the server would."""
    shape = FORMATS[name]
    document = make(head(name, hub_urls=(HUB,)), 7, CHANGED, shape, [shape.entry(STORY) or b""])
    date = {"date": http_date(int(NOW.timestamp())).decode()}
    if probe.method == "POST":
        return Reply(405, {**date, "allow": "GET, HEAD, OPTIONS"})
    sent = {key: value.encode() for key, value in probe.headers.items()}
    asked = Asked(
        probe.method.encode(), sent.get("accept-encoding"), sent.get("if-none-match"), sent.get("if-modified-since")
    )
    answer = decide(asked, document, NOW)
    return Reply(
        answer.status, {**date, **{key.decode(): value.decode() for key, value in answer.headers}}, answer.body
    )


def replies(name: str = "atom") -> dict[str, Reply]:
    first = answered(name, FIRST)
    return {
        "first": first,
        "unknown": Reply(404, {}),
        **{key: answered(name, probe) for key, probe in probes(first).items()},
    }


GOOD = replies()
EXPECTED = Expected(self_url="https://news.example/feeds/section/actualites.atom", hub_urls=(HUB,))


def broken(name: str, *, status: int | None = None, body: bytes | None = None, **headers: str | None) -> set[int]:
    """Rules that are broken once one answer differs."""
    was = GOOD[name]
    changed = {**was.headers, **{key.replace("_", "-"): value for key, value in headers.items()}}
    kept = {key: value for key, value in changed.items() if value is not None}
    now = Reply(was.status if status is None else status, kept, was.body if body is None else body)
    return {fault.rule for fault in check_http("atom", {**GOOD, name: now}, EXPECTED)}


@pytest.mark.parametrize("name", FORMATS)
def test_our_own_answers_break_no_rule(name: str) -> None:
    expected = Expected(self_url=f"https://news.example/feeds/section/actualites.{name}", hub_urls=(HUB,))
    assert check_http(name, replies(name), expected) == []


def test_every_rule_of_http_is_judged() -> None:
    assert {rule for rule, _ in HTTP} | {51} == set(range(41, 55))


def test_rule_41_types_are_exact_and_not_sniffed() -> None:
    assert broken("first", content_type="text/xml; charset=utf-8") == {41, 48}
    assert broken("first", content_type="application/atom+xml") == {41, 48}
    assert broken("first", x_content_type_options=None) == {41}


def test_rule_42_each_coding_has_its_tag() -> None:
    assert 42 in broken("first", etag="v1")
    assert broken("gzip", etag=GOOD["first"].headers["etag"]) == {42}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("again", 200),
        ("weak", 200),
        ("any", 200),
        ("since", 200),
        ("refused", 200),
        ("outranked", 304),
        ("garbage", 304),
    ],
)
def test_rule_43_conditional_requests_are_answered_as_asked(name: str, status: int) -> None:
    assert broken(name, status=status) == {43}


def test_rule_44_nothing_was_modified_after_it_was_sent() -> None:
    assert 44 in broken("first", last_modified="Tue, 03 Nov 2026 09:15:00 GMT")
    assert 44 in broken("first", last_modified="yesterday")


def test_rule_45_a_304_has_the_headers_of_the_200_and_no_body() -> None:
    assert broken("again", body=b"x") == {45}
    for name in ("etag", "cache_control", "vary", "link"):
        assert 45 in broken("again", **{name: None})
    assert broken("again", date=None) == {45}


def test_rule_46_it_varies_by_accept_encoding_alone() -> None:
    assert broken("gzip", vary=None) == {46}
    assert broken("gzip", vary="Accept-Encoding, User-Agent") == {46}
    assert broken("gzip", vary="Accept-Encoding, Cookie") == {46}


def test_rule_47_codings_are_those_asked_for_and_hold_no_time() -> None:
    assert broken("gzip", content_encoding=None) == {47}
    assert broken("gzip", body=gzip.compress(GOOD["first"].body, mtime=1_000_000)) == {47}
    assert broken("gzip", body=gzip.compress(b"another", mtime=0)) == {47}
    assert broken("refused", content_encoding="gzip") == {47}


def test_rule_48_head_is_get_without_body_and_other_methods_are_refused() -> None:
    assert broken("head", body=b"x") == {48}
    assert broken("head", content_length="1") == {48}
    assert broken("ranged", status=206) == {48}
    assert broken("posted", status=200) == {48}
    assert broken("posted", allow=None) == {48}


def test_rule_49_caches_are_told_how_long() -> None:
    assert 49 in broken("first", cache_control="public, max-age=30, stale-while-revalidate=60, stale-if-error=60")
    assert 49 in broken("first", cache_control="public, max-age=60")
    archive = check_http("atom", GOOD, EXPECTED._replace(archive=True))
    assert {fault.rule for fault in archive} == {49}
    private = check_http("atom", GOOD, EXPECTED._replace(private=True))
    assert {fault.rule for fault in private} == {49}


def test_rule_50_what_is_not_there_is_said_so() -> None:
    assert broken("unknown", status=200) == {50}
    assert broken("first", status=500) == {50}


def test_rule_51_too_fast_is_said_with_a_time_and_without_a_page() -> None:
    slow = Reply(429, {"retry-after": "30", "content-type": "application/problem+json"})
    assert check_http("atom", {"first": slow}, EXPECTED) == []
    html = Reply(429, {"content-type": "text/html"})
    assert [fault.rule for fault in check_http("atom", {"first": html}, EXPECTED)] == [51, 51]


def test_rule_52_no_cookies_and_no_meaning_in_unknown_parameters() -> None:
    assert broken("head", set_cookie="a=b") == {52}
    assert broken("query", status=200) == {52}


def test_rule_53_hub_and_self_stand_in_the_link_header() -> None:
    assert 53 in broken("first", link=None)
    assert 53 in broken("first", link='<https://news.example/other>; rel="self", <https://hub.example/>; rel="hub"')


def test_rule_54_a_delta_says_that_it_is_one() -> None:
    delta = Reply(226, {"im": "feed", "vary": "Accept-Encoding, A-IM, If-None-Match"})
    assert check_http("atom", {**GOOD, "delta": delta}, EXPECTED) == []
    for wrong in ({**delta.headers, "im": "diff"}, {**delta.headers, "vary": "Accept-Encoding"}):
        found: list[Fault] = check_http("atom", {**GOOD, "delta": Reply(226, wrong)}, EXPECTED)
        assert [fault.rule for fault in found] == [54]
