"""All measurements by name, for `wireroom bench`."""

import sys
from collections.abc import Callable, Iterator, Sequence

from tests.bench.delivering import delivering
from tests.bench.enriching import enriching
from tests.bench.feeds_many import many_feeds
from tests.bench.filtering import filtering
from tests.bench.flowing import flowing
from tests.bench.history import long_history
from tests.bench.measure import Row, machine
from tests.bench.rendering import rendering
from tests.bench.serving import serving
from tests.bench.streaming import streaming

MEASUREMENTS: dict[str, Callable[[], Iterator[Row]]] = {
    "enrich": enriching,
    "render": rendering,
    "filters": filtering,
    "flow": flowing,
    "feeds": serving,
    "saved": many_feeds,
    "history": long_history,
    "stream": streaming,
    "deliver": delivering,
}


def run(names: Sequence[str]) -> list[Row]:
    """Run these one after another."""
    print(machine(), file=sys.stderr)
    return [row for name in names for row in MEASUREMENTS[name]()]
