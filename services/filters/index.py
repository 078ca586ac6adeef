"""Which of many filters an article matches, without trying them all. Pure.

Each filter is filed under two keys, the rarest things it needs (`services.filters.keys`). An article brings its own
keys; only filters both of whose keys it brings are asked. Filters that ask the same are one, asked once.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

from services.filters.keys import brought, filed, length_of
from services.filters.nodes import Node
from services.filters.query import Query
from services.filters.subject import Subject

K = TypeVar("K", bound=Hashable)


class _Group(Generic[K]):
    """Everybody with the same filter."""

    __slots__ = ("keys", "pairs", "query", "sure")

    def __init__(self, query: Query) -> None:
        self.query = query
        self.pairs, self.sure = filed(query.root)
        self.keys: list[K] = []


class FilterIndex(Generic[K]):
    """Filters by key. Putting and removing one costs what it asks, however many there are."""

    def __init__(self) -> None:
        self._queries: dict[K, _Group[K]] = {}
        self._groups: dict[Node, _Group[K]] = {}
        self._files: dict[str, dict[str, list[_Group[K]]]] = {}
        self._lengths: Counter[int] = Counter()  # of beginnings under which something is filed
        self._wordy = 0  # groups that ask for words

    def __len__(self) -> int:
        return len(self._queries)

    def __contains__(self, key: K) -> bool:
        return key in self._queries

    def put(self, key: K, query: Query) -> None:
        """File a filter; what stood under this key is replaced."""
        before = self._queries.get(key)
        if before is not None:
            if before.query == query:
                return
            self.remove(key)
        group = self._groups.get(query.root)
        if group is None:
            group = self._groups[query.root] = _Group(query)
            self._file(group)
        group.keys.append(key)
        self._queries[key] = group

    def remove(self, key: K) -> None:
        """Take a filter out; one that is not there changes nothing."""
        group = self._queries.pop(key, None)
        if group is None:
            return
        group.keys.remove(key)
        if not group.keys:
            del self._groups[group.query.root]
            self._unfile(group)

    def match(self, subject: Subject) -> dict[K, tuple[str, ...]]:
        """Find every filter that matches an article, and why. In no order."""
        found: dict[K, tuple[str, ...]] = {}
        for group in self._candidates(subject):
            why = group.sure or group.query.test(subject)
            if why is None:
                continue
            if len(group.keys) == 1:
                found[group.keys[0]] = why
            else:
                found.update(dict.fromkeys(group.keys, why))
        return found

    def candidates(self, subject: Subject) -> int:
        """Count the different filters that an article has to be tried against."""
        return len(self._candidates(subject))

    def _candidates(self, subject: Subject) -> set[_Group[K]]:
        there = brought(subject, self._lengths, with_words=self._wordy > 0)
        asked: set[_Group[K]] = set()
        for first in self._files.keys() & there:
            seconds = self._files[first]
            for second in seconds.keys() & there:
                asked.update(seconds[second])
        return asked

    def _file(self, group: _Group[K]) -> None:
        self._wordy += group.query.uses_words
        for first, second in group.pairs:
            self._files.setdefault(first, {}).setdefault(second, []).append(group)
            self._lengths.update(_lengths(first, second))

    def _unfile(self, group: _Group[K]) -> None:
        self._wordy -= group.query.uses_words
        for first, second in group.pairs:
            seconds = self._files[first]
            seconds[second].remove(group)
            if not seconds[second]:
                del seconds[second]
            if not seconds:
                del self._files[first]
            self._lengths -= Counter(_lengths(first, second))


def _lengths(*keys: str) -> list[int]:
    return [length for key in keys if (length := length_of(key)) is not None]
