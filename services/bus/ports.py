"""The bus in its own terms: what the stages program against, on Redis or in memory.

No type of the framework below leaves this package, so that another broker can stand behind it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from schemas.topics import Topic
from services.bus.entry import Batch, Entry

Handler = Callable[[Batch], Awaitable[None]]
"""Returns: every entry is settled in SQL and is acknowledged. Raises: none is, and the bus tries again."""

OnPoison = Callable[[str, Sequence[Entry], str], Awaitable[None]]
"""(group, entries, cause): record them as dead letters. When it returns they are acknowledged."""


class BusUnavailable(Exception):  # noqa: N818 - named after the state, as StoreUnavailable is
    """Redis is away or refuses. A later try helps; what was to be published still stands in the outbox."""


class StreamFull(BusUnavailable):
    """The stream (or the server's memory) is at its limit: rows wait in the outbox until it drains."""


class GroupStats(NamedTuple):
    """One group of one stream. None: unknown, and to be shown as absent, never as 0."""

    stream: str
    group: str
    undelivered: int | None = None
    pending: int | None = None
    oldest_undelivered_s: float | None = None  # 0.0: nothing waits
    oldest_pending_s: float | None = None
    consumers: int | None = None
    max_deliveries: int | None = None  # the highest count among the oldest 100 pending
    reclaimed: int = 0  # by this process since its start
    restarts: int = 0  # of this process's subscriber, by the watchdog


class ServerStats(NamedTuple):
    """The server itself, as last seen. None: unknown."""

    reachable: bool
    memory_ratio: float | None = None  # used ÷ maxmemory; None also where no limit is set
    writes_ok: bool | None = None  # False: the last append-only write failed
    replica_link_up: bool | None = None
    lengths: dict[str, int] | None = None  # entries per stream


class SubscriberHealth(NamedTuple):
    """One subscriber of this process. Ready = `running` and no `error`, or paused on purpose."""

    stream: str
    group: str
    running: bool
    paused: bool
    busy_s: float  # how long the current batch is under way; 0.0: none is
    last_poll_age_s: float | None  # seconds since it last asked Redis for entries; None: unknown
    restarts: int
    error: str | None


class Bus(Protocol):
    """Messages in motion. Everything on it can be refilled from SQL, except what waits in `article.inbox`."""

    on_poison: OnPoison | None

    def subscribe(self, topic: Topic, group: str, handler: Handler) -> None:
        """Have `handler` called with every batch of the group, one batch at a time. Before `start`."""
        ...

    def tail(self, topic: Topic, handler: Handler) -> None:
        """Have `handler` called with all that is added from now on, without a group. Before `start`.

        Its first batch is an empty one with `gap`, and so is one after anything may have been missed.
        """
        ...

    async def start(self) -> None:
        """Create every group at 0 and begin to read. Returns also while Redis is away: it is retried."""
        ...

    async def stop(self) -> None:
        """Take no new work, let handlers finish within the grace, hand back the rest. Safe to repeat."""
        ...

    async def publish(self, stream: str, payloads: Sequence[bytes]) -> list[str]:
        """Add them in order in one round trip; their ids. Raises BusUnavailable: some or none were added."""
        ...

    async def waiting(self, stream: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that a group has yet to read or to acknowledge. Raises BusUnavailable."""
        ...

    async def pause(self, group: str) -> None:
        """Stop reading for this group in this process; what it holds is handed back."""
        ...

    async def resume(self, group: str) -> None:
        """Read again after `pause`."""
        ...

    async def epoch(self) -> str:
        """Return a word that changes when the server came back empty. Raises BusUnavailable."""
        ...

    async def stats(self) -> list[GroupStats]:
        """Every group of every topic, with unknowns as None. Never raises for an absent server."""
        ...

    async def server(self) -> ServerStats:
        """Return the server's own condition. Never raises for an absent server."""
        ...

    def health(self) -> list[SubscriberHealth]:
        """Return the subscribers of this process, from what the watchdog saw last."""
        ...
