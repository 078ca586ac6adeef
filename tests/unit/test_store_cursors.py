"""Cursors come back from outside: whatever they hold, it is one of ours or refused."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest

from services.store.sql import cursor_of, read_cursor
from services.syndicate.history import read_since

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def coded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("place", [(7, "a"), (AT, "a"), (-1, "")])
def test_a_cursor_comes_back_as_it_was(place: tuple[object, ...]) -> None:
    assert read_cursor(cursor_of(*place), [type(value) for value in place]) == list(place)


@pytest.mark.parametrize(
    "inside",
    [
        "[9223372036854775808]",  # beyond what a column holds
        "[-99999999999999999999]",
        "[1.5]",
        '["1"]',
        "[true]",
        "[null]",
        "[]",
        "[1, 2]",
        "[1e999]",
        "7",
        "",
    ],
)
def test_what_is_no_number_of_ours_is_no_cursor(inside: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        read_cursor(coded(inside), [int])


@pytest.mark.parametrize("inside", ['["a\\u0000"]', "[7]", "[null]", "[[]]", '["\\ud800"]'])
def test_what_is_no_text_of_ours_is_no_cursor(inside: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        read_cursor(coded(inside), [str])


@pytest.mark.parametrize("inside", ['["2026-03-04T12:00:00"]', '["yesterday"]', "[7]"])
def test_what_is_no_instant_is_no_cursor(inside: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        read_cursor(coded(inside), [datetime])


def test_nothing_lies_before_a_feed_began() -> None:
    with pytest.raises(ValueError, match="no cursor"):
        read_since(coded("0123456789abcdef.-ffffffffffffffffffff.urn"))
