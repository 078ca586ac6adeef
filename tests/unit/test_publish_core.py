"""What is to be written to a place, and what removed."""

from datetime import UTC, datetime

import pytest

from schemas.publishing import Copied, StaticObject
from schemas.records import FeedRow
from services.publish.core import difference, pause_s, sealed_pages

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def made(path: str, tag: str) -> StaticObject:
    return StaticObject(path, b"x", "text/plain", "max-age=1", NOW, tag, {})


def feed(**fields: object) -> FeedRow:
    return FeedRow.model_validate(
        {"name": "all", "title": "T", "kind": "all", "version": 7, "changed_at": NOW, "items": 1, **fields}
    )


def test_only_what_changed_is_written_and_what_is_not_wanted_goes() -> None:
    wanted = [made("a", "1"), made("b", "2"), made("c", "3"), made("d", "4")]
    found = difference(wanted, {"a": "1", "b": "old", "c": None, "gone": "9"})
    assert [one.path for one in found.write] == ["b", "c", "d"], "a tag of None: it was being written when we ended"
    assert (found.remove, found.unchanged) == (["gone"], 1)


@pytest.mark.parametrize(
    ("copied", "sealed", "pages", "anew"),
    [
        (Copied(), 50, [(26, 50), (1, 25)], False),
        (Copied(3, None, "L", "all", 1, 50), 50, [], False),
        (Copied(3, None, "L", "all", 1, 50), 75, [(51, 75)], False),
        (Copied(3, None, "other", "all", 1, 50), 75, [(51, 75), (26, 50), (1, 25)], False),
        (Copied(3, None, "L", "all", 0, 50), 50, [(26, 50), (1, 25)], True),
        (Copied(3, None, "L", "was", 1, 50), 25, [(1, 25)], True),
        (Copied(-1, None, "L", "all", 1, 50), 50, [(26, 50), (1, 25)], False),
        (Copied(), 0, [], False),
        (Copied(), 24, [], False),
    ],
)
def test_sealed_pages_are_written_once_and_anew_after_a_retraction_or_a_rename(
    copied: Copied, sealed: int, pages: list[tuple[int, int]], anew: object
) -> None:
    found = sealed_pages(feed(sealed=sealed), copied, "L")
    assert (found.pages, found.anew) == (pages, anew)


def test_pauses_grow_to_a_minute_and_are_spread() -> None:
    assert [pause_s(n, 0.5) for n in (1, 2, 5, 6, 50)] == [2, 4, 32, 60, 60]
    assert pause_s(50, 0.0) == 45
    assert pause_s(50, 1.0) == 75
