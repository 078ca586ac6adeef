"""All that is computed of entries in the process pool: their fragments, and what searches find them by."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.feed import Entry
from schemas.jobs import Indexed
from services.filters import subject_of_entry
from services.filters.indexed import index
from services.syndicate.render import Rendered, render


class Prepared(NamedTuple):
    """One entry's fragments, and its words. `indexed` None: searches shall not find it."""

    rendered: Rendered
    indexed: Indexed | None = None


def prepare(entries: Sequence[Entry]) -> list[Prepared]:
    """Prepare each entry alone, in the order given."""
    return [
        Prepared(made, indexed(entry) if made.fault is None else None)
        for entry, made in zip(entries, render(entries), strict=True)
    ]


def indexed(entry: Entry) -> Indexed | None:
    """Read what filters ask of a story. None: it is none any more."""
    return index(subject_of_entry(entry)) if entry.state == "published" else None


def indexed_again(entries: Sequence[bytes]) -> list[Indexed | None]:
    """Read it from entries as the store keeps them."""
    return [indexed(Entry.model_validate_json(data)) for data in entries]
