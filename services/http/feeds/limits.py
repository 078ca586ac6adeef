"""Rude pollers: how often a client may fetch a whole document without asking whether it changed. Pure but for its memory.

Counted are unconditional 200s with a body. 304s and conditional requests are neither counted nor refused,
so a reader behind the same address as a flooder goes on as before. Two buckets (GCRA: one number each):

- per client and document: `burst` at once, since a reader fetches two or three times while a feed is added,
  then one in `every_s`, as often as max-age makes sense;
- per client over all documents: `client_burst` at once, so that an aggregator can add five hundred feeds.

A client on this machine (a script, a test, a proxy that was not declared) may do `local_per_s` per document.
"""

from collections.abc import Hashable
from typing import NamedTuple, TypeVar

from services.http.clients import Client

K = TypeVar("K", bound=Hashable)


class Rates(NamedTuple):
    """What is allowed. `enabled` False: everything."""

    enabled: bool = True
    burst: int = 20
    every_s: float = 60.0
    client_burst: int = 2_000
    client_per_s: float = 5.0
    local_burst: int = 40
    local_per_s: float = 20.0


class _Pace(NamedTuple):
    """One fetch in `every_s`; being ahead of that by `ahead_s` is allowed."""

    every_s: float
    ahead_s: float

    @classmethod
    def of(cls, burst: int, every_s: float) -> "_Pace":
        return cls(every_s, (burst - 0.999) * every_s)  # sums of floats are not exact


class Limits:
    """Judges unconditional fetches. `now` is any clock that only goes forward, in seconds.

    At most `most` buckets of each kind are remembered: those that filled up again are forgotten, then the
    oldest, which errs on the client's side.
    """

    def __init__(self, rates: Rates, most: int = 100_000) -> None:
        self._enabled = rates.enabled
        self._most = most
        local_s = 1 / rates.local_per_s
        self._far = (_Pace.of(rates.burst, rates.every_s), _Pace.of(rates.client_burst, 1 / rates.client_per_s))
        self._near = (_Pace.of(rates.local_burst, local_s), _Pace.of(rates.client_burst, local_s / 10))
        # When each bucket will be as if untouched:
        self._documents: dict[tuple[str, str], float] = {}
        self._clients: dict[str, float] = {}

    @property
    def remembered(self) -> int:
        """Buckets in memory."""
        return len(self._documents) + len(self._clients)

    def wait_s(self, client: Client, document: str, now: float) -> float:
        """Count a fetch of `document`, unless it comes too soon: then say how many seconds too soon.

        Nobody is held to account for a client that nobody knows.
        """
        name, is_local = client
        if not self._enabled or not name:
            return 0.0
        (every_s, ahead_s), (wide_every_s, wide_ahead_s) = self._near if is_local else self._far
        key = (name, document)
        at = self._documents.get(key, now)
        wide_at = self._clients.get(name, now)
        wait = max(at - now - ahead_s, wide_at - now - wide_ahead_s)
        if wait > 0:
            return wait
        self._documents[key] = (at if at > now else now) + every_s  # noqa: FURB136 - a call less on the hot path
        self._clients[name] = (wide_at if wide_at > now else now) + wide_every_s  # noqa: FURB136
        if len(self._documents) > self._most:
            self._documents = self._kept(self._documents, now)
        if len(self._clients) > self._most:
            self._clients = self._kept(self._clients, now)
        return 0.0

    def _kept(self, buckets: dict[K, float], now: float) -> dict[K, float]:
        left = [(key, at) for key, at in buckets.items() if at > now]
        return dict(left[-(self._most * 9 // 10) :])
