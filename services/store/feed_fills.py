"""Filling saved feeds: what was there before a filter came or changed joins, what no longer fits leaves.

    definition (version > filled) ─▶ claim ─▶ evaluate, outside ─▶ apply, part by part ─▶ filled = version

A crash between parts loses nothing: the claim lapses and the whole is done again, and what is done already
changes nothing. A part that was judged by a filter, or by a version of an entry, that no longer stands is not
applied: whoever recorded the newer one has judged it by the newer filter (see `definitions`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from schemas.event import FeedUpdated
from schemas.jobs import FILTER_CHANGED, OutboxRow
from schemas.topics import FEED_UPDATED
from services.store.database import Database
from services.store.definitions import standing
from services.store.outbox_rows import Message, add
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import (
    archive,
    archive_item,
    article,
    entry,
    feed,
    feed_definition,
    membership,
    search,
    subscriber,
)

_unfilled = (
    select(
        feed_definition.c.feed, feed_definition.c.version, feed_definition.c.filter, subscriber.c.filter.label("bound")
    )
    .outerjoin(subscriber, subscriber.c.id == feed_definition.c.owner)
    .where(
        feed_definition.c.filled < feed_definition.c.version,
        feed_definition.c.claimed_until.is_(None) | (feed_definition.c.claimed_until < bindparam("now")),
    )
    .order_by(feed_definition.c.version)
    .limit(1)
)
_UNFILLED = Statement(_unfilled)
_CLAIM = Statement(
    update(feed_definition)
    .where(
        feed_definition.c.feed == bindparam("of_feed"),
        feed_definition.c.version == bindparam("of_version"),
        feed_definition.c.claimed_until.is_(None) | (feed_definition.c.claimed_until < bindparam("now")),
    )
    .values(claimed_until=bindparam("until"), evaluated=0)
    .returning(feed_definition.c.feed)
)
_NOTE = Statement(
    update(feed_definition)
    .where(feed_definition.c.feed == bindparam("of_feed"))
    .values(
        evaluated=feed_definition.c.evaluated + bindparam("more"),
        claimed_until=bindparam("until"),
        filled=bindparam("up_to"),
    )
)
_DEFINITION = Statement(
    select(feed_definition.c.version, feed_definition.c.filled, feed_definition.c.owner).where(
        feed_definition.c.feed == bindparam("of_feed")
    )
)
_MEMBERS = Statement(
    select(search.c.article_id, search.c.version, search.c.facets, search.c.words)
    .join(membership, membership.c.article_id == search.c.article_id)
    .where(
        membership.c.feed == bindparam("of_feed"),
        membership.c.left_at.is_(None),
        membership.c.article_id > bindparam("after"),
    )
    .order_by(membership.c.article_id)
    .limit(bindparam("most"))
)
_LOCK_ARTICLES = Statement(
    select(article.c.id).where(article.c.id.in_(listed("ids"))).order_by(article.c.id).with_for_update(key_share=True)
)
_SHOWING = Statement(
    select(entry.c.article_id, entry.c.made, entry.c.moved_at).where(
        entry.c.article_id.in_(listed("ids")), entry.c.data.is_not(None), entry.c.gone_at.is_(None)
    )
)
_CARRIED = Statement(
    select(membership.c.article_id).where(
        membership.c.article_id.in_(listed("ids")),
        membership.c.feed == bindparam("of_feed"),
        membership.c.left_at.is_(None),
    )
)
_FEED = Statement(
    select(feed.c.version, feed.c.changed_at).where(feed.c.name == bindparam("of_feed")).with_for_update(key_share=True)
)
_member = upsert(membership)
_JOIN = Statement(
    _member.on_conflict_do_update(
        index_elements=["feed", "article_id"],
        set_={
            **{name: _member.excluded[name] for name in ("moved_at", "version")},
            **dict.fromkeys(("left_at", "why", "sealed", "filtered", "gone_at")),
        },
    )
)
_LEAVE = Statement(
    update(membership)
    .where(membership.c.feed == bindparam("of_feed"), membership.c.article_id == bindparam("of_article"))
    .values(
        left_at=bindparam("now"),
        moved_at=bindparam("now"),
        why=FILTER_CHANGED,
        version=bindparam("number"),
        sealed=None,
        filtered=1,
    )
)
_UNSEAL = Statement(
    delete(archive_item)
    .where(archive_item.c.feed == bindparam("of_feed"), archive_item.c.article_id.in_(listed("ids")))
    .returning(archive_item.c.article_id)
)
_RENEW = Statement(
    update(archive)
    .where(archive.c.feed == bindparam("of_feed"))
    .values(generation=archive.c.generation + 1, changed_at=bindparam("now"))
)
_MOVE = Statement(
    update(feed)
    .where(feed.c.name == bindparam("of_feed"))
    .values(version=bindparam("to"), changed_at=bindparam("now"), items=feed.c["items"] + bindparam("more"))
)


class Fill(NamedTuple):
    """A feed to be filled by its definition's `version`; `bound` is its owner's filter."""

    feed: str
    version: int
    filter: str
    bound: str | None


class Judged(NamedTuple):
    """An article as it was judged: `version` is its entry's."""

    article_id: str
    version: int


