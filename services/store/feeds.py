"""What the syndicate stage loads, and what readers' documents are made of."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from schemas.article import Article
from schemas.delivery import WorkState
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.feed import Entry, Moved
from schemas.history import Moves, Place, SealedPage, Window
from schemas.jobs import FeedBody, OutboxRow, Page, Shown, SyndicateJob, SyndicatePlan, WindowItem
from schemas.lifecycle import ArticleState
from schemas.records import CarriedBy, FeedRow
from services.store import windows
from services.store.accept import state_of
from services.store.columns import parsed
from services.store.database import Database
from services.store.enrichments import opens_at
from services.store.feed_head import FEEDS, feed_row, find, head
from services.store.feed_record import record
from services.store.sql import cursor_of, listed, read_cursor
from services.store.statement import Statement
from services.store.tables import (
    article,
    enrichment,
    entry,
    event,
    feed,
    feed_definition,
    fragment,
    membership,
    meta,
    revision,
    work,
)

OVERLAP = timedelta(seconds=10)
"""`moved_since` looks so far behind its token: commits side by side do not appear in order of their times."""

_WAITING = Statement(
    select(
        event.c.id,
        event.c.type,
        event.c.article_id,
        event.c.revision,
        event.c.facts,
        event.c.traceparent,
    )
    .join(work, and_(work.c.event_id == event.c.id, work.c.stage == "syndicate"))
    .where(event.c.id.in_(listed("ids")), work.c.state == WorkState.WAITING.value)
)
_VIEWS = Statement(
    select(
        article,
        revision.c.content,
        revision.c.accepted_at,
        revision.c.embargo_until,
        revision.c.expired,
        enrichment.c.data.label("enrichment_data"),
        enrichment.c.facts,
        entry.c.data.label("entry_data"),
        entry.c.entry_id,
        entry.c.key,
    )
    .outerjoin(revision, and_(revision.c.article_id == article.c.id, revision.c.revision == article.c.shown))
    .outerjoin(enrichment, and_(enrichment.c.article_id == article.c.id, enrichment.c.revision == article.c.shown))
    .outerjoin(entry, entry.c.article_id == article.c.id)
    .where(article.c.id.in_(listed("ids")))
)
_EVER = Statement(
    select(membership.c.article_id, membership.c.feed, membership.c.filtered)
    .where(membership.c.article_id.in_(listed("ids")))
    .order_by(membership.c.feed)
)
_IRI = re.compile(
    r"(?:tag:|urn:[A-Za-z0-9][A-Za-z0-9-]{1,31}:)(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
)
_NAMESPACE = Statement(select(meta.c.value).where(meta.c.name == "namespace"))
_FRAGMENTS = Statement(
    select(fragment.c.article_id, fragment.c.version, fragment.c.data).where(
        fragment.c.article_id.in_(listed("ids")), fragment.c.format == bindparam("of_format")
    )
)
_MOVED = select(feed.c.name, feed.c.version, feed.c.changed_at)
_CARRIED = Statement(
    select(membership).where(membership.c.article_id == bindparam("of_article")).order_by(membership.c.feed)
)


class View(NamedTuple):
    """An article as readers may see it, in one snapshot."""

    version: int
    state: ArticleState
    shown: Shown | None
    expired: bool
    first_published: datetime | None
    first_accepted_at: datetime
    feeds_ever: tuple[str, ...]
    entry_id: str
    key: str
    previous: Entry | None
    feeds_filtered: frozenset[str]


class Feeds:
    """Feeds, what they carry and ever carried, and the fragments they are joined from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, event_ids: Sequence[str]) -> dict[str, SyndicateJob]:
        """Read the events whose syndication is waiting, each with its article as it stands now."""

        def query(connection: Connection) -> dict[str, SyndicateJob]:
            rows = _WAITING.find(connection, event_ids)
            views = _views(connection, sorted({row.article_id for row in rows}))
            return {row.id: SyndicateJob(_thin(row), EventType(row.type), *views[row.article_id]) for row in rows}

        return await self._database.read(query)

    async def record(
        self, plans: Sequence[SyndicatePlan], now: datetime, definitions: int | None = None
    ) -> list[OutboxRow]:
        """Keep what feeds carry; each feed that changed grows by one version and one feed.updated row.

        A plan made from a version that is not newer than what was recorded last settles its event and
        changes nothing else; so does a plan that changes no byte. `definitions` is the version of the saved
        feeds by which the plans were made (None: by none): raises DefinitionsMoved if they changed since.
        """
        return await self._database.write(lambda connection: record(connection, plans, now, definitions))

    async def head(self, name: str) -> FeedRow | None:
        """Read one feed. None: no article was ever in it."""
        return await self._database.read(lambda connection: head(connection, name))

    async def find(self, address: str) -> FeedRow | Moved | None:
        """Read the feed that stands under an address now; `Moved`: it did once. None: none ever did."""
        return await self._database.read(lambda connection: find(connection, address))

    async def subscription(self, address: str) -> Window | Moved | None:
        """Read what stands under an address, and all that its subscription document shows, in one snapshot."""
        return await self._database.read(lambda connection: windows.window(connection, address))

    async def window(self, name: str, limit: int = windows.UNSEALED_MOST) -> list[WindowItem]:
        """Read what a feed's subscription document shows now, last moved first: all that is not sealed."""
        return await self._database.read(lambda connection: windows.unsealed(connection, name, limit))

    async def sealed_page(
        self, address: str, number: int, fragments: Mapping[FeedBody, str]
    ) -> SealedPage | FeedRow | Moved | None:
        """Read a sealed page in one snapshot, numbered from 1, with the fragments named for the feed's body.

        The feed's row alone: it has no such page (yet).
        """

        def query(connection: Connection) -> SealedPage | FeedRow | Moved | None:
            row = find(connection, address)
            if not isinstance(row, FeedRow):
                return row
            return windows.sealed_page(connection, row, number, fragments[row.body]) or row

        return await self._database.read(query)

    async def moves(
        self, address: str, behind: Place | datetime | None, limit: int = 100, most_bytes: int = 512 * 1024
    ) -> Moves | Moved | None:
        """Read what moved in a feed behind a place or after an instant, oldest first, in one snapshot; None: the end.

        At most `limit` items, and no more than `most_bytes` of them but one. Articles committed side by side
        with a clock behind may come again after an instant; behind a place none is missing and none comes twice.
        """
        return await self._database.read(
            lambda connection: windows.moves(connection, address, behind, limit, most_bytes)
        )

    async def fragments(self, format_name: str, items: Sequence[tuple[str, int]]) -> dict[str, tuple[int, bytes]]:
        """Read entries' bytes by article id, each with the version it is of.

        That may be newer than the one asked for: the feed's next version is then on its way. An article
        without an entry in this format is left out.
        """

        def query(connection: Connection) -> dict[str, tuple[int, bytes]]:
            ids = [item[0] for item in items]
            return {row[0]: (row[1], row[2]) for row in _FRAGMENTS.find(connection, ids, of_format=format_name)}

        return await self._database.read(query)

    async def moved_since(self, token: datetime | None) -> tuple[datetime | None, list[tuple[str, int]]]:
        """Read which feeds moved: the next token, and (name, version) of each; None: all feeds.

        Feeds that moved shortly before the token come again: compare versions.
        """

        def query(connection: Connection) -> tuple[datetime | None, list[tuple[str, int]]]:
            moved = _MOVED if token is None else _MOVED.where(feed.c.changed_at >= token - OVERLAP)
            rows = connection.execute(moved).all()
            times = [row[2] for row in rows] + ([] if token is None else [token])
            return max(times, default=None), [(row[0], row[1]) for row in rows]

        return await self._database.read(query)

    async def count(self) -> int:
        """Count feeds."""
        return await self._database.read(
            lambda connection: connection.execute(select(func.count()).select_from(feed)).scalar_one()
        )

    async def for_article(self, article_id: str) -> list[CarriedBy]:
        """List every feed that carries or ever carried an article."""
        return await self._database.read(lambda connection: carried_by(connection, article_id))

    async def list(self, cursor: str | None = None, limit: int = 100, *, public: bool = False) -> Page[FeedRow]:
        """List feeds by name; `public`: those that anybody may read now. Raises ValueError for a cursor that is not ours."""

        def query(connection: Connection) -> Page[FeedRow]:
            statement = FEEDS.order_by(feed.c.name).limit(limit + 1)
            if public:
                statement = statement.where(feed_definition.c.owner.is_(None), feed_definition.c.ended_at.is_(None))
            if cursor is not None:
                statement = statement.where(feed.c.name > read_cursor(cursor, [str])[0])
            rows = [feed_row(row) for row in connection.execute(statement)]
            return Page(rows[:limit], cursor_of(rows[limit - 1].name) if len(rows) > limit else None)

        return await self._database.read(query)


