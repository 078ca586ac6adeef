"""`wireroom feeds publish`: every static copy written anew, with counts."""

import time
from typing import Annotated, Any

import typer

from services.cli.client import connect
from services.cli.errors import CommandError
from services.cli.output import AsJson, moment, print_json, table

_LOOK_S = 0.5


def feeds_publish(
    wait: Annotated[float, typer.Option(min=0, help="Wait so many seconds for the end; 0: not at all.")] = 600.0,
    *,
    as_json: AsJson = False,
) -> None:
    """Write every static copy anew (WIREROOM_PUBLISH_URL), whatever is known to be there, and count."""
    client = connect()
    items: list[dict[str, Any]] = client.post("/v1/static", {})["items"]
    until = time.monotonic() + wait
    while not all(map(_done, items)) and time.monotonic() < until:
        time.sleep(_LOOK_S)
        items = client.get("/v1/static")["items"]
    if as_json:
        print_json(items)
    else:
        table(
            ("place", "written", "removed", "done", "what is wrong"),
            [(it["place"], it["written"], it["removed"], moment(it["done_at"]), it["fault"]) for it in items],
        )
    if wait and not all(map(_done, items)):
        raise CommandError("not everything is written yet", "`wireroom feeds publish --wait 0` tells how far it is")


def _done(item: dict[str, Any]) -> bool:
    return item["done_at"] is not None and item["done_at"] > item["asked_at"]
