"""Read feeds as readers do, over HTTP, and judge what came: documents, headers, conditional requests."""

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from services.cli.client import Client
from services.cli.errors import UsageError
from services.cli.wire import clock
from services.syndicate.formats import FORMATS
from services.syndicate.rules import CURES, Expected, Fault, check_document
from services.syndicate.rules.http import FIRST, Probe, Reply, check_http, probes

_LINK = re.compile(r'<([^>]*)>\s*;[^,<]*?rel="?([^";,]*)"?')
_MAX_AGE = re.compile(r"max-age=(\d+)")
_TOKEN = re.compile(r"/private/[^/]+/")
_WHICH = "wireroom feeds ls names all there are"
_PATIENCE_S = 65.0  # for one Retry-After


class Result(NamedTuple):
    """What became of one document."""

    url: str
    faults: list[dict[str, Any]]
    notes: list[str]
    unknown: bool = False


def check_feeds(client: Client, addresses: Sequence[str]) -> Iterator[Result]:
    """Check every format of each feed of our own service, and the newest archive that it links."""
    for address in addresses:
        for name in FORMATS:
            path = f"/feeds/{quote(address)}.{name}"
            result, first = _check(client, path, name, None)
            yield result
            if first is None and result.unknown:
                break  # in the other formats neither
            if first is not None and (older := _links(first).get("prev-archive")) is not None:
                yield _check(client, urlsplit(older).path, name, older, archive=True)[0]


def check_url(url: str) -> Result:
    """Check one document anywhere; its address ends in the name of its format."""
    parts = urlsplit(url)
    name = parts.path.rpartition(".")[2]
    if name not in FORMATS:
        raise UsageError(f"{url} does not end in a format", f"It is one of {', '.join(FORMATS)}")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    stated = _TOKEN.sub("/feeds/", url)  # a private feed never names the address that opens it
    return _check(Client(f"{parts.scheme}://{parts.netloc}", None), path, name, stated)[0]


def _check(
    client: Client, path: str, name: str, self_url: str | None, *, archive: bool = False
) -> tuple[Result, Reply | None]:
    url = client.url + path
    first = _ask(client, path, FIRST)
    if closed := first.status == 401:  # a partner's own, or nothing here is public
        first = _ask(client, path, FIRST, with_key=True)
    if first.status == 404:
        return Result(url, [{**Fault(50, "", "says no such feed")._asdict(), "cure": _WHICH}], [], unknown=True), None
    if first.status != 200:
        return Result(url, _told([Fault(50, "", f"answers {first.status}")]), []), None
    replies = {"first": first}
    for probe_name, probe in probes(first).items():
        replies[probe_name] = _ask(client, path, probe, with_key=closed)
    replies["unknown"] = _ask(client, f"/feeds/no-such-feed-{len(path)}.{name}", FIRST, with_key=closed)
    age = _MAX_AGE.search(first.headers.get("cache-control", ""))
    stated = _links(first).get("self")
    expected = Expected(
        self_url=self_url or (stated if stated and urlsplit(stated).path == path else url),
        max_age_s=int(age[1]) if age and not archive else None,
        now=clock(),
        archive=archive,
        private="private" in first.headers.get("cache-control", ""),
        hub_urls=tuple(target for rel, target in _pairs(first) if rel == "hub"),
    )
    faults = [*check_document(name, first.body, expected), *check_http(name, replies, expected)]
    remarks = [f"{url}: answered 429; ask again later"] if any(each.status == 429 for each in replies.values()) else []
    return Result(url, _told(faults), remarks), first


def _ask(client: Client, path: str, probe: Probe, *, with_key: bool = False) -> Reply:
    """Make one request; one that comes too soon is made again when the service says so."""
    asked = path + (probe.suffix if "?" not in path else probe.suffix.replace("?", "&"))
    reply = _once(client, asked, probe, with_key=with_key)
    wait_s = reply.headers.get("retry-after", "")
    if reply.status == 429 and wait_s.isdigit() and int(wait_s) <= _PATIENCE_S:
        time.sleep(int(wait_s))
        reply = _once(client, asked, probe, with_key=with_key)
    return reply


def _once(client: Client, path: str, probe: Probe, *, with_key: bool) -> Reply:
    return Reply(*client.fetch(probe.method, path, probe.headers, with_key=with_key))


def _pairs(reply: Reply) -> list[tuple[str, str]]:
    return [(rel, url) for url, rel in _LINK.findall(reply.headers.get("link", ""))]


def _links(reply: Reply) -> dict[str, str]:
    return dict(_pairs(reply))


def _told(faults: list[Fault]) -> list[dict[str, Any]]:
    return [{**fault._asdict(), "cure": CURES.get(fault.rule, "")} for fault in faults]
