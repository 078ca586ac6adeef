"""Render entries in every format: CPU-bound, pure, and picklable for the process pool."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.feed import Entry
from services.syndicate.formats import FRAGMENTS
from services.syndicate.rules import check_entry

_NAMED = 3  # faults that a dead letter tells; the rest is mostly the same fault in another format


class Rendered(NamedTuple):
    """One entry's fragments by fragment name (`rss`, `rss-summary` …); one that carries nothing of it is missing.

    `fault` says why it cannot be shown (None: it can): it could not be rendered, or breaks a rule of
    docs/feed-rules.md. Then feeds keep what they have of the article, and nothing of this.
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
    broken = _broken(entry, fragments)
    return Rendered(fragments) if broken is None else Rendered({}, broken)


def _broken(entry: Entry, fragments: dict[str, bytes]) -> str | None:
    """Put our own rules to what was made (docs/feed-rules.md). None: it keeps them all.

    What takes a story back goes out whatever it looks like: held back, it would leave the story standing.
    """
    if entry.state != "published" or not (faults := check_entry(fragments)):
        return None
    told = dict.fromkeys(f"{fault} ({name})" if name else str(fault) for name, fault in faults)
    return "; ".join(list(told)[:_NAMED])
