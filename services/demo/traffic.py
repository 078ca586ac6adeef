"""Run the made-up newsroom, its partners and its readers against a running service, through its public API."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

from services.demo.newsroom import LANGUAGES, Action, Newsroom
from services.demo.readers import Reader, read_forever
from services.demo.receivers import Check, Receiver, partners

POLLED = (
    "all.rss",
    "all.atom",
    "all.json",
    "lang/fr.atom",
    "lang/ar.rss",
    "lang/ja.json",
    "section/actualites.rss",
    "lang/en.atom",
)


class Api:
    """The service as any producer sees it: JSON over HTTP with a key. Calls block; run them in a thread."""

    def __init__(self, base: str, key: str) -> None:
        self._parts = urlsplit(base)
        self._key = key

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Make one request. Returns the status (0: no answer came) and the decoded JSON, if any."""
        connection = HTTPConnection(self._parts.hostname or "", self._parts.port or 80, timeout=10)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, HTTPException):
            return 0, None
        finally:
            connection.close()
        return response.status, json.loads(raw) if raw else None


@dataclass
class Traffic:
    """Everything the demo adds to a service. `run` goes on until cancelled.

    `check_for` makes the signature check for a partner's secret (the composition root hands it, so that
    this package needs no stage). `pace_s` is the mean pause between two acts of the newsroom.
    """

    base: str
    key: str
    check_for: Callable[[str], Check]
    clock: Callable[[], datetime]
    rng: Random
    run_id: str
    pace_s: float = 0.25
    partners: list[Receiver] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    async def start(self) -> None:
        """Open the partners' receivers, sign them up and publish one story in each language."""
        self._api = Api(self.base, self.key)
        self._newsroom = Newsroom(self.rng, self.run_id)
        self.partners = partners(self.rng)
        for partner in self.partners:
            url = await partner.start()
            _, subscriber = await asyncio.to_thread(
                self._api.call, "POST", "/v1/subscribers", {"name": f"Partner {partner.name}"}
            )
            order = {"url": url, "subscriber": (subscriber or {}).get("id"), "filter": partner.filter}
            status, answer = await asyncio.to_thread(self._api.call, "POST", "/v1/webhooks", order)
            if status != 201:
                msg = f"the service refused the demo's webhook {url}: {status} {answer}"
                raise RuntimeError(msg)
            partner.check = self.check_for(answer["secret"])
        self.readers = [Reader(f"{self.base}/feeds/{path}") for path in POLLED]
        self.readers.append(Reader(f"{self.base}/feeds/all.rss", polite=False))
        for action in self._newsroom.opening(self.clock()):
            await self._act(action)

    async def run(self) -> None:
        """Publish, correct, retract and repeat; poll feeds; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(read_forever(self.readers, 3.0))
            group.create_task(self._write())

    async def stop(self) -> None:
        """Close the receivers."""
        for partner in self.partners:
            await partner.stop()

    async def _write(self) -> None:
        while True:
            await self._act(self._newsroom.next(self.clock()))
            await asyncio.sleep(self.rng.expovariate(1 / self.pace_s))

    async def _act(self, action: Action) -> None:
        path = f"/v1/articles/{quote(action.article_id, safe='')}"
        if action.article is None:
            reason = {"kind": self.rng.choice(("withdraw", "takedown")), "reason": "The source withdrew its report."}
            status, _ = await asyncio.to_thread(self._api.call, "DELETE", path, reason)
        else:
            status, _ = await asyncio.to_thread(self._api.call, "POST", "/v1/articles", action.article)
        self.acts[action.kind] = self.acts.get(action.kind, 0) + 1
        self.refused += status not in (200, 201)

    def feed_has_items(self) -> bool:
        """Say whether the feed of all stories shows one (blocking)."""
        _, feed = self._api.call("GET", "/feeds/all.json")
        return bool(feed and feed.get("items"))

    def line(self, stats: dict[str, Any]) -> str:
        """Return the live status line: P4's sum, the newsroom, the partners and the readers."""
        total = {state: stats.get(state, 0) for state in ("accepted", "done", "waiting", "held", "dead")}
        partners_line = " ".join(f"{p.name} {p.received}" for p in self.partners)
        polls = sum(r.polls for r in self.readers)
        unchanged = sum(r.unchanged for r in self.readers)
        return (
            f"{self.clock():%H:%M:%S} accepted {total['accepted']} = done {total['done']} + waiting {total['waiting']}"
            f" + held {total['held']} + dead {total['dead']} │ {LANGUAGES} languages │ webhooks: {partners_line}"
            f" │ feed polls {polls}, {unchanged} unchanged"
        )
