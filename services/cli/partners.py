"""`wireroom subscribers`, `wireroom keys` and `wireroom feeds`."""

from typing import Annotated, Any

import typer

from services.cli import feed_commands, feed_tokens
from services.cli import feeds as feed_reports
from services.cli.client import connect, segment
from services.cli.copies import feeds_publish
from services.cli.examples import examples
from services.cli.output import AsJson, Limit, moment, print_json, say, table

KEY_TIMES = ("created_at", "expires_at", "used_at", "revoked_at")


def subscribers_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call the partner.")],
    subscriber_id: Annotated[str | None, typer.Option("--id", help="The id to give; otherwise one is made.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add a subscriber: a partner who owns webhooks."""
    stated = {} if subscriber_id is None else {"id": subscriber_id}
    made = connect().post("/v1/subscribers", {"name": name, **stated})
    if as_json:
        print_json(made)
    else:
        say(f"{made['id']}  {made['name']}")


def subscribers_ls(limit: Limit = 200, *, as_json: AsJson = False) -> None:
    """List subscribers."""
    items = list(connect().items("/v1/subscribers", limit))
    if as_json:
        print_json(items)
        return
    table(("id", "name", "since"), [(it["id"], it["name"], moment(it.get("created_at"))) for it in items])


def keys_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(help="What it may do: articles:write, webhooks:read, ops:read, admin …; may be repeated."),
    ],
    expires: Annotated[str | None, typer.Option(help="When it ends, with a zone: 2027-01-01T00:00:00Z.")] = None,
    subscriber: Annotated[
        str | None,
        typer.Option(help="For this partner, a subscriber's id: it opens their webhooks and private feeds only."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once, here."""
    body: dict[str, Any] = {"name": name, "scopes": scope, "expires_at": expires, "subscriber": subscriber}
    made = connect().post("/v1/keys", {field: value for field, value in body.items() if value is not None})
    if as_json:
        print_json(made)
    else:
        say(f"{made['key']}   (id {made['id']}; shown this once)")


def keys_ls(limit: Limit = 200, *, as_json: AsJson = False) -> None:
    """List keys; only their ids, never the keys."""
    items = list(connect().items("/v1/keys", limit))
    if as_json:
        print_json(items)
        return
    table(
        ("id", "name", "scopes", "made", "expires", "last used", "revoked"),
        [(it["id"], it["name"], " ".join(it["scopes"]), *(moment(it.get(when)) for when in KEY_TIMES)) for it in items],
    )


def keys_revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")]) -> None:
    """End a key now, in every process."""
    connect().delete(f"/v1/keys/{segment(key_id)}")
    say("revoked")


def register(app: typer.Typer) -> None:
    """Add these groups."""
    subscribers = typer.Typer(
        help="Subscribers: partners who own webhooks.", no_args_is_help=True, epilog=examples("wireroom subscribers ls")
    )
    subscribers.command("add", epilog=examples('wireroom subscribers add "Radio Nord"'))(subscribers_add)
    subscribers.command("ls", epilog=examples("wireroom subscribers ls --json"))(subscribers_ls)
    subscribers.add_typer(feed_tokens.group(), name="tokens")
    keys = typer.Typer(
        help="Keys: who may publish, read, or administer.", no_args_is_help=True, epilog=examples("wireroom keys ls")
    )
    keys.command(
        "create",
        epilog=examples(
            "wireroom keys create newsroom --scope articles:write",
            "wireroom keys create nord --scope webhooks:read --scope webhooks:write --subscriber SUBSCRIBER",
        ),
    )(keys_create)
    keys.command("ls", epilog=examples("wireroom keys ls"))(keys_ls)
    keys.command("revoke", epilog=examples("wireroom keys revoke KEY"))(keys_revoke)
    feeds = typer.Typer(
        help="Feeds: what readers poll.",
        no_args_is_help=True,
        epilog=examples("wireroom feeds ls", "wireroom feeds check --all"),
    )
    feed_reports.add_to(feeds)
    feeds.command("publish", epilog=examples("wireroom feeds publish", "wireroom feeds publish --wait 0"))(
        feeds_publish
    )
    feed_commands.add_to(feeds)
    for name, group in (("subscribers", subscribers), ("keys", keys), ("feeds", feeds)):
        app.add_typer(group, name=name)
