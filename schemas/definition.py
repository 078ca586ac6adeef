"""What people say of a feed: a saved one's filter, or how an automatic one is to be shown."""

from typing import Literal, NamedTuple

from schemas.automatic import RESERVED, feed_slug
from schemas.jobs import FeedBody, OutboxRow
from schemas.records import FeedRow

MAX_NAME = 200  # characters
_KINDS = frozenset({"section", "tag", "lang", "author", "source"})
_SEGMENTS = RESERVED | {"page"}
"""Parts of addresses below a feed: `/feeds/{address}/page/…`."""

_VERBS = frozenset({"rename", "check", "health", "tokens"})
"""Parts of the API's addresses below a feed."""

Outcome = Literal["created", "changed", "same", "unknown", "moved", "ended", "taken", "automatic", "no owner"]


class Definition(NamedTuple):
    """A feed as somebody wants it. `filter` is a canonical line; None: an automatic feed, shown in another way.

    `searches`: it asks for words. `owner`: the subscriber whose private feed it is.
    """

    address: str
    title: str | None
    filter: str | None = None
    searches: bool = False
    description: str | None = None
    body: FeedBody = "full"
    max_age_s: int | None = None
    silent_after_s: int | None = None
    owner: str | None = None


class Defined(NamedTuple):
    """What became of a wish. `row` is the feed as it stands, None if there is none; `rows` are to be published.

    moved: the address was another feed's, or this one's earlier; taken: it is another feed's now.
    """

    outcome: Outcome
    row: FeedRow | None = None
    rows: tuple[OutboxRow, ...] = ()


class SavedFilter(NamedTuple):
    """Which articles a saved feed takes. `bound` is its owner's filter; None: no bound. `filter` None: none any more."""

    feed: str  # its key
    filter: str | None
    bound: str | None


class Definitions(NamedTuple):
    """Saved feeds' filters that changed up to `version`."""

    version: int
    changed: list[SavedFilter]


def is_automatic(name: str) -> bool:
    """Whether a feed of this name follows from the articles themselves."""
    kind, slash, rest = name.partition("/")
    return name == "all" or (bool(slash) and kind in _KINDS and bool(rest))


def fault_of(name: str) -> str | None:
    """Say what is wrong with a saved feed's name, as an address: slugs parted by `/`. None: nothing. DESIGN.md §4."""
    if not name or len(name) > MAX_NAME:
        return f"has 1 to {MAX_NAME} characters"
    parts = name.split("/")
    slugs = [feed_slug(part) for part in parts]
    if taken := sorted((_SEGMENTS | _VERBS).intersection(parts)):
        return f'may not hold "{taken[0]}", which has a meaning of its own in addresses'
    if not all(slugs):
        return "needs a letter or digit in each part between slashes"
    if slugs != parts:
        return f'is written "{"/".join(slugs)}": letters, digits and hyphens'
    if is_automatic(name) or parts[0] in _KINDS:
        return f'may not begin with "{parts[0]}": such feeds follow from the articles themselves'
    return None
