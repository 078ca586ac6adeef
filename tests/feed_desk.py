"""A newsroom's desk for tests: publishes through the real ingest, enrichment, store and syndicate; time is set by hand."""

import json
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from schemas.event import FeedUpdated
from schemas.jobs import Enriched, OutboxRow
from schemas.refusal import Refusal
from schemas.topics import ENRICHED, FEED_UPDATED
from services.bus.entry import Batch, fields_of, read_entry
from services.enrich.core import enrich_article
from services.ingest.core import arrived, read_event
from services.ingest.lifecycle import decide
from services.store import Store
from services.syndicate.document import Document
from services.syndicate.documents import Documents
from services.syndicate.joiner import Site
from services.syndicate.saved import SavedFilters
from services.syndicate.worker import syndicate_articles

T0 = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)
BASE = "https://news.example"


@dataclass
class Desk:
    """`now` is the clock of everything. `updates` collects what was published on feed.updated."""

    store: Store
    pool: Executor
    site: Site
    now: datetime = T0
    updates: list[FeedUpdated] = field(default_factory=list)
    pending: list[OutboxRow] = field(default_factory=list)
    saved: SavedFilters | None = None
    ids: Any = field(default_factory=lambda: count(1))

    async def accept(self, *events: dict[str, Any]) -> None:
        """Commit events and enrich them; their syndication is pending then."""
        submissions: list[Any] = []
        for event in events:
            read = read_event(json.dumps(event).encode())
            assert not isinstance(read, Refusal), read.text()
            submissions.append(arrived(read, self.now))
        accepted = await self.store.articles.accept(submissions, decide, self.now, lambda: f"e{next(self.ids)}")
        for one in accepted:
            await self._enrich([json.loads(row.payload)["event_id"] for row in one.rows])

    async def _enrich(self, event_ids: Sequence[str]) -> None:
        jobs = await self.store.enrichments.load(event_ids)
        done = [
            Enriched(name, enrich_article(job.article, timer=lambda: 0.0) if job.article is not None else None)
            for name, job in jobs.items()
        ]
        self.pending += await self.store.enrichments.record(done, self.now)

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Take what the worker hands to the relay."""
        for row in rows:
            if row.stream == FEED_UPDATED.name:
                self.updates.append(FeedUpdated.model_validate_json(row.payload))

    async def syndicate(self, rows: Sequence[OutboxRow] | None = None) -> list[OutboxRow]:
        """Run the worker on what is pending (or on `rows`, again); returns what it ran on."""
        taken = self.pending if rows is None else list(rows)
        if rows is None:
            self.pending = []
        batch = [row.payload for row in taken if row.stream == ENRICHED.name]
        entries = [read_entry(f"{at}-0", fields_of(payload)) for at, payload in enumerate(batch, 1)]
        await syndicate_articles(
            Batch(ENRICHED.name, "syndicate", entries, self.now),
            store=self.store,
            relay=self,
            pool=self.pool,
            clock=lambda: self.now,
            base_url=BASE,
            publisher="Le Fil",
            saved=self.saved,
        )
        return taken

    async def say(self, *events: dict[str, Any], after: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass, commit events, enrich and syndicate them."""
        self.now += after
        await self.accept(*events)
        await self.syndicate()

    async def wait(self, time: timedelta) -> None:
        """Let time pass; what fell due (an embargo's end, an expiry) is syndicated."""
        self.now += time
        self.pending += await self.store.outbox.due(self.now, 10_000)
        await self.syndicate()

    async def read(self, name: str, format_name: str) -> str:
        """A feed's document, joined freshly from the store; "" if there is no such feed."""
        documents = Documents(self.store.feeds, self.site, cache_bytes=10_000_000)
        found = await documents.get(name, format_name)
        await documents.close()
        return found.identity.data.decode() if isinstance(found, Document) else ""
