"""What operators see of a feed, put together from what was counted and judged. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from schemas.feed_health import ClientHealth, FaultRow, FeedHealth, FormatHealth
from schemas.records import FeedRow
from services.observe.rhythm import is_silent, silent_after
from services.store.feed_health import Checked, Pulse

TOP = 10
_UNCONDITIONAL_A_DAY = 48  # twice an hour; once a day is what a polite reader needs

Clients = Mapping[str, Sequence[ClientHealth]]  # by format


def report(
    feed: FeedRow,
    *,
    days: int,
    now: datetime,
    pulse: Pulse | None,
    clients: Clients,
    checks: Iterable[Checked],
    readers: int,
    faults: Sequence[FaultRow] = (),
    dropped_characters: int = 0,
) -> FeedHealth:
    """Make the report of one feed. `clients` are those of the last `days` days."""
    verdicts = {one.format: one for one in checks}
    formats = tuple(_format(name, clients.get(name, ()), verdicts.get(name)) for name in sorted({*clients, *verdicts}))
    programs = _programs(clients)
    requests, unchanged = sum(one.requests for one in formats), sum(one.not_modified for one in formats)
    allowed = silent_after(pulse) if pulse is not None else None
    silent = pulse is not None and feed.ended_at is None and is_silent(pulse, now)
    return FeedHealth(
        feed=feed,
        days=days,
        requests=requests,
        not_modified=unchanged,
        not_modified_ratio=round(unchanged / requests, 4) if requests else None,
        limited=sum(one.limited for one in formats),
        bytes_sent=sum(one.bytes_sent for one in formats),
        subscribers=sum(one.subscribers or 0 for each in clients.values() for one in each),
        readers=readers,
        silent=silent,
        silent_after_s=None if allowed is None else round(allowed.total_seconds()),
        silent_since=pulse.last_at if silent and pulse is not None else None,
        dropped_characters=dropped_characters,
        formats=formats,
        clients=tuple(programs[:TOP]),
        bad_clients=tuple([one for one in programs if is_rude(one, days)][:TOP]),
        faults=tuple(faults),
    )


def is_rude(client: ClientHealth, days: int) -> bool:
    """Whether it was told to slow down, or keeps fetching whole documents without asking whether they changed."""
    flood = client.unconditional >= _UNCONDITIONAL_A_DAY * days and client.unconditional * 2 > client.requests
    return client.limited > 0 or flood


def _format(name: str, clients: Sequence[ClientHealth], verdict: Checked | None) -> FormatHealth:
    return FormatHealth(
        format=name,
        requests=sum(one.requests for one in clients),
        not_modified=sum(one.not_modified for one in clients),
        limited=sum(one.limited for one in clients),
        bytes_sent=sum(one.bytes_sent for one in clients),
        size=verdict.bytes if verdict else None,
        version=verdict.version if verdict else None,
        checked_at=verdict.checked_at if verdict else None,
        faults=verdict.faults if verdict else None,
    )


def _programs(clients: Clients) -> list[ClientHealth]:
    """Sum each program over all formats, the busiest first."""
    found: dict[str, list[ClientHealth]] = {}
    for each in clients.values():
        for one in each:
            found.setdefault(one.client, []).append(one)
    summed = [
        ClientHealth(
            client=name,
            requests=sum(one.requests for one in parts),
            not_modified=sum(one.not_modified for one in parts),
            unconditional=sum(one.unconditional for one in parts),
            limited=sum(one.limited for one in parts),
            bytes_sent=sum(one.bytes_sent for one in parts),
            subscribers=sum(told)
            if (told := [one.subscribers for one in parts if one.subscribers is not None])
            else None,
        )
        for name, parts in found.items()
    ]
    return sorted(summed, key=lambda one: (-one.requests, one.client))
