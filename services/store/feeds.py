"""What the syndicate stage loads, and what readers' documents are made of."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from schemas.article import Article
from schemas.delivery import WorkState
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.feed import Entry, Moved
from schemas.jobs import OutboxRow, Page, Shown, SyndicateJob, SyndicatePlan, WindowItem
from schemas.lifecycle import ArticleState
from schemas.records import CarriedBy, FeedRow
from services.store.accept import state_of
from services.store.columns import parsed
from services.store.database import Database
from services.store.enrichments import opens_at
from services.store.feed_record import record
from services.store.sql import cursor_of, listed, read_cursor
from services.store.statement import Statement
from services.store.tables import (
    archive,
    article,
    enrichment,
    entry,
    event,
    feed,
    feed_alias,
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
    select(membership.c.article_id, membership.c.feed)
    .where(membership.c.article_id.in_(listed("ids")))
    .order_by(membership.c.feed)
)
_IRI = re.compile(r"(?:tag:|urn:[A-Za-z0-9][A-Za-z0-9-]{1,31}:)(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_NAMESPACE = Statement(select(meta.c.value).where(meta.c.name == "namespace"))
FEEDS = (
    select(
        feed.c.name,
        feed.c.kind,
        feed.c.lang,
        feed.c.version,
        feed.c.changed_at,
        feed.c["items"],
        func.coalesce(feed_definition.c.title, feed.c.title).label("title"),
        func.coalesce(feed_definition.c.address, feed.c.name).label("address"),
        feed_definition.c.description,
        feed_definition.c.filter,
        feed_definition.c.owner,
        func.coalesce(feed_definition.c.body, "full").label("body"),
        feed_definition.c.max_age_s,
        feed_definition.c.silent_after_s,
        func.coalesce(feed_definition.c.created_at, feed.c.created_at).label("created_at"),
        feed_definition.c.ended_at,
        func.coalesce(archive.c.generation, 1).label("generation"),
        func.coalesce(archive.c["items"], 0).label("sealed"),
    )
    .outerjoin(feed_definition, feed_definition.c.feed == feed.c.name)
    .outerjoin(archive, archive.c.feed == feed.c.name)
)
_HEAD = Statement(FEEDS.where(feed.c.name == bindparam("of_feed")))
_KEY = Statement(select(feed_definition.c.feed).where(feed_definition.c.address == bindparam("of_address")))
_ALIAS = Statement(select(feed_alias.c.feed).where(feed_alias.c.address == bindparam("of_address")))
_ITEMS = (
    select(
        membership.c.article_id,
        entry.c.made,
        membership.c.moved_at,
        entry.c.published,
        entry.c.updated,
        entry.c.entry_id,
        entry.c.gone_at,
    )
    .join(entry, entry.c.article_id == membership.c.article_id)
    .where(membership.c.feed == bindparam("of_feed"), membership.c.left_at.is_(None), entry.c.data.is_not(None))
    .limit(bindparam("most"))
)
_WINDOW = Statement(_ITEMS.order_by(membership.c.moved_at.desc(), membership.c.article_id.desc()))
_GONE = Statement(_ITEMS.where(entry.c.gone_at >= bindparam("since")).order_by(entry.c.gone_at.desc()))
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

    async def record(self, plans: Sequence[SyndicatePlan], now: datetime) -> list[OutboxRow]:
        """Keep what feeds carry; each feed that changed grows by one version and one feed.updated row.

        A plan made from a version that is not newer than what was recorded last settles its event and
        changes nothing else; so does a plan that changes no byte.
        """
        return await self._database.write(lambda connection: record(connection, plans, now))

    async def head(self, name: str) -> FeedRow | None:
        """Read one feed. None: no article was ever in it."""

        def query(connection: Connection) -> FeedRow | None:
            row = _HEAD.one(connection, of_feed=name)
            return None if row is None else feed_row(row)

        return await self._database.read(query)

    async def find(self, address: str) -> FeedRow | Moved | None:
        """Read the feed that stands under an address now; `Moved`: it did once. None: none ever did."""

        def query(connection: Connection) -> FeedRow | Moved | None:
            key = _KEY.one(connection, of_address=address)
            row = _HEAD.one(connection, of_feed=address if key is None else key.feed)
            if row is not None and row.address == address:
                return feed_row(row)
            alias = row if row is not None else _ALIAS.one(connection, of_address=address)
            if alias is None:
                return None
            row = row if row is not None else _HEAD.one(connection, of_feed=alias.feed)
            return None if row is None else Moved(row.address)

        return await self._database.read(query)

    async def window(self, name: str, limit: int = 2_500, gone_for: timedelta = timedelta(days=30)) -> list[WindowItem]:
        """Read what a feed carries now, last moved first; the caller cuts.

        Behind these comes what else was taken back within `gone_for` before the last move.
        """

        def query(connection: Connection) -> list[WindowItem]:
            items = [WindowItem(*row) for row in _WINDOW.rows(connection, of_feed=name, most=limit)]
            if len(items) < limit:
                return items  # that is all
            since, held = items[0].moved_at - gone_for, {item.article_id for item in items}
            gone = (WindowItem(*row) for row in _GONE.rows(connection, of_feed=name, most=limit, since=since))
            return [*items, *(item for item in gone if item.article_id not in held)]

        return await self._database.read(query)

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
    ever: dict[str, list[str]] = {}
    for article_id, name in _EVER.find(connection, article_ids):
        if name not in (feeds := ever.setdefault(article_id, [])):
            feeds.append(name)
    rows = _VIEWS.find(connection, article_ids)
    namespace = UUID(_NAMESPACE.one(connection).value) if rows else UUID(int=0)
    return {row.id: _view(row, tuple(ever.get(row.id, ())), namespace) for row in rows}


def _view(row: Row[Any], ever: tuple[str, ...], namespace: UUID) -> View:
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
        feeds_ever=ever,
        entry_id=row.entry_id or minted(row.id, namespace),
        key=row.key or uuid5(namespace, row.id).hex,
        previous=None if row.entry_data is None else parsed(Entry, row.entry_data),
    )


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


def feed_row(row: Any) -> FeedRow:
    return FeedRow.model_validate(row._asdict())
