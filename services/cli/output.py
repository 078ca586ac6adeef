"""What commands print: JSON for programs, tables and plain lines for people.

Text that came from outside may hold terminal escapes; `clean` takes their teeth out.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")]


def print_json(value: object) -> None:
    """Print one JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def clean(value: object) -> str:
    """Make `value` one line without control or format characters (escapes, bidi overrides); None is a dash."""
    if value is None:
        return "–"
    text = " ".join(str(value).split())
    return "".join(c if unicodedata.category(c) not in {"Cc", "Cf", "Cs"} or c == "\u200d" else "�" for c in text)


def say(text: str = "") -> None:
    """Print a line for people."""
    print(text)


def note(text: str) -> None:
    """Print a remark on stderr, out of the way of data."""
    print(text, file=sys.stderr)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "none") -> None:
    """Print a table: ruled on a terminal, else aligned columns without colour."""
    cells = [[clean(cell) for cell in row] for row in rows]
    if not cells:
        say(empty)
    elif sys.stdout.isatty():
        _ruled(headers, cells)
    else:
        widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
        for row in (headers, *cells):
            say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _ruled(headers: Sequence[str], cells: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    ruled = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        ruled.add_column(header, overflow="fold")
    for row in cells:
        ruled.add_row(*map(Text, row))  # Text: markup in a title is a title
    Console(highlight=False).print(ruled)


def seconds(value: float | None) -> str:
    """Write a duration the way people say it; None (unknown) is a dash."""
    if value is None:
        return "–"
    for limit, unit, size in ((1, "ms", 0.001), (120, "s", 1), (7_200, "min", 60), (172_800, "h", 3_600)):
        if value < limit:
            return f"{value / size:.{1 if unit == 's' and value < 10 else 0}f} {unit}"
    return f"{value / 86_400:.0f} d"


def moment(value: str | None) -> str:
    """Write an instant of the API in this machine's time zone; None is a dash."""
    if value is None:
        return "–"
    return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def number(value: float | None) -> str:
    """Write a count; None (unknown) is a dash, never 0."""
    return "–" if value is None else f"{value:,}"


def pairs(values: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one pair a line."""
    for name, value in values:
        say(f"{name:<14} {clean(value)}")
