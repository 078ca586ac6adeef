"""`wireroom feeds`: which feeds there are, how they are read, and whether they keep all rules."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.cli.client import connect
from services.cli.errors import UsageError
from services.cli.examples import examples
from services.cli.output import AsJson, Limit, moment, note, pairs, print_json, say, table

PATH = "/v1/feed-health"

Days = Annotated[int, typer.Option(min=1, max=30, help="Count the requests of so many days.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A feed's address, like section/world.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Feeds; or choose by --all, --url.")]
All = Annotated[bool, typer.Option("--all", help="Every feed.")]
Urls = Annotated[list[str] | None, typer.Option("--url", help="A document anywhere, by its address.")]


def ls(days: Days = 7, limit: Limit = 200, *, as_json: AsJson = False) -> None:
    """List feeds with their readers: items, last change, requests, 304s, subscribers, silence, faults."""
    items = list(connect().items(PATH, limit, days=days))
    if as_json:
        print_json(items)
        return
    table(
        ("feed", "items", "changed", "requests", "304", "subscribers", "readers", "health"),
        [
            (
                it["feed"]["address"],
                it["feed"]["items"],
                moment(it["feed"]["changed_at"]),
                it["requests"],
                _share(it["not_modified_ratio"]),
                it["subscribers"],
                it["readers"],
                _health(it),
            )
            for it in items
        ],
        empty="no feeds",
    )


def show(name: Name, days: Days = 7, *, as_json: AsJson = False) -> None:
    """Show one feed: formats, programs that read it, rules that it breaks, when it should move."""
    it = connect().get(f"{PATH}/{quote(name)}", days=days)
    if as_json:
        print_json(it)
        return
    feed = it["feed"]
    pairs(
        [
            ("feed", feed["address"]),
            ("title", feed["title"]),
            ("filter", feed["filter"]),
            ("items", feed["items"]),
            ("last change", moment(feed["changed_at"])),
            ("expected by", _expected(it)),
            ("requests", f"{it['requests']} in {it['days']} days, {_share(it['not_modified_ratio'])} of them 304"),
            ("told to slow down", it["limited"]),
            ("bytes sent", it["bytes_sent"]),
            ("subscribers", f"{it['subscribers']} by aggregators, {it['readers']} single readers a day"),
            ("dropped characters", it["dropped_characters"]),
            ("health", _health(it)),
        ]
    )
    say()
    _formats(it["formats"])
    _clients("programs", it["clients"])
    _clients("programs that fetch too much", it["bad_clients"])
    if it["faults"]:
        say()
        table(
            ("format", "rule", "where", "what"),
            [(each["format"], each["rule"], each["where"], each["what"]) for each in it["faults"]],
        )


def check(names: Names = None, urls: Urls = None, *, everything: All = False, as_json: AsJson = False) -> None:
    """Fetch the documents as a reader does, in every format, twice, and judge them by every rule."""
    from services.cli.feed_check import check_feeds, check_url

    if bool(names) + bool(urls) + everything != 1:
        raise UsageError("which feeds?", "Name them, or --all, or --url URL: wireroom feeds check --help")
    if urls:
        results = [check_url(url) for url in urls]
    else:
        client = connect()
        all_feeds = (it["feed"] for it in client.items(PATH, 1_000_000))
        chosen = names or [feed["address"] for feed in all_feeds if feed["ended_at"] is None]
        results = list(check_feeds(client, chosen))
    faults = [{"url": one.url, **fault} for one in results for fault in one.faults]
    if as_json:
        print_json(
            {"documents": len(results), "faults": faults, "notes": [each for one in results for each in one.notes]}
        )
    else:
        _say_faults(len(results), faults)
        for remark in (each for one in results for each in one.notes):
            note(remark)
    if faults:
        raise typer.Exit(1)


def _say_faults(documents: int, faults: list[dict[str, Any]]) -> None:
    if not faults:
        say(f"{documents} documents keep every rule")
        return
    table(
        ("document", "rule", "where", "what", "cure"),
        [(each["url"], each["rule"], each["where"], each["what"], each["cure"]) for each in faults],
    )


def _formats(formats: list[dict[str, Any]]) -> None:
    table(
        ("format", "bytes", "requests", "304", "429", "sent", "checked", "faults"),
        [
            (
                each["format"],
                each["size"],
                each["requests"],
                _share(each["not_modified"] / each["requests"] if each["requests"] else None),
                each["limited"],
                each["bytes_sent"],
                moment(each["checked_at"]) if each["checked_at"] else None,
                each["faults"],
            )
            for each in formats
        ],
        empty="nobody has read it yet",
    )


def _clients(title: str, clients: list[dict[str, Any]]) -> None:
    if clients:
        say()
        table(
            (title, "requests", "304", "whole, unasked", "429", "bytes", "subscribers"),
            [
                (
                    each["client"],
                    each["requests"],
                    each["not_modified"],
                    each["unconditional"],
                    each["limited"],
                    each["bytes_sent"],
                    each["subscribers"],
                )
                for each in clients
            ],
        )


def _share(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.0%}"


def _health(it: dict[str, Any]) -> str:
    faults = it["faults"] if isinstance(it["faults"], int) else len(it["faults"])
    words = (["silent"] if it["silent"] else []) + ([f"{faults} faults"] if faults else [])
    return ", ".join(words) or ("ended" if it["feed"]["ended_at"] else "ok")


def _expected(it: dict[str, Any]) -> str:
    after = it["silent_after_s"]
    if after is None:
        return "its rhythm is not known yet"
    said = "as its definition says" if it["feed"]["silent_after_s"] else "twice its longest pause of late"
    return f"every {after / 3600:.1f} h ({said})" + (": SILENT" if it["silent"] else "")


def add_to(group: typer.Typer) -> None:
    """Add these commands to `wireroom feeds`."""
    group.command(epilog=examples("wireroom feeds ls", "wireroom feeds ls --days 1"))(ls)
    group.command(epilog=examples("wireroom feeds show section/world"))(show)
    group.command(
        epilog=examples(
            "wireroom feeds check all section/world",
            "wireroom feeds check --all",
            "wireroom feeds check --url https://news.example/feeds/all.atom",
        )
    )(check)
