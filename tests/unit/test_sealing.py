"""When a feed's oldest items are sealed, what its document shows until then, and in which order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.history import PAGE, Window
from schemas.jobs import WindowItem
from schemas.records import FeedRow
from services.store.sealing import CAP, FLOOR, SPAN, Content, Unsealed, sealable
from services.syndicate.window import ordered, shown

T0 = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)
FEED = FeedRow(name="all", title="All", kind="all", version=9, changed_at=T0, items=3)


def item(number: int, moved: datetime, *, size: int = 1_000, gone: bool = False, page: int | None = None) -> Unsealed:
    return Unsealed(str(number), number, moved, number, moved, size, gone, page)


def content_of(items: Sequence[Unsealed]) -> Content:
    showing = sum(not one.gone for one in items)
    return Content(showing, sum(one.size for one in items), max(one.moved_at for one in items))


def sealed(items: Sequence[Unsealed]) -> list[list[Unsealed]]:
    return sealable(items, content_of(items))


def left(items: Sequence[Unsealed]) -> list[Unsealed]:
    away = {one.article_id for part in sealed(items) for one in part}
    return [one for one in items if one.article_id not in away]


def test_rule_34_the_numbers_are_those_of_the_rule() -> None:
    numbers = (FLOOR, SPAN, CAP, PAGE)
    assert numbers == (30, timedelta(hours=24), 512 * 1024, 25)


def test_rule_34_a_quiet_feed_keeps_thirty_items_however_old() -> None:
    quiet = [item(number, T0 + timedelta(days=number)) for number in range(FLOOR + PAGE - 1)]
    assert sealed(quiet) == []
    more = [*quiet, item(99, T0 + timedelta(days=99))]
    assert sealed(more) == [more[:PAGE]]
    assert len(left(more)) == FLOOR


def test_rule_34_a_busy_feed_keeps_all_of_a_day() -> None:
    busy = [item(number, T0 + timedelta(minutes=number), size=100) for number in range(2_000)]
    kept = left(busy)
    assert kept[-1].moved_at - kept[0].moved_at >= SPAN - timedelta(minutes=PAGE)
    day = [one for one in busy if one.moved_at >= busy[-1].moved_at - SPAN]
    assert kept[-len(day) :] == day
    assert len(kept) < len(day) + PAGE


def test_rule_34_a_day_that_is_too_large_is_cut_near_512_kb() -> None:
    large = [item(number, T0 + timedelta(minutes=number), size=5_000) for number in range(1_000)]
    kept = left(large)
    assert CAP - PAGE * 5_000 < sum(one.size for one in kept) <= CAP
    huge = [item(number, T0, size=200_000) for number in range(90)]
    assert len(left(huge)) == 90 - 2 * PAGE  # thirty items are more than 512 KB here, and stay


def test_pages_hold_twenty_five_in_the_order_of_commits() -> None:
    old = [item(number, T0 - timedelta(days=9)) for number in range(120)]
    items = [*old, item(999, T0)]
    assert sealed(items) == [items[:25], items[25:50], items[50:75]]


def test_what_a_page_shows_just_so_takes_no_place_in_another() -> None:
    old = [item(number, T0 - timedelta(days=9), page=1 if number % 2 else None) for number in range(100)]
    [part] = sealed([*old, item(999, T0)])
    assert sum(one.page is None for one in part) == PAGE
    assert part == old[: 2 * PAGE - 1]


def test_what_is_gone_does_not_use_up_the_floor_and_is_not_kept_for_it() -> None:
    stays = [item(number, T0 - timedelta(days=50)) for number in range(FLOOR)]
    gone = [item(100 + number, T0 - timedelta(days=2), gone=True) for number in range(60)]
    items = [*stays, *gone, item(999, T0, gone=True)]
    assert sealed(items) == [gone[:25], gone[25:50]]
    few = [item(number, T0 - timedelta(days=2), gone=number > 5) for number in range(60)]
    assert [one.gone for part in sealed([*few, item(999, T0, gone=True)]) for one in part] == [True] * 50


@given(
    st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 40_000), st.booleans()), max_size=150),
)
def test_whatever_came_the_document_keeps_its_floor_and_its_day_where_the_cap_allows(
    made: list[tuple[int, int, bool]],
) -> None:
    """Rule 34 for any history."""
    at, items = T0, list[Unsealed]()
    for number, (minutes, size, gone) in enumerate(made):
        at += timedelta(minutes=minutes)
        items.append(item(number, at, size=size, gone=gone))
    if not items:
        return
    parts, kept = sealed(items), left(items)
    assert all(sum(one.page is None for one in part) == PAGE for part in parts)
    assert sum(not one.gone for one in kept) >= min(FLOOR, sum(not one.gone for one in items))
    day = [one for one in items if one.moved_at >= items[-1].moved_at - SPAN]
    if sum(one.size for one in items) <= CAP:
        assert set(day) <= set(kept)
    if sum(one.size for one in kept) > CAP:
        assert len(kept) < FLOOR + PAGE or sum(one.gone for one in kept) < PAGE


def shows(number: int, published: datetime = T0, gone_at: datetime | None = None) -> WindowItem:
    return WindowItem(str(number), 1, T0, published, T0, f"urn:x:{number:05}", gone_at)


def test_rule_33_newest_story_first_and_ties_are_broken_by_id() -> None:
    items = [shows(1), shows(3, T0 + timedelta(hours=1)), shows(2), shows(0)]
    assert [one.article_id for one in ordered(items)] == ["3", "0", "1", "2"]


def test_rule_33_a_correction_brings_an_old_story_back_at_its_old_place() -> None:
    old = shows(99, T0 - timedelta(days=90))
    window = Window(FEED, [old, *(shows(number) for number in range(40))])
    assert shown(window)[-1] == old


def test_rule_38_old_tombstones_stand_only_where_the_format_knows_them() -> None:
    window = Window(FEED, [shows(1)], [shows(2, gone_at=T0)])
    assert [one.article_id for one in shown(window)] == ["1"]
    assert [one.article_id for one in shown(window, tombstones=True)] == ["1", "2"]
