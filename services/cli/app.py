"""All commands of `wireroom`, gathered. Exit codes: 0 ok, 1 failed, 2 usage."""

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from services import __version__
from services.cli import config, db, dead, doctor, partners, publish, service, status, webhooks
from services.cli.errors import CommandError
from services.cli.examples import examples

app = typer.Typer(
    name="wireroom",
    help="Publish news once; every feed and partner has it moments later.",
    epilog=examples("wireroom demo", "wireroom up", "wireroom publish story.json", "wireroom status"),
    no_args_is_help=True,
    rich_markup_mode=None,  # rich costs 0.2 s at every --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _print_version(value: bool) -> None:  # noqa: FBT001 (typer's signature)
    if value:
        print(f"wireroom {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


for _group in (service, publish, status, dead, webhooks, partners, config, doctor, db):
    _group.register(app)


def run(argv: Sequence[str]) -> int:
    """Run one command line, and return its exit code. Errors are one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without é still shows the rest
    try:
        app(args=list(argv), prog_name="wireroom")
    except CommandError as error:
        print(f"wireroom: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    return 0
