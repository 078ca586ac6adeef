"""What a rule says when it is broken, and what a document is judged by beyond its own bytes. Pure."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal, NamedTuple, TypeVar

Scope = Literal["fragment", "head", "document", "http"]


class Fault(NamedTuple):
    """A broken rule of docs/feed-rules.md: its number, the place in the document, and what is wrong there."""

    rule: int
    where: str
    what: str

    def __str__(self) -> str:
        return f"rule {self.rule}: {self.where}: {self.what}"


class Expected(NamedTuple):
    """What is known of a document beside its bytes. None: not known, and not judged.

    `items` is how many the feed carries in all; `now` is the time of judging (aware, UTC); `hub_urls` are
    the WebSub hubs that it must name.
    """

    self_url: str | None = None
    max_age_s: int | None = None
    items: int | None = None
    now: datetime | None = None
    archive: bool = False
    private: bool = False
    hub_urls: tuple[str, ...] = ()


NOTHING = Expected()

P = TypeVar("P")
Said = Iterator[tuple[str, str]]
"""Faults of one rule: where, and what."""

Check = Callable[[P], Said]
Checks = tuple[tuple[int, Check[P]], ...]


def run(checks: Checks[P], part: P, place: str = "") -> Iterator[Fault]:
    """Put every rule to one part of a document; `place` goes before where each fault is."""
    for rule, check in checks:
        for where, what in check(part):
            yield Fault(rule, f"{place}{where}", what)


def short(value: object, most: int = 80) -> str:
    """Quote a value of the document in a fault, cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= most else f"{text[:most]}…")
