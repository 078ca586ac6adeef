"""Messages in motion: the only package that knows the queue's framework.

`RedisBus` and `EmbeddedRedis` are imported from their modules (`services.bus.redis`,
`services.bus.embedded`), where a stage runs: they load what a command line must not pay for.
"""

from services.bus.entry import Batch, Entry
from services.bus.memory import MemoryBus, MemoryServer
from services.bus.ports import (
    Bus,
    BusUnavailable,
    GroupStats,
    Handler,
    OnPoison,
    ServerStats,
    StreamFull,
    SubscriberHealth,
)
from services.bus.relay import OutboxRows, Relay, Sweeper
from services.bus.timings import Timings

__all__ = [
    "Batch",
    "Bus",
    "BusUnavailable",
    "Entry",
    "GroupStats",
    "Handler",
    "MemoryBus",
    "MemoryServer",
    "OnPoison",
    "OutboxRows",
    "Relay",
    "ServerStats",
    "StreamFull",
    "SubscriberHealth",
    "Sweeper",
    "Timings",
]
