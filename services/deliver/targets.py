"""Every endpoint as fan-out sees it, found by what an article brings and not by trying each. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.subscription import BodyFormat, Endpoint
from services.deliver.matching import query_of
from services.filters import FilterIndex, Query, Subject


class Target(NamedTuple):
    """An endpoint as fan-out sees it."""

    id: str
    subscriber_id: str
    format: BodyFormat
    wants: Query


def target_of(endpoint: Endpoint) -> Target:
    """Make an endpoint's filter ready to be asked."""
    return Target(endpoint.id, endpoint.subscriber_id, endpoint.format, query_of(endpoint.filter))


class TargetIndex:
    """Targets by id, and the filters of all of them."""

    def __init__(self, targets: Iterable[Target] = ()) -> None:
        self._targets: dict[str, Target] = {}
        self._index = FilterIndex[str]()
        self._thin: frozenset[str] | None = frozenset()
        for target in targets:
            self.put(target)

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def all(self) -> Mapping[str, Target]:
        """Every target by its id."""
        return self._targets

    @property
    def thin(self) -> frozenset[str]:
        """Those that want ids, title and link only."""
        if self._thin is None:
            self._thin = frozenset(name for name, one in self._targets.items() if one.format is BodyFormat.THIN)
        return self._thin

    def put(self, target: Target) -> None:
        """Add a target, or change it; an unchanged one costs nothing."""
        self._targets[target.id] = target
        self._thin = None
        self._index.put(target.id, target.wants)

    def remove(self, target_id: str) -> None:
        """Take a target out."""
        self._targets.pop(target_id, None)
        self._thin = None
        self._index.remove(target_id)

    def matching(self, subject: Subject) -> dict[str, tuple[str, ...]]:
        """Find the targets that want an article, and why."""
        return self._index.match(subject)