class Member(NamedTuple):
    """What a feed carries now, ready to be asked again."""

    article_id: str
    version: int
    facets: bytes
    words: str


class Part(NamedTuple):
    """What a part of the filling found. `evaluated`: articles it asked; `done`: it was the last part."""

    joins: Sequence[Judged] = ()
    leaves: Sequence[Judged] = ()
    evaluated: int = 0
    done: bool = False


class FeedFills:
    """Saved feeds whose filter changed, and what follows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, now: datetime, until: datetime) -> Fill | None:
        """Take the feed that waits longest, for nobody else until `until`. None: none waits."""
        found = await self._database.read(lambda connection: _UNFILLED.one(connection, now=now))
        if found is None:
            return None

        def unit(connection: Connection) -> bool:
            taken = _CLAIM.rows(connection, of_feed=found.feed, of_version=found.version, now=now, until=until)
            return bool(taken)

        taken = await self._database.write(unit)
        return Fill(found.feed, found.version, found.filter, found.bound) if taken else None

    async def members(self, feed_name: str, after: str, limit: int) -> list[Member]:
        """Read what a feed carries now and still shows, by article id."""

        def query(connection: Connection) -> list[Member]:
            rows = _MEMBERS.rows(connection, of_feed=feed_name, after=after, most=limit)
            return [Member(*row) for row in rows]

        return await self._database.read(query)

    async def apply(self, fill: Fill, part: Part, now: datetime, until: datetime) -> list[OutboxRow] | None:
        """Let articles join and leave; returns what to publish. None: the filter has changed since, or the feed ended.

        Those that join stand at the time of their entry, in its order. The claim is renewed until `until`.
        """
        return await self._database.write(lambda connection: _apply(connection, fill, part, now, until))

    async def evaluated(self, feed_name: str) -> int:
        """Count the articles that were looked through for the definition that stands."""
        statement = select(feed_definition.c.evaluated).where(feed_definition.c.feed == feed_name)
        return await self._database.read(lambda connection: connection.execute(statement).scalar() or 0)


def _apply(connection: Connection, fill: Fill, part: Part, now: datetime, until: datetime) -> list[OutboxRow] | None:
    standing(connection)
    definition = _DEFINITION.one(connection, of_feed=fill.feed)
    if definition is None or definition.version != fill.version or definition.filled >= fill.version:
        return None
    private = definition.owner is not None
    rows = _carry(connection, fill.feed, part, now, private=private) if part.joins or part.leaves else []
    up_to = fill.version if part.done else definition.filled
    _NOTE.run(connection, of_feed=fill.feed, more=part.evaluated, until=None if part.done else until, up_to=up_to)
    return rows


def _carry(connection: Connection, name: str, part: Part, now: datetime, *, private: bool) -> list[OutboxRow]:
    """Let them join and leave. Sealed pages of a public feed stay: they say what it carried then.

    Those of a private feed are also what its reader may see: they lose what leaves, and get new addresses.
    """
    ids = sorted({one.article_id for one in (*part.joins, *part.leaves)})
    _LOCK_ARTICLES.find(connection, ids)
    showing = {row.article_id: row for row in _SHOWING.find(connection, ids)}
    carried = {row.article_id for row in _CARRIED.find(connection, ids, of_feed=name)}

    def stands(one: Judged) -> bool:
        return one.article_id in showing and showing[one.article_id].made == one.version

    come = sorted(
        {one.article_id for one in part.joins if stands(one) and one.article_id not in carried},
        key=lambda article_id: (showing[article_id].moved_at, article_id),
    )
    go = sorted({one.article_id for one in part.leaves if stands(one) and one.article_id in carried})
    if not come and not go:
        return []
    row = _FEED.one(connection, of_feed=name)
    numbers = iter(range(row.version + 1, row.version + 1 + len(come) + len(go)))
    _LEAVE.many(connection, [{"of_feed": name, "of_article": each, "now": now, "number": next(numbers)} for each in go])
    if private and go and _UNSEAL.find(connection, go, of_feed=name):
        _RENEW.run(connection, of_feed=name, now=now)
    _JOIN.many(connection, [_joining(name, showing[each], next(numbers)) for each in come])
    version = row.version + len(come) + len(go)
    _MOVE.run(connection, of_feed=name, to=version, now=max(now, row.changed_at), more=len(come) - len(go))
    said = FeedUpdated(feed=name, version=version).model_dump_json().encode()
    return add(connection, [Message(FEED_UPDATED.name, said, None)], now)


def _joining(name: str, shown: Any, version: int) -> dict[str, Any]:
    return {
        "feed": name,
        "article_id": shown.article_id,
        "first_seen": shown.moved_at,
        "moved_at": shown.moved_at,
        "version": version,
    }
