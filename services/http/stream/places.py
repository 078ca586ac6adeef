"""How many streams may be open at once: in all, of one client, and with different filters."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from services.http.clients import client_key
from services.http.problems import Problem

_LATER = {"Retry-After": "30"}


class Limits(NamedTuple):
    """Streams open at once, in this process."""

    all: int = 5_000
    client: int = 100  # by address; of IPv6 by /64
    filters: int = 500  # different ones: every change is held against each


class Places:
    """Counts them, from before anything is waited for: many who come at once are no more than one after another."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all = 0
        self._clients: Counter[str] = Counter()
        self._filters: Counter[str] = Counter()

    @contextmanager
    def stream(self, address: str) -> Generator[None]:
        """Take a place. Raises Problem. Nobody is counted as a client that nobody knows."""
        client = client_key(address).key
        if self._all >= self._limits.all:
            raise Problem(503, "busy", "All streams are taken; try again later.", headers=_LATER)
        if client and self._clients[client] >= self._limits.client:
            most = f"At most {self._limits.client} streams at a time for one address."
            raise Problem(429, "too_many", most, headers=_LATER)
        self._all += 1
        try:
            with _one(self._clients, client):
                yield
        finally:
            self._all -= 1

    @contextmanager
    def filter(self, line: str) -> Generator[None]:
        """Take a place for a filter's canonical line, "": none; shared with all who ask the same. Raises Problem."""
        if line and line not in self._filters and len(self._filters) >= self._limits.filters:
            what = "All places for filters are taken: save the filter as a feed, or try again later."
            raise Problem(503, "busy", what, headers=_LATER)
        with _one(self._filters, line):
            yield


@contextmanager
def _one(counted: Counter[str], key: str) -> Generator[None]:
    if key:
        counted[key] += 1
    try:
        yield
    finally:
        if key:
            counted[key] -= 1
            if not counted[key]:
                del counted[key]
