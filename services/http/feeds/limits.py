"""Rude pollers: how often a client may fetch a whole document without asking whether it changed. Pure but for its memory.

Counted are unconditional 200s with a body. 304s and conditional requests are neither counted nor refused,
so a reader behind the same address as a flooder goes on as before. Two buckets (GCRA: one number each):

- per client and document: `burst` at once, since a reader fetches two or three times while a feed is added,
  then one in `every_s`, as often as max-age makes sense;
- per client over all documents: `client_burst` at once, so that an aggregator can add five hundred feeds.

A client on this machine (a script, a test, a proxy that was not declared) may do `local_per_s` per document.
"""

from collections.abc import Hashable
from typing import NamedTuple

from services.http.clients import Client


class Rates(NamedTuple):
    """What is allowed. `enabled` False: everything."""

    enabled: bool = True
    burst: int = 20
    every_s: float = 60.0
    client_burst: int = 2_000
    client_per_s: float = 5.0
    local_burst: int = 40
    local_per_s: float = 20.0


class Bucket:
    """Leaky buckets by key, at most `most` of them: the oldest are forgotten, which errs on the client's side."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._full_at: dict[Hashable, float] = {}  # when the bucket will be as if untouched

    def __len__(self) -> int:
        return len(self._full_at)

    def wait_s(self, key: Hashable, burst: int, every_s: float, now: float) -> float:
        """Say how long the client has to wait; 0: it may now."""
        ahead = self._full_at.get(key, now) - now
        return max(0.0, ahead - (burst - 1) * every_s)

    def take(self, key: Hashable, every_s: float, now: float) -> None:
        """Count one."""
        self._full_at[key] = max(self._full_at.get(key, now), now) + every_s
        if len(self._full_at) > self._most:
            self._forget(now)

    def _forget(self, now: float) -> None:
        kept = [(key, at) for key, at in self._full_at.items() if at > now]
        self._full_at = dict(kept[-(self._most * 9 // 10) :])


class Limits:
    """Judges unconditional fetches. `now` is any clock that only goes forward, in seconds."""

    def __init__(self, rates: Rates, most: int = 100_000) -> None:
        self.rates = rates
        self.documents = Bucket(most)
        self.clients = Bucket(most)

    def wait_s(self, client: Client, document: str, now: float) -> float:
        """Count a fetch of `document`, unless it comes too soon: then say how many seconds too soon.

        Nobody is held to account for a client that nobody knows.
        """
        rates = self.rates
        if not rates.enabled or not client.key:
            return 0.0
        if client.is_local:
            burst, every_s = rates.local_burst, 1 / rates.local_per_s
            wide_burst, wide_every_s = rates.client_burst, every_s / 10
        else:
            burst, every_s = rates.burst, rates.every_s
            wide_burst, wide_every_s = rates.client_burst, 1 / rates.client_per_s
        key = (client.key, document)
        wait = max(
            self.documents.wait_s(key, burst, every_s, now),
            self.clients.wait_s(client.key, wide_burst, wide_every_s, now),
        )
        if wait <= 0:
            self.documents.take(key, every_s, now)
            self.clients.take(client.key, wide_every_s, now)
        return wait