def carried_by(connection: Connection, article_id: str) -> list[CarriedBy]:
    """See `Feeds.for_article`."""
    rows = _CARRIED.rows(connection, of_article=article_id)
    return [CarriedBy.model_validate(row._asdict()) for row in rows]


def _views(connection: Connection, article_ids: list[str]) -> dict[str, View]:
    ever: dict[str, dict[str, bool]] = {}  # article → feed → whether its filter took it out
    for article_id, name, filtered in _EVER.find(connection, article_ids):
        ever.setdefault(article_id, {})[name] = bool(filtered)
    rows = _VIEWS.find(connection, article_ids)
    namespace = namespace_of(connection) if rows else UUID(int=0)
    return {row.id: _view(row, ever.get(row.id, {}), namespace) for row in rows}


def _view(row: Row[Any], ever: Mapping[str, bool], namespace: UUID) -> View:
    state = state_of(row)
    shown: Shown | None = None
    if row.content is not None and row.enrichment_data is not None:
        content, made = parsed(Article, row.content), parsed(Enrichment, row.enrichment_data)
        shown = Shown(content, made, row.shown, row.facts, opens_at(row))
    if state.retracted and not state.is_retracted and row.shown <= state.retracted:
        # The revision that brings it back is not open yet (not enriched, or under embargo): until then
        # readers see what the retraction left.
        state = state.model_copy(update={"reinstated": 0})
    return View(
        version=row.version,
        state=state,
        shown=shown,
        expired=bool(row.expired),
        first_published=row.first_published,
        first_accepted_at=row.first_opened or row.first_accepted_at,
        feeds_ever=tuple(ever),
        entry_id=row.entry_id or minted(row.id, namespace),
        key=row.key or uuid5(namespace, row.id).hex,
        previous=None if row.entry_data is None else parsed(Entry, row.entry_data),
        feeds_filtered=frozenset(name for name, filtered in ever.items() if filtered),
    )


def namespace_of(connection: Connection) -> UUID:
    """Read what ids of this installation are made from; it never changes."""
    return UUID(_NAMESPACE.one(connection).value)


def minted(article_id: str, namespace: UUID) -> str:
    """Make an entry's IRI: the article's own id where that is one for good, else a name-based UUID."""
    return article_id if _IRI.fullmatch(article_id) else f"urn:uuid:{uuid5(namespace, article_id)}"


def _thin(row: Row[Any]) -> ThinEvent:
    return ThinEvent.model_construct(
        event_id=row.id,
        article_id=row.article_id,
        revision=row.revision,
        facts=row.facts,
        traceparent=row.traceparent,
    )
