"""`wireroom bench`: the measurements stand in tests/bench of a checkout, beside what they compare with."""

import importlib
from typing import Any

from services.cli.errors import CommandError, UsageError
from services.cli.output import print_json, say, table

HEADER = ("measurement", "value", "unit", "CPU µs per item", "baseline", "ratio", "aim")


def bench(names: tuple[str, ...], *, as_json: bool) -> None:
    """Run the named measurements (all otherwise) and print one table; progress goes to stderr."""
    try:
        suite: Any = importlib.import_module("tests.bench.suite")
    except ModuleNotFoundError as error:
        raise CommandError(
            f"bench needs a checkout with its development environment ({error.name} is missing)",
            "Run it there: ./wr bench",
        ) from error
    if unknown := [name for name in names if name not in suite.MEASUREMENTS]:
        raise UsageError(f"no measurement {', '.join(unknown)}", f"There are {', '.join(suite.MEASUREMENTS)}")
    rows = suite.run(names or tuple(suite.MEASUREMENTS))
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table(HEADER, [row.cells() for row in rows])
    for row in rows:
        if row.note:
            say(f"{row.name}: {row.note}")
