"""What measurements share: CPU from the kernel's own accounting, percentiles, rows.

Wall time drifts with a machine's neighbours, so each row also says CPU per item, and compares with a
baseline that ran in the same minute on the same machine.
"""

import math
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Row(NamedTuple):
    """One line of the table. `ratio` compares with `baseline`, both per CPU second unless `note` says otherwise."""

    name: str
    value: float
    unit: str
    cpu_us: float | None = None
    baseline: str = ""
    ratio: float | None = None
    aim: str = ""
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        return (
            self.name,
            _number(self.value),
            self.unit,
            "" if self.cpu_us is None else _number(self.cpu_us),
            self.baseline,
            "" if self.ratio is None else f"{self.ratio:.2f}×",
            self.aim,
        )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cpu_s(pids: Sequence[int]) -> float:
    """User and system CPU seconds that these processes have used."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) * _TICK_S
    return total


def rss_mb(pid: int) -> float:
    """Resident memory, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def progress(text: str) -> None:
    """Say on stderr what is under way."""
    print(f"… {text}", file=sys.stderr, flush=True)


def machine() -> str:
    """The line that belongs above every table."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f} at the start"
