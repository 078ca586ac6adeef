"""`wireroom feeds put|rename|end|preview`: feeds that people define by a filter."""

import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from services.cli.client import Client, connect, segment
from services.cli.errors import UsageError
from services.cli.examples import examples
from services.cli.output import AsJson, clean, moment, note, print_json, say, table
from services.filters import FilterError, parse
from services.filters.dates import span_of

_AGO = re.compile(r"(\d{1,4})\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="The feed's address, as after /feeds/: climate, asia/trade.")]
FilterLine = Annotated[
    str, typer.Argument(metavar="FILTER", help="e.g. 'section:world lang:(fr OR en) -tag:sport \"climate summit\"'.")
]
Subscriber = Annotated[str | None, typer.Option(help="As a private feed of this subscriber.")]


def put(
    name: Name,
    *,
    wanted: Annotated[
        str | None,
        typer.Option("--filter", metavar="FILTER", help="Which articles it carries. An automatic feed has none."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="What readers see as its name.")] = None,
    description: Annotated[str | None, typer.Option(help="A sentence about it.")] = None,
    summary: Annotated[bool, typer.Option(help="Carry summaries instead of full text.")] = False,
    max_age: Annotated[int | None, typer.Option(help="Seconds that readers may keep it: 60 to 900.")] = None,
    silent_after: Annotated[int | None, typer.Option(help="Seconds without news that are a cause for alarm.")] = None,
    subscriber: Subscriber = None,
    as_json: AsJson = False,
) -> None:
    """Make a feed, or change it to be so. What is left out is as usual again."""
    body: dict[str, Any] = {
        "title": title,
        "filter": None if wanted is None else _checked(wanted),
        "description": description,
        "body": "summary" if summary else None,
        "max_age_s": max_age,
        "silent_after_s": silent_after,
        "subscriber": subscriber,
    }
    client = connect()
    made = client.put(_path(name), {field: value for field, value in body.items() if value is not None})
    _print(client, made, as_json=as_json)


def rename(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="TO", help="Its address from now on.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Give a feed another address. Its id stays; readers of the old address are led to the new one, for good."""
    client = connect()
    _print(client, client.post(f"{_path(name)}/rename", {"to": to}), as_json=as_json)


def end(name: Name, *, as_json: AsJson = False) -> None:
    """End a feed, for good: its address answers 410, and no other feed ever gets it."""
    ended = connect().delete(_path(name))
    if as_json:
        print_json(ended)
    else:
        say(f"{clean(ended['address'])} ended")


def preview(
    wanted: FilterLine,
    *,
    since: Annotated[str, typer.Option(metavar="WHEN", help="7d, 36h, or a date like 2026-01-31.")] = "7d",
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="Show at most so many articles.")] = 20,
    subscriber: Subscriber = None,
    as_json: AsJson = False,
) -> None:
    """Show what a filter would have matched lately, newest first, with why, and how many a day."""
    found = _asked({"filter": _checked(wanted), "since": _since(since).isoformat(), "subscriber": subscriber}, limit)
    if as_json:
        print_json(found)
        return
    table(
        ("shown", "id", "title", "why"),
        [(moment(it["shown_at"]), it["id"], it["title"][:80], " ".join(it["why"])) for it in found["items"]],
        empty="nothing matches",
    )
    say()
    table(("day", "articles"), [(it["day"], it["matched"]) for it in found["days"]], empty="no article on any day")
    say()
    say(
        f"{found['matched']:,} of {found['evaluated']:,} looked at since {moment(found['since'])}: {found['filter'] or 'everything'}"
    )


def add_to(feeds: typer.Typer) -> None:
    """Add these commands to the group `feeds`."""
    feeds.command(
        "put",
        epilog=examples(
            """wireroom feeds put climate --title Climate --filter '"climate summit" OR tag:climate'""",
            "wireroom feeds put section/world --summary",
        ),
    )(put)
    feeds.command("rename", epilog=examples("wireroom feeds rename climate planet"))(rename)
    feeds.command("end", epilog=examples("wireroom feeds end climate"))(end)
    feeds.command("preview", epilog=examples("wireroom feeds preview 'section:world -tag:sport' --since 36h"))(preview)


def _asked(body: dict[str, Any], limit: int) -> dict[str, Any]:
    """Ask part by part, and add; how far it is stands on stderr meanwhile."""
    client = connect()
    body = {field: value for field, value in body.items() if value is not None}
    days, items, evaluated = Counter[str](), list[dict[str, Any]](), 0
    cursor: dict[str, str] = {}
    while True:
        part = client.post("/v1/feeds/preview", {**body, **cursor, "limit": min(limit - len(items), 200)})
        items += part["items"]
        evaluated += part["evaluated"]
        days.update({it["day"]: it["matched"] for it in part["days"]})
        if part["next"] is None:
            break
        cursor = {"cursor": part["next"]}
        if sys.stderr.isatty():
            note(f"{evaluated:,} looked at, {days.total():,} match …")
    counted = [{"day": day, "matched": count} for day, count in sorted(days.items(), reverse=True)]
    return {**part, "evaluated": evaluated, "matched": days.total(), "days": counted, "items": items}


def _checked(line: str) -> str:
    try:
        return str(parse(line))
    except FilterError as error:
        raise UsageError(f"the filter cannot be read\n{error.pointed()}") from None


def _since(text: str) -> datetime:
    if ago := _AGO.fullmatch(text.strip()):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})  # noqa: TID251 - a shell
    try:
        return span_of(text.strip()).start
    except ValueError as error:
        raise UsageError(f"--since: {error}", "Or how long ago: 7d, 36h") from None


def _path(name: str) -> str:
    return "/v1/feeds/" + "/".join(map(segment, name.split("/")))


def _print(client: Client, made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    say(f"{clean(made['address'])}  {clean(made['title'])}")
    for path in made["documents"].values():
        say(f"  {client.url}{path}")
