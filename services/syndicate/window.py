"""Which articles a feed's document shows, and in which order. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar

from schemas.history import Window
from schemas.jobs import WindowItem


class Dated(Protocol):
    """What documents are ordered by."""

    @property
    def entry_id(self) -> str:
        """The entry's IRI."""
        ...

    @property
    def published(self) -> datetime:
        """When readers could first see it."""
        ...


D = TypeVar("D", bound=Dated)


def ordered(items: Iterable[D]) -> list[D]:
    """Order newest story first, ties broken by id: the same in every format, whatever moved last."""
    return sorted(sorted(items, key=lambda item: item.entry_id), key=lambda item: item.published, reverse=True)


def shown(window: Window, *, tombstones: bool = False) -> list[WindowItem]:
    """Choose what the subscription document shows: all that no sealed page does.

    A format that knows tombstones keeps those of the last 30 days beside it (RFC 6721).
    """
    return ordered([*window.items, *window.tombstones] if tombstones else window.items)
