"""`wireroom dead`: dead letters, work given up and kept with its cause and content."""

from typing import Annotated

import typer

from services.cli.client import connect, segment
from services.cli.errors import UsageError
from services.cli.examples import examples
from services.cli.output import AsJson, Limit, clean, moment, note, pairs, print_json, say, table

PATH = "/v1/dead-letters"

Stage = Annotated[str | None, typer.Option(help="Only of this stage.")]
Cause = Annotated[str | None, typer.Option(help="Only with this cause.")]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="Dead letters; or choose by --stage, --cause, --all.")
]
Everything = Annotated[bool, typer.Option("--all", help="All of them.")]


def ls(stage: Stage = None, cause: Cause = None, limit: Limit = 50, *, as_json: AsJson = False) -> None:
    """List dead letters, newest first."""
    items = list(connect().items(PATH, limit, stage=stage, cause=cause))
    if as_json:
        print_json(items)
        return
    table(
        ("id", "when", "stage", "cause", "article", "detail"),
        [
            (it["id"], moment(it["at"]), it["stage"], it["cause"], it.get("article_id"), str(it.get("detail", ""))[:80])
            for it in items
        ],
        empty="no dead letters",
    )


def show(letter_id: Annotated[str, typer.Argument(metavar="ID")], *, as_json: AsJson = False) -> None:
    """Show one dead letter in full, with its bytes."""
    letter = connect().get(f"{PATH}/{segment(letter_id)}")
    if as_json:
        print_json(letter)
    else:
        pairs((name, value) for name, value in letter.items() if value is not None)


def retry(
    ids: Ids = None,
    stage: Stage = None,
    cause: Cause = None,
    *,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Do the work of dead letters again, now that its cause is mended."""
    _act("retry", ids, stage, cause, everything=everything, as_json=as_json)


def trash(
    ids: Ids = None,
    stage: Stage = None,
    cause: Cause = None,
    *,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Put dead letters out of sight: they stay counted as dead, and are never retried."""
    _act("trash", ids, stage, cause, everything=everything, as_json=as_json)


def _act(
    verb: str, ids: list[str] | None, stage: str | None, cause: str | None, *, everything: bool, as_json: bool
) -> None:
    if bool(ids) + bool(stage or cause) + everything != 1:
        raise UsageError(
            "which dead letters?",
            f"Name ids, or choose with --stage and --cause, or --all: wireroom dead {verb} --help",
        )
    client = connect()
    chosen = ids or [it["id"] for it in client.items(PATH, 1_000_000, stage=stage, cause=cause)]
    results = [client.call("POST", f"{PATH}/{segment(str(letter))}/{verb}") for letter in chosen]
    refused = [(letter, answer.why()) for letter, answer in zip(chosen, results, strict=True) if not answer.ok]
    done = {"retry": "retried", "trash": "trashed"}[verb]
    if as_json:
        print_json({done: len(chosen) - len(refused), "refused": [{"id": i, "why": why} for i, why in refused]})
    else:
        say(f"{len(chosen) - len(refused)} {done}")
    for letter, why in refused:
        note(f"{clean(letter)}: {clean(why)}")
    if refused:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        help="Dead letters: list, show, retry, trash.", no_args_is_help=True, epilog=examples("wireroom dead ls")
    )
    group.command(epilog=examples("wireroom dead ls --stage enrich"))(ls)
    group.command(epilog=examples("wireroom dead show 17"))(show)
    group.command(epilog=examples("wireroom dead retry 17 18", "wireroom dead retry --cause poison"))(retry)
    group.command(epilog=examples("wireroom dead trash 17"))(trash)
    app.add_typer(group, name="dead")
