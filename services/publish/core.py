"""Decide what to write and what to remove. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from schemas.history import PAGE
from schemas.publishing import Copied, StaticObject
from schemas.records import FeedRow

_LONGEST_PAUSE_S = 60.0


class Difference(NamedTuple):
    """What a place lacks, and what it has too much."""

    write: list[StaticObject]
    remove: list[str]
    unchanged: int


class SealedPages(NamedTuple):
    """Archive pages to write, newest first, by their first and last item; `anew`: those of before are void."""

    pages: list[tuple[int, int]]
    anew: bool


def difference(wanted: Sequence[StaticObject], known: Mapping[str, str | None]) -> Difference:
    """Compare what shall be there with what is known to be; a tag of None is written whatever it is."""
    write = [one for one in wanted if known.get(one.path) != one.tag]
    paths = {one.path for one in wanted}
    return Difference(write, sorted(known.keys() - paths), len(wanted) - len(write))


def part_of(feed: FeedRow) -> str:
    """Name what all archive pages of a feed have in common as long as they do not change."""
    return f"{feed.address}/archive/{feed.generation}"


def sealed_pages(feed: FeedRow, copied: Copied, layout: str) -> SealedPages:
    """List the archive pages that a place lacks. A sealed page never changes: what is there needs no second look."""
    same = (copied.address, copied.generation, copied.layout) == (feed.address, feed.generation, layout)
    anew = copied.version >= 0 and (copied.address, copied.generation) != (feed.address, feed.generation)
    done = copied.sealed if same and copied.version >= 0 else 0
    pages = [(first, first + PAGE - 1) for first in range(done // PAGE * PAGE + 1, feed.sealed - PAGE + 2, PAGE)]
    return SealedPages(pages[::-1], anew)


def pause_s(failures: int, random: float) -> float:
    """Wait longer after each failure in a row, up to a minute; `random` (0 to 1) spreads processes."""
    return min(_LONGEST_PAUSE_S, 2.0 ** min(failures, 10)) * (0.75 + random / 2)


def batches(items: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Cut into lists of at most `size`."""
    for at in range(0, len(items), size):
        yield items[at : at + size]
