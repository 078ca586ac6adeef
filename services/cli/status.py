"""`wireroom status` and `wireroom trace`: is news flowing, and what became of one article."""

from typing import Annotated, Any

import typer

from services.cli.client import connect, segment
from services.cli.examples import examples
from services.cli.output import AsJson, clean, moment, number, print_json, say, seconds, table
from services.cli.places import redis_cli

INBOX = "article.inbox"  # schemas.topics names it; importing that takes 0.2 s
STATES = ("done", "waiting", "held", "dead")


def status(*, as_json: AsJson = False) -> None:
    """Show whether news flows.

    The sum of all events, how far behind each stage is, what is dead, and the queue's address.
    The sum closes: accepted = done + waiting + held + dead. An unknown value is a dash, never 0.
    """
    client = connect()
    stats = client.get("/v1/stats")
    if as_json:
        print_json({"url": client.url, **stats})
        return
    say(client.url)
    if queue := stats.get("queue"):
        say(f"queue: {redis_cli(clean(queue))} XADD {INBOX} '*' data '{{…}}'")
    say(_sum("events", "accepted", stats))
    if deliveries := stats.get("deliveries"):
        say(_sum("deliveries", "owed", deliveries))
    if outbox := stats.get("outbox"):
        say(f"outbox: {number(outbox.get('rows'))} rows, oldest {seconds(outbox.get('oldest_age_s'))}")
    say()
    table(
        ("stage", "health", "behind", "depth", "oldest pending", "per second"),
        [_stage(name, stage) for name, stage in stats["stages"].items()],
    )
    if dead := stats.get("dead_letters"):
        say()
        table(("dead at", "cause", "count"), [(row["stage"], row["cause"], number(row["count"])) for row in dead])
    for alert in stats.get("alerts") or []:
        say(f"! {clean(alert['says'])}")


def trace(
    article_id: Annotated[str, typer.Argument(metavar="ID", help="The article's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Follow one article.

    Publish, stages, feeds and every webhook attempt, with times.
    """
    found = connect().get(f"/v1/articles/{segment(article_id)}/trace")
    if as_json:
        print_json(found)
        return
    say(f"{clean(found['article_id'])}  revision {found['state']['newest']}  {found['status']}")
    for step in found["steps"]:
        after = f"+{seconds(step['after_s'])}" if step.get("after_s") is not None else ""
        say(f"{moment(step['at'])}  {after:>9}  {step['what']:<10} {clean(step['says'])}")


def _sum(what: str, total: str, counts: dict[str, Any]) -> str:
    parts = " + ".join(f"{number(counts[state])} {state}" for state in STATES)
    holds = counts[total] == sum(counts[state] for state in STATES)
    return f"{what}: {number(counts[total])} {total} = {parts}" + ("" if holds else "   ! the sum does not close")


def _stage(name: str, stage: dict[str, Any]) -> tuple[str, ...]:
    rate = stage.get("rate_per_s")
    return (
        name,
        stage.get("health", "–"),
        seconds(stage["oldest_waiting_s"]),
        number(stage["depth"]),
        seconds(stage["oldest_pending_s"]),
        "–" if rate is None else f"{rate:.1f}",
    )


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog=examples("wireroom status", "wireroom status --json | jq .stages.deliver"))(status)
    app.command(epilog=examples("wireroom trace 4711", "wireroom trace 4711 --json"))(trace)
