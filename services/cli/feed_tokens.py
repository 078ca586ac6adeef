"""`wireroom subscribers tokens …`: a partner's addresses of private feeds."""

from typing import Annotated, Any

import typer

from services.cli.client import connect, segment
from services.cli.examples import examples
from services.cli.output import AsJson, moment, print_json, say, table

Subscriber = Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="The partner's id: wireroom subscribers ls.")]
Token = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="The token's id: wireroom subscribers tokens ls.")]
_TIMES = ("created_at", "expires_at", "used_at", "revoked_at")


def add(
    subscriber: Subscriber,
    feed: Annotated[str, typer.Argument(metavar="FEED", help="The address of a private feed of theirs.")],
    name: Annotated[str, typer.Option(help="What it is for, for your own list.")] = "",
    expires: Annotated[str | None, typer.Option(help="When it ends, with a zone: 2027-01-01T00:00:00Z.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is printed once, here, as the addresses to give to a reader."""
    body: dict[str, Any] = {"feed": feed, "name": name, **({"expires_at": expires} if expires else {})}
    _show(connect().post(_path(subscriber), body), as_json=as_json)


def ls(subscriber: Subscriber, *, as_json: AsJson = False) -> None:
    """List a partner's tokens; only their ids and last characters."""
    items = connect().get(_path(subscriber))["items"]
    if as_json:
        print_json(items)
        return
    table(
        ("id", "feed", "name", "ends in", "made", "expires", "last used", "revoked"),
        [
            (it["id"], it["feed"], it["name"], f"…{it['hint']}", *(moment(it.get(when)) for when in _TIMES))
            for it in items
        ],
    )


def rotate(
    subscriber: Subscriber,
    token: Token,
    overlap_s: Annotated[int, typer.Option(help="How long the old one goes on, seconds.")] = 86_400,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a new token for the same feed; the old one goes on for a while."""
    made = connect().post(f"{_path(subscriber)}/{segment(token)}/rotate", {"overlap_s": overlap_s})
    _show(made, as_json=as_json)


def revoke(subscriber: Subscriber, token: Token) -> None:
    """End a token now, in every process within seconds."""
    connect().delete(f"{_path(subscriber)}/{segment(token)}")
    say("revoked")


def group() -> typer.Typer:
    """Make the group."""
    made = typer.Typer(
        help="Tokens of private feeds.", no_args_is_help=True, epilog=examples("wireroom subscribers tokens ls nord")
    )
    made.command("add", epilog=examples("wireroom subscribers tokens add nord nord/world --name reader"))(add)
    made.command("ls", epilog=examples("wireroom subscribers tokens ls nord"))(ls)
    made.command("rotate", epilog=examples("wireroom subscribers tokens rotate nord TOKEN_ID --overlap-s 3600"))(rotate)
    made.command("revoke", epilog=examples("wireroom subscribers tokens revoke nord TOKEN_ID"))(revoke)
    return made


def _path(subscriber: str) -> str:
    return f"/v1/subscribers/{segment(subscriber)}/feed-tokens"


def _show(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    say(f"{made['token']}   (id {made['id']}; shown this once)")
    for url in made["urls"].values():
        say(url)
