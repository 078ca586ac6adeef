"""Render entries in every format: CPU-bound, pure, and picklable for the process pool."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.feed import Entry
from services.syndicate.formats import FRAGMENTS


class Rendered(NamedTuple):
    """One entry's fragments by fragment name (`rss`, `rss-summary` …); one that carries nothing of it is missing.

    `fault` says why it cannot be rendered (None: it could); then nothing of it may be shown.
    """

    fragments: dict[str, bytes]
    fault: str | None = None


def render(entries: Sequence[Entry]) -> list[Rendered]:
    """Render each entry alone, in the order given: one that fails harms no other."""
    return [_render(entry) for entry in entries]


def _render(entry: Entry) -> Rendered:
    fragments: dict[str, bytes] = {}
    for name, made in FRAGMENTS.items():
        try:
            fragment = made(entry)
        except (ValueError, TypeError) as error:  # lxml's and orjson's word for what no document may hold
            return Rendered({}, f"{name}: {error}")
        if fragment is not None:
            fragments[name] = fragment
    return Rendered(fragments)
