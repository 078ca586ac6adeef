"""`wireroom webhooks`: partners' endpoints and what was delivered to them."""

import os
from typing import Annotated, Any

import typer

from services.cli.client import connect, segment
from services.cli.errors import UsageError
from services.cli.examples import examples
from services.cli.output import AsJson, Limit, clean, moment, pairs, print_json, say, table
from services.filters import FilterError, parse

PATH = "/v1/webhooks"

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]
Values = list[str] | None


def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to POST; https, a public address.")],
    *,
    subscriber: Annotated[str | None, typer.Option(help="Whose it is: a subscriber's id.")] = None,
    wanted: Annotated[
        str | None,
        typer.Option("--filter", metavar="FILTER", help="Only what this filter matches, e.g. 'section:world lang:fr'."),
    ] = None,
    section: Annotated[Values, typer.Option(help="Only these sections; may be repeated.")] = None,
    tag: Annotated[Values, typer.Option(help="Only these tags; may be repeated.")] = None,
    language: Annotated[Values, typer.Option(help="Only these languages; may be repeated.")] = None,
    source: Annotated[Values, typer.Option(help="Only these sources; may be repeated.")] = None,
    author: Annotated[Values, typer.Option(help="Only these authors; may be repeated.")] = None,
    thin: Annotated[bool, typer.Option(help="Send ids, title and link only.")] = False,
    header: Annotated[Values, typer.Option(help="A further header, 'Name: value'; may be repeated.")] = None,
    secret_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The variable that holds the secret; otherwise one is made.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="A note for operators.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a webhook. The secret that signs its requests is printed once, here."""
    lists = {"section": section, "tag": tag, "language": language, "source": source, "author": author}
    body: dict[str, Any] = {
        "url": url,
        "subscriber": subscriber,
        "filter": _stated(wanted, {name: values for name, values in lists.items() if values}),
        "format": "thin" if thin else None,
        "headers": dict(map(_header, header)) if header else None,
        "secret": _secret(secret_env),
        "description": description,
    }
    made = connect().post(PATH, {name: value for name, value in body.items() if value is not None})
    if as_json:
        print_json(made)
        return
    say(f"{made['id']}  {made['state']}")
    if made.get("secret"):
        say(f"secret: {made['secret']}   (shown this once; the partner verifies signatures with it)")


def ls(
    limit: Limit = 200,
    subscriber: Annotated[str | None, typer.Option(help="Only this subscriber's.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List webhooks."""
    every = connect().items(PATH, limit if subscriber is None else 1_000_000)
    items = [item for item in every if subscriber in {None, item.get("subscriber")}][:limit]
    if as_json:
        print_json(items)
        return
    table(
        ("id", "state", "subscriber", "url", "filter"),
        [(it["id"], it["state"], it.get("subscriber"), it["url"], _filter(it.get("filter"))) for it in items],
        empty="no webhooks",
    )


def show(webhook_id: WebhookId, *, as_json: AsJson = False) -> None:
    """Show one webhook."""
    found = connect().get(f"{PATH}/{segment(webhook_id)}")
    if as_json:
        print_json(found)
        return
    found["filter"] = _filter(found.get("filter"))
    pairs((name, value) for name, value in found.items() if value is not None)


def send_test(webhook_id: WebhookId, *, as_json: AsJson = False) -> None:
    """Send a signed test event to a webhook now, and show what came back."""
    result = connect().post(f"{PATH}/{segment(webhook_id)}/test")
    if as_json:
        print_json(result)
    else:
        pairs(result.items())
    if result["outcome"] != "ok":
        raise typer.Exit(1)


def rm(webhook_id: WebhookId) -> None:
    """Remove a webhook; nothing more is sent to it."""
    connect().delete(f"{PATH}/{segment(webhook_id)}")
    say("removed")


def pause(webhook_id: WebhookId) -> None:
    """Hold a webhook's deliveries back; none is lost."""
    _state(webhook_id, "pause")


def resume(webhook_id: WebhookId) -> None:
    """Let a paused or disabled webhook's deliveries go out, the oldest first."""
    _state(webhook_id, "resume")


def deliveries(
    webhook_id: Annotated[str | None, typer.Argument(metavar="ID", help="Of this webhook only.")] = None,
    *,
    article: Annotated[str | None, typer.Option(help="Of this article only.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, held, done or dead.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries with their last attempt, newest first."""
    items = list(connect().items("/v1/deliveries", limit, webhook=webhook_id, article=article, state=state))
    if as_json:
        print_json(items)
        return
    table(("id", "state", "article", "rev", "tries", "last", "answer"), map(_delivery, items), empty="no deliveries")


def replay(
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Send one delivery again, byte for byte (a retracted article: its retraction)."""
    made = connect().post(f"/v1/deliveries/{segment(delivery_id)}/replay")
    if as_json:
        print_json(made)
    else:
        say(f"replayed as {clean(made.get('id'))}")


def _state(webhook_id: str, verb: str) -> None:
    found = connect().post(f"{PATH}/{segment(webhook_id)}/{verb}")
    say(f"{clean(found['id'])}  {clean(found['state'])}")


def _delivery(it: dict[str, Any]) -> tuple[object, ...]:
    attempts = it.get("attempts") or []
    last: dict[str, Any] = attempts[-1] if attempts else {}
    answer = last.get("status") or last.get("cause") or it.get("cause")
    return it["id"], it["state"], it["article_id"], it["revision"], len(attempts), moment(last.get("at")), answer


def _stated(line: str | None, lists: dict[str, list[str]]) -> str | dict[str, list[str]] | None:
    """Judge the line here, where a caret can point at what is wrong."""
    if line is None:
        return lists or None
    if lists:
        raise UsageError(
            "--filter says it all", f"Write the rest in it too, like --filter '{line} {next(iter(lists))}:…'"
        )
    try:
        return str(parse(line)) or None
    except FilterError as error:
        raise UsageError(f"the filter cannot be read\n{error.pointed()}") from None


def _filter(wanted: dict[str, list[str]] | str | None) -> str:
    if isinstance(wanted, str):
        return wanted
    return " ".join(f"{name}={','.join(values)}" for name, values in (wanted or {}).items() if values) or "all"


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"--header {line!r} is no header", "Write it like 'X-Partner: 4711'")
    return name.strip(), value.strip()


def _secret(name: str | None) -> str | None:
    if name is None:
        return None
    if secret := os.environ.get(name):
        return secret
    raise UsageError(f"the variable {name} is empty", "Set it to the secret, or leave --secret-env out")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        help="Webhooks: partners' endpoints.",
        no_args_is_help=True,
        epilog=examples("wireroom webhooks ls"),
    )
    group.command(
        epilog=examples(
            "wireroom webhooks add https://partner.example/news",
            "wireroom webhooks add https://partner.example/news --section politique --language fr --thin",
        )
    )(add)
    group.command(epilog=examples("wireroom webhooks ls --json"))(ls)
    group.command(epilog=examples("wireroom webhooks show WEBHOOK"))(show)
    group.command("test", epilog=examples("wireroom webhooks test WEBHOOK"))(send_test)
    group.command(epilog=examples("wireroom webhooks rm WEBHOOK"))(rm)
    group.command(epilog=examples("wireroom webhooks pause WEBHOOK"))(pause)
    group.command(epilog=examples("wireroom webhooks resume WEBHOOK"))(resume)
    group.command(epilog=examples("wireroom webhooks deliveries WEBHOOK --state dead"))(deliveries)
    group.command(epilog=examples("wireroom webhooks replay DELIVERY"))(replay)
    app.add_typer(group, name="webhooks")
