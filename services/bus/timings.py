"""How long things may take, in seconds. The defaults are for production; tests hand in shorter ones."""

from typing import NamedTuple


class Timings(NamedTuple):
    """All waits of the bus in one place."""

    poll_s: float = 1.0  # one blocking read; it wakes at once when something is added
    answer_s: float = 5.0  # what Redis may take for an answer; longer than poll_s
    watchdog_s: float = 0.2  # between looks at the subscribers
    watchdog_max_s: float = 5.0  # between restarts that keep failing
    observe_s: float = 1.0  # between trims and looks at the server
    claim_every_s: float = 5.0
    claim_idle_s: float = 60.0  # least; 10 × the p99 of a batch if that is longer
    orphan_idle_s: float = 10.0  # for what is pending under our own name though nobody here holds it
    grace_s: float = 10.0  # for running handlers at stop; P7 gives 20 s for everything
    handback_s: float = 3.0
    retry_pauses_s: tuple[float, ...] = (0.1, 0.5, 2.0, 5.0)  # the last one repeats
    reap_idle_s: float = 3600.0  # a consumer with nothing pending is forgotten after this
    hint_retention_s: float = 600.0  # how long a stream without groups keeps its entries

    def retry_pause(self, tries: int) -> float:
        """How long to wait after that many failures (1 or more)."""
        return self.retry_pauses_s[min(tries, len(self.retry_pauses_s)) - 1]


STREAM_LIMIT = 500_000
"""Entries of a stream at which the relay stops adding; rows wait in the outbox."""

MEMORY_LIMIT = 0.7
"""Share of maxmemory at which the relay stops adding."""

DELIVERY_CAP = 3
"""An entry that killed or failed its reader this often is a dead letter (`poison`)."""
