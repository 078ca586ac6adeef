"""`wireroom config`: every setting, its value, and where that came from."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.config_table import settings_table
from services.cli.examples import examples
from services.cli.options import load_settings
from services.cli.output import AsJson, print_json, say, table


def config(
    *,
    as_table: Annotated[bool, typer.Option("--table", help="Print the README's table of all settings.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting.

    With its value and where that came from; secrets are masked.
    """
    if as_table:
        say(settings_table())
        return
    rows = _rows()
    if as_json:
        print_json(rows)
    else:
        table(("setting", "value", "source"), [(row["name"], row["value"], row["source"]) for row in rows])


def _rows() -> list[dict[str, Any]]:
    settings = load_settings()
    return [
        {
            "name": (variable := f"WIREROOM_{name.upper()}"),
            "value": _plain(getattr(settings, name)),
            "source": "environment" if os.environ.get(variable) else "default",
        }
        for name in type(settings).model_fields
    ]


def _plain(value: object) -> object:
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return "(set, hidden)"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, Path) else value


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog=examples("wireroom config", "wireroom config --json", "wireroom config --table"))(config)
