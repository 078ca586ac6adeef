"""`wireroom doctor`: every missing or broken thing in one line, with its cure."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import typer

from services.cli.errors import CommandError
from services.cli.examples import examples
from services.cli.options import load_settings
from services.cli.output import AsJson, clean, print_json, say

if TYPE_CHECKING:
    from services.settings import Settings


class Finding(NamedTuple):
    """What a check found: "ok", "warn" or "fail". `cure` is what to do, empty when nothing is to be done."""

    verdict: str
    what: str
    cure: str = ""


Check = Callable[["Settings"], Iterator[Finding]]


def doctor(*, as_json: AsJson = False) -> None:
    """Find what is missing or broken.

    Each in one line with its cure: this machine, the settings, the data, Redis, SQL, and the running service.
    Exit code 1 when anything must be mended.
    """
    findings = list(examine())
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.verdict:<5} {clean(finding.what)}" + (f" → {clean(finding.cure)}" if finding.cure else ""))
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Run all checks; those that need settings only when these can be read."""
    from services.cli import doctor_machine, doctor_service

    yield from doctor_machine.python()
    if missing := list(doctor_machine.packages()):
        yield from missing
        return
    yield Finding("ok", "all packages are here")
    yield from doctor_machine.sqlite()
    yield from doctor_machine.misspelt_settings()
    try:
        settings = load_settings()
    except CommandError as error:
        yield Finding("fail", error.what, error.cure)
        return
    for check in (*doctor_machine.CHECKS, *doctor_service.CHECKS):
        try:
            yield from check(settings)
        except CommandError as error:
            yield Finding("fail", error.what, error.cure)
        except Exception as error:  # noqa: BLE001 - a check that breaks is a finding, and the others still run
            yield Finding("fail", f"{check.__name__}: {type(error).__name__}: {error}", "Report this as a fault")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog=examples("wireroom doctor", "wireroom doctor --json"))(doctor)
