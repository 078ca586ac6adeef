"""What a step is."""

from collections.abc import Callable
from typing import NamedTuple

from services.enrich.draft import Draft


class Step(NamedTuple):
    """One enrichment. `version` rises when its answers change, so that history can be run again.

    `writes` are the draft's fields that it alone sets. A step that is `always_on` cannot be switched off,
    and an article on which it fails is not enriched: what it guards must not go out unguarded.
    """

    name: str
    version: int
    says: str
    writes: frozenset[str]
    run: Callable[[Draft], Draft]
    always_on: bool = False
