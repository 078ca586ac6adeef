"""What enrich needs of the store, the relay and the process pool, said once."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

from schemas.dead_letter import DeadLetter
from schemas.jobs import Enriched, EnrichJob, OutboxRow

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Enrichments(Protocol):
    """Events whose enrichment waits. May raise `StoreUnavailable`: a later try may help."""

    async def load(self, event_ids: Sequence[str]) -> Mapping[str, EnrichJob]:
        """Load those of the events whose enrichment is still waiting."""
        ...

    async def record(self, done: Sequence[Enriched], now: datetime) -> Sequence[OutboxRow]:
        """Write enrichments, the next stages' work and outbox rows, in one transaction."""
        ...


class GivesUp(Protocol):
    """The bookkeeping of work."""

    async def give_up(self, dead: Sequence[DeadLetter], now: datetime) -> object:
        """End work without its effect, with its cause."""
        ...


class Store(Protocol):
    """The two classes of the store that the worker uses."""

    @property
    def enrichments(self) -> Enrichments:
        """Enrichments."""
        ...

    @property
    def work(self) -> GivesUp:
        """Work."""
        ...


class Publishes(Protocol):
    """Puts committed rows on their streams; what fails stays for the sweeper."""

    async def publish(self, rows: Sequence[OutboxRow]) -> object:
        """Publish now, if it can be."""
        ...


class Processes(Protocol):
    """A pool of processes (`services.enrich.pool.Pool`). A future raises BrokenExecutor when its process died."""

    @property
    def workers(self) -> int:
        """How many there are."""
        ...

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run a module-level function in the next free one."""
        ...
