"""Commands that run the service itself: up, run, demo, bench. Their work is in modules of the same name."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.errors import UsageError
from services.cli.examples import examples
from services.cli.options import load_settings


def up(
    bind: Annotated[str | None, typer.Option(help="host:port to listen on; WIREROOM_BIND otherwise.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the data lives; WIREROOM_DATA_DIR otherwise.")] = None,
) -> None:
    """Run everything in one process.

    API, pipeline, feeds and webhooks, on SQLite and a private Redis unless told otherwise. Ctrl-C stops it cleanly.
    """
    from services.cli import up as module

    module.up(load_settings(**_given(bind=bind, data_dir=data_dir)))


def run(
    stages: Annotated[list[str], typer.Argument(metavar="STAGE", help="ingest enrich syndicate deliver observe http")],
    bind: Annotated[str | None, typer.Option(help="host:port to listen on; WIREROOM_BIND otherwise.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the data lives; WIREROOM_DATA_DIR otherwise.")] = None,
) -> None:
    """Run chosen stages only.

    They share a PostgreSQL and a Redis with others; on SQLite, http alone may run beside a running `up`.
    """
    from schemas.topics import STAGES

    for stage in stages:
        if stage not in STAGES:
            raise UsageError(f"{stage!r} is no stage", f"Choose from {', '.join(STAGES)}")
    from services.cli import run as module

    module.run(load_settings(**_given(bind=bind, data_dir=data_dir)), tuple(dict.fromkeys(stages)))


def demo(
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the data here afterwards.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop by itself after so many seconds.")] = None,
) -> None:
    """Run everything with live traffic.

    A small newsroom in many languages, partners good and bad, and readers. Ctrl-C stops it cleanly.
    """
    from services.cli import demo as module

    module.demo(load_settings(), keep, seconds)


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Which measurements; all otherwise.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure this machine.

    Articles and deliveries per second, latencies from publish to feed and webhook, feed requests per second.
    """
    from services.cli import bench as module

    module.bench(tuple(names or ()), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog=examples("wireroom up", "wireroom up --bind 127.0.0.1:9000"))(up)
    app.command(epilog=examples("wireroom run http", "wireroom run ingest enrich syndicate"))(run)
    app.command(epilog=examples("wireroom demo", "wireroom demo --seconds 60 --keep /tmp/demo"))(demo)
    app.command(epilog=examples("wireroom bench", "wireroom bench feeds --json"))(bench)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
