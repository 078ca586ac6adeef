"""When a feed should have moved by now. Pure.

As people said (`silent_after_s`), else learned: twice its longest pause of late, weekends and nights included,
once it was seen to move often enough for long enough.
"""

from datetime import datetime, timedelta

from services.store.feed_health import Pulse

LEAST = timedelta(hours=1)
MOVES = 20
SPAN = timedelta(days=3)


def silent_after(pulse: Pulse) -> timedelta | None:
    """Say how long the feed may be silent. None: its rhythm is not known yet."""
    if pulse.stated_s is not None:
        return timedelta(seconds=pulse.stated_s)
    if pulse.moves < MOVES or pulse.last_at - pulse.since < SPAN:
        return None
    return max(LEAST, timedelta(seconds=2 * pulse.longest_s))


def is_silent(pulse: Pulse, now: datetime) -> bool:
    """Whether it should have moved by now. One that never moved counts from when it was made."""
    allowed = silent_after(pulse)
    return allowed is not None and now - max(pulse.last_at, pulse.since) > allowed
