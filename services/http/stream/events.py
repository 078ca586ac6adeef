"""How a change is said as a server-sent event, and who wants it. Pure."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import orjson

from schemas.feed import Entry
from schemas.jobs import Change
from services.filters import Query, Subject, subject_of_entry

LOG = "all"
"""The feed whose order of commits numbers the events: every article that readers may see is in it."""

_RETRACTED = frozenset({"withdrawn", "takedown"})


class Said(NamedTuple):
    """One event, ready to be written."""

    version: int
    article_id: str
    data: bytes


class Selection(NamedTuple):
    """What a stream shows: of one feed (its key), and of that what a filter (its canonical line) wants."""

    feed: str = LOG
    filter: str = ""


class Moved:
    """A change, and what filters ask of it: read once for all who listen, and only if somebody filters."""

    def __init__(self, change: Change) -> None:
        self.change = change

    @cached_property
    def subject(self) -> Subject | None:
        """What filters ask. None: it is to be told whatever they say.

        A retraction or expiry reaches every stream of the feed: what is left of the article no longer tells
        whether the filter wanted it, and whoever showed it must hear of it.
        """
        entry = Entry.model_validate_json(self.change.entry)
        return subject_of_entry(entry) if entry.state == "published" else None


Wants = Callable[[Moved], bool]


def wants(selection: Selection, query: Query | None) -> Wants:
    """Tell which changes a selection shows."""

    def judge(moved: Moved) -> bool:
        if selection.feed not in moved.change.feeds:
            return False
        return query is None or moved.subject is None or query.test(moved.subject) is not None

    return judge


def said(change: Change, event_id: str) -> bytes:
    """Write an event: its data is the article's JSON Feed item; of an expired one the id alone."""
    entry: dict[str, Any] = orjson.loads(change.entry)
    state = entry.get("state", "published")
    if state in _RETRACTED:
        kind = "article.retracted"
    elif state == "expired":
        kind = "article.expired"
    else:
        kind = "article.published" if change.first else "article.updated"
    data = change.item or orjson.dumps({"id": entry["id"]})
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), kind.encode(), data)
