"""Recording what feeds carry: entries, fragments, memberships, feeds' versions, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from schemas.event import FeedUpdated
from schemas.jobs import FeedRef, OutboxRow, SyndicatePlan
from schemas.topics import FEED_UPDATED
from services.store import past, search, settle
from services.store.columns import document
from services.store.definitions import standing
from services.store.errors import DefinitionsMoved
from services.store.ledger import Ledger
from services.store.outbox_rows import Message, add
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import article, entry, feed, fragment, membership

_LOCK_ARTICLES = Statement(
    select(article.c.id).where(article.c.id.in_(listed("ids"))).order_by(article.c.id).with_for_update(key_share=True)
)
_ENTRIES = Statement(select(entry).where(entry.c.article_id.in_(listed("ids"))))
_FRAGMENTS = Statement(
    select(fragment.c.article_id, fragment.c.format, fragment.c.data).where(fragment.c.article_id.in_(listed("ids")))
)
_MEMBERS = Statement(
    select(membership.c.article_id, membership.c.feed, membership.c.left_at).where(
        membership.c.article_id.in_(listed("ids"))
    )
)
_FEEDS = Statement(
    select(feed).where(feed.c.name.in_(listed("ids"))).order_by(feed.c.name).with_for_update(key_share=True)
)

_entry = upsert(entry)
_KEEP_ENTRY = Statement(
    _entry.on_conflict_do_update(
        index_elements=["article_id"],
        set_={
            name: _entry.excluded[name]
            for name in (
                "version",
                "made",
                "entry_id",
                "data",
                "published",
                "updated",
                "moved_at",
                "gone_at",
                "key",
                "size",
            )
        },
    )
)
_fragment = upsert(fragment)
_KEEP_FRAGMENT = Statement(
    _fragment.on_conflict_do_update(
        index_elements=["article_id", "format"],
        set_={name: _fragment.excluded[name] for name in ("version", "data")},
    )
)
_DROP_FRAGMENT = Statement(
    delete(fragment).where(
        fragment.c.article_id == bindparam("of_article"), fragment.c.format == bindparam("of_format")
    )
)
_member = upsert(membership)
_JOIN = Statement(
    _member.on_conflict_do_update(
        index_elements=["feed", "article_id"],
        set_={
            "moved_at": _member.excluded.moved_at,
            "version": _member.excluded.version,
            "filtered": _member.excluded.filtered,
            "left_at": None,
            "why": None,
            "sealed": None,  # it shows in the subscription document again
            "gone_at": _member.excluded.gone_at,
        },
    )
)
_LEAVE = Statement(
    update(membership)
    .where(membership.c.feed == bindparam("of_feed"), membership.c.article_id == bindparam("of_article"))
    .values(left_at=bindparam("now"), moved_at=bindparam("now"), why=bindparam("reason"), sealed=None)
)
_ADD_FEEDS = Statement(insert(feed))
_MOVE_FEED = Statement(
    update(feed)
    .where(feed.c.name == bindparam("of_feed"))
    .values(version=bindparam("to"), changed_at=bindparam("now"), items=feed.c["items"] + bindparam("more"))
)


class _Recorder:
    """One transaction's view of what is carried, and what it will write."""

    def __init__(self, connection: Connection, plans: Sequence[SyndicatePlan], now: datetime) -> None:
        self.connection = connection
        self.now = now
        ids = sorted({plan.article_id for plan in plans})
        self.known = {row[0] for row in _LOCK_ARTICLES.find(connection, ids)}
        self.entries: dict[str, Row[Any]] = {row.article_id: row for row in _ENTRIES.find(connection, ids)}
        self.versions = {name: row.version for name, row in self.entries.items()}
        self.held: dict[str, dict[str, bytes]] = {}
        if self.entries:
            for article_id, name, data in _FRAGMENTS.find(connection, sorted(self.entries)):
                self.held.setdefault(article_id, {})[name] = data
        self.members: dict[str, dict[str, bool]] = {}  # article → feed → is it there now
        for article_id, name, left_at in _MEMBERS.find(connection, ids):
            self.members.setdefault(article_id, {})[name] = left_at is None
        self.touched: dict[str, int] = {}  # feed → more items
        self.refs: dict[str, FeedRef] = {}
        self.new_entries: list[dict[str, Any]] = []
        self.new_fragments: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.joined: list[dict[str, Any]] = []
        self.left: list[dict[str, Any]] = []
        self.found: list[dict[str, Any]] = []
        self.lost: list[str] = []
        self.changes: list[past.Change] = []

    def apply(self, plan: SyndicatePlan) -> None:
        """Note what one plan changes."""
        if plan.article_id not in self.known or plan.version <= self.versions.get(plan.article_id, 0):
            return
        self.versions[plan.article_id] = plan.version
        before = self.entries.get(plan.article_id)
        gone = plan.left or plan.entry is None
        data = None if gone or plan.entry is None else document(plan.entry)
        fragments = {} if gone else dict(plan.fragments)
        held = self.held.get(plan.article_id, {})
        changed = before is None or before.data != data or held != fragments
        self._members(plan, gone=gone, changed=changed)
        entry_id = plan.entry.id if plan.entry is not None else before.entry_id if before is not None else None
        seen = plan.entry or before  # both have these two
        self.new_entries.append(
            {
                "article_id": plan.article_id,
                "version": plan.version,
                "made": plan.version if changed or before is None else before.made,
                "entry_id": entry_id,
                "data": data,
                "published": None if seen is None else seen.published,
                "updated": None if seen is None else seen.updated,
                "moved_at": self.now if changed or before is None else before.moved_at,
                "gone_at": plan.entry.gone_at if plan.entry is not None and not gone else None,
                "key": plan.entry.key or None if plan.entry is not None else before.key if before is not None else None,
                "size": max(map(len, fragments.values()), default=0),
            }
        )
        if changed and before is not None:
            entry = None if gone else plan.entry
            over = entry is None or entry.gone_at is not None
            updated = None if entry is None else entry.updated
            self.changes.append(past.Change(plan.article_id, before.made, plan.version, held, over, updated))
        if changed:
            self._fragments(plan, held, fragments)
            if plan.indexed is not None and not gone:
                self.found.append(search.row_of(plan.article_id, plan.version, self.now, plan.indexed))
            elif before is not None:
                self.lost.append(plan.article_id)

    def _fragments(self, plan: SyndicatePlan, held: dict[str, bytes], fragments: dict[str, bytes]) -> None:
        self.held[plan.article_id] = fragments
        self.new_fragments.extend(
            {"article_id": plan.article_id, "format": name, "version": plan.version, "data": data}
            for name, data in fragments.items()
        )
        self.dropped.extend(
            {"of_article": plan.article_id, "of_format": name} for name in sorted(held.keys() - fragments.keys())
        )

    def _members(self, plan: SyndicatePlan, *, gone: bool, changed: bool) -> None:
        """Note which feeds it joins, moves in and leaves."""
        members = self.members.setdefault(plan.article_id, {})
        wanted: dict[str, FeedRef] = {} if gone else {ref.name: ref for ref in plan.feeds}
        for name, ref in wanted.items():
            there = members.get(name, False)
            if there and not changed:
                continue
            self.refs[name] = ref
            self.touched[name] = self.touched.get(name, 0) + (0 if there else 1)
            self.joined.append(
                {
                    "feed": name,
                    "article_id": plan.article_id,
                    "first_seen": self.now,
                    "moved_at": self.now,
                    "filtered": 1 if ref.filtered else None,
                    "gone_at": plan.entry.gone_at if plan.entry is not None else None,
                }
            )
            members[name] = True
        for name, there in members.items():
            if there and name not in wanted:
                self.touched[name] = self.touched.get(name, 0) - 1
                why = "expired" if plan.left else "not to be seen" if plan.entry is None else "changed"
                self.left.append({"of_feed": name, "of_article": plan.article_id, "now": self.now, "reason": why})
                members[name] = False

    def write(self) -> list[OutboxRow]:
        """Write everything noted; feeds late, for they are what others wait for, and memberships with their versions."""
        _KEEP_ENTRY.many(self.connection, self.new_entries)
        _KEEP_FRAGMENT.many(self.connection, self.new_fragments)
        _DROP_FRAGMENT.many(self.connection, self.dropped)
        search.drop(self.connection, self.lost)
        search.keep(self.connection, self.found)
        for name in past.feeds_to_renew(self.connection, self.changes):
            self.touched.setdefault(name, 0)
        versions = self._feeds()
        past.keep(self.connection, self.changes, self.now)
        _JOIN.many(self.connection, [{**each, "version": versions[each["feed"]]} for each in self.joined])
        _LEAVE.many(self.connection, self.left)
        messages = [
            Message(FEED_UPDATED.name, FeedUpdated(feed=name, version=version).model_dump_json().encode(), None)
            for name, version in versions.items()
        ]
        return add(self.connection, messages, self.now)

    def _feeds(self) -> dict[str, int]:
        """Move the feeds that changed; returns their versions. Their rows stay locked until the commit."""
        if not self.touched:
            return {}
        known = {row.name: row for row in _FEEDS.find(self.connection, sorted(self.touched))}
        fresh: list[dict[str, Any]] = []
        moved: list[dict[str, Any]] = []
        versions: dict[str, int] = {}
        for name, more in sorted(self.touched.items()):
            row = known.get(name)
            versions[name] = 1 if row is None else row.version + 1
            if row is None:
                ref = self.refs[name]
                fresh.append(
                    {
                        "name": name,
                        "title": ref.title,
                        "kind": ref.kind,
                        "lang": ref.lang,
                        "version": 1,
                        "changed_at": self.now,
                        "items": more,
                        "created_at": self.now,
                    }
                )
            else:
                later = max(self.now, row.changed_at)  # clocks differ between hosts; a feed's time never goes back
                moved.append({"of_feed": name, "to": versions[name], "now": later, "more": more})
        _ADD_FEEDS.many(self.connection, fresh)
        _MOVE_FEED.many(self.connection, moved)
        return versions


def record(
    connection: Connection, plans: Sequence[SyndicatePlan], now: datetime, definitions: int | None = None
) -> list[OutboxRow]:
    """See `Feeds.record`."""
    if definitions is not None and standing(connection) != definitions:
        raise DefinitionsMoved
    recorder = _Recorder(connection, plans, now)
    newest: dict[str, SyndicatePlan] = {}
    for plan in plans:
        if plan.article_id not in newest or plan.version > newest[plan.article_id].version:
            newest[plan.article_id] = plan
    for article_id in sorted(newest):
        recorder.apply(newest[article_id])
    rows = recorder.write()
    ledger = Ledger(connection)
    settle.done(connection, ledger, "syndicate", [plan.event_id for plan in plans], now)
    ledger.settle()
    return rows
