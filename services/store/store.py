"""The store: every question about state at rest, bundled."""

from datetime import datetime
from types import TracebackType
from typing import Self

from schemas.records import Stats, Trace
from services.store.archives import Archives
from services.store.articles import Articles
from services.store.changes import Changes
from services.store.database import Database
from services.store.dead_letters import DeadLetters
from services.store.deliveries import Deliveries
from services.store.directory import Directory
from services.store.endpoints import Endpoints
from services.store.enrichments import Enrichments
from services.store.feed_fills import FeedFills
from services.store.feed_health import FeedHealthRows
from services.store.feed_tokens import FeedTokens
from services.store.feeds import Feeds
from services.store.keys import Keys
from services.store.meta import Meta
from services.store.outbox import Outbox
from services.store.pages import PageReads
from services.store.saved_feeds import SavedFeeds
from services.store.search import Search
from services.store.static_copies import StaticCopies
from services.store.stats import stats
from services.store.subscribers import Subscribers
from services.store.trace import trace
from services.store.work import Work


class Store:
    """SQL is the truth: all that was accepted, and what became of it.

    Every method may be repeated: a repeat changes nothing. All raise `StoreUnavailable` (a later try may
    help) or its kind `StoreFull`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.articles = Articles(database)
        self.work = Work(database)
        self.outbox = Outbox(database)
        self.enrichments = Enrichments(database)
        self.feeds = Feeds(database)
        self.directory = Directory(database)
        self.archives = Archives(database)
        self.pages = PageReads(database)
        self.changes = Changes(database)
        self.feed_tokens = FeedTokens(database)
        self.static = StaticCopies(database)
        self.saved_feeds = SavedFeeds(database)
        self.feed_fills = FeedFills(database)
        self.feed_health = FeedHealthRows(database)
        self.search = Search(database)
        self.subscribers = Subscribers(database)
        self.endpoints = Endpoints(database)
        self.deliveries = Deliveries(database)
        self.dead_letters = DeadLetters(database)
        self.keys = Keys(database)
        self.meta = Meta(database)

    @classmethod
    def open(cls, url: str, *, readonly: bool = False) -> "Store":
        """Open `postgresql://…`, `sqlite:///path` or a plain path. No I/O yet; then `await migrate()`."""
        return cls(Database.open(url, readonly=readonly))

    async def migrate(self) -> None:
        """Bring the tables to the newest version; read-only: refuse older ones (`StoreUnavailable`)."""
        await self.database.migrate()

    async def probe(self) -> None:
        """Write something that nobody reads. Raises when that cannot be done; read-only: when nothing can be read."""
        if self.database.readonly:
            await self.meta.get("probe")
        else:
            await self.meta.set("probe", "1")

    async def stats(self, now: datetime) -> Stats:
        """Read P4's sum, the deliveries' sum, stages, outbox and open dead letters, in one snapshot."""
        return await self.database.read(lambda connection: stats(connection, now))

    async def trace(self, article_id: str) -> Trace | None:
        """Read everything that happened to an article. None: nothing of that id ever came."""
        return await self.database.read(lambda connection: trace(connection, article_id))

    async def close(self) -> None:
        """Finish what was begun and close every connection. A repeat changes nothing."""
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        await self.close()
