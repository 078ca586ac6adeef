"""What is known of static copies: who writes to a place, which feeds are there, which objects.

An object is noted before it is written (`intend`: it may be there, in whatever state) and again after
(`settle`, with the tag of its bytes). So a crash between the two leaves nothing that nobody knows of.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, not_, or_, select, update

from schemas.publishing import Copied, Counts, Outdated, PlaceState
from services.store.database import Database
from services.store.errors import StoreUnavailable
from services.store.feeds import FEEDS, OVERLAP, feed_row
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import archive, feed, feed_definition, static_feed, static_object, static_place

_here = static_feed.c.place == bindparam("of_place")
_FOUND = Statement(upsert(static_place).on_conflict_do_nothing())
_TAKE = Statement(
    update(static_place)
    .where(
        static_place.c.place == bindparam("of_place"),
        or_(
            static_place.c.owner.is_(None),
            static_place.c.until <= bindparam("now"),
            static_place.c.owner == bindparam("me"),
        ),
    )
    .values(owner=bindparam("me"), until=bindparam("till"), fence=static_place.c.fence + 1)
    .returning(static_place.c.fence)
)
_HELD = Statement(
    select(static_place.c.fence)
    .where(
        static_place.c.place == bindparam("of_place"),
        static_place.c.fence == bindparam("held"),
        static_place.c.owner.is_not(None),
    )
    .with_for_update()
)
_RENEW = Statement(
    update(static_place)
    .where(
        static_place.c.place == bindparam("of_place"),
        static_place.c.fence == bindparam("held"),
        static_place.c.owner.is_not(None),
    )
    .values(until=bindparam("till"))
    .returning(static_place.c.fence)
)
_RELEASE = Statement(
    update(static_place)
    .where(static_place.c.place == bindparam("of_place"), static_place.c.fence == bindparam("held"))
    .values(owner=None, until=None)
)
_REPORT = Statement(
    update(static_place)
    .where(static_place.c.place == bindparam("of_place"), static_place.c.fence == bindparam("held"))
    .values(
        done_at=bindparam("done"),
        behind_since=bindparam("behind"),
        fault=bindparam("why"),
        written=static_place.c.written + bindparam("w"),
        unchanged=static_place.c.unchanged + bindparam("u"),
        removed=static_place.c.removed + bindparam("r"),
    )
)
_ASK = Statement(
    update(static_place)
    .where(static_place.c.place == bindparam("of_place"))
    .values(asked_at=bindparam("now"), written=0, unchanged=0, removed=0)
)
_FORGET_FEEDS = Statement(update(static_feed).where(_here).values(version=-1))
_FORGET_OBJECTS = Statement(
    update(static_object).where(static_object.c.place == bindparam("of_place")).values(tag=None)
)
_PLACES = Statement(select(static_place).order_by(static_place.c.place))
_CHANGED = or_(
    static_feed.c.version.is_(None),
    static_feed.c.version != feed.c.version,
    static_feed.c.layout != bindparam("now_layout"),
    static_feed.c.defined_at.is_distinct_from(feed_definition.c.changed_at),
    static_feed.c.generation != func.coalesce(archive.c.generation, 1),
    static_feed.c.sealed != func.coalesce(archive.c["items"], 0),
)
_PUBLIC = and_(feed_definition.c.owner.is_(None), feed_definition.c.ended_at.is_(None))
_STALE = (
    FEEDS.add_columns(
        feed_definition.c.changed_at.label("defined_now"),
        static_feed.c.version.label("had"),
        static_feed.c.defined_at,
        static_feed.c.layout,
        static_feed.c.address.label("was"),
        static_feed.c.generation.label("had_generation"),
        static_feed.c.sealed.label("had_sealed"),
    )
    .outerjoin(static_feed, and_(static_feed.c.feed == feed.c.name, static_feed.c.place == bindparam("of_place")))
    .where(or_(and_(_PUBLIC, _CHANGED), and_(not_(_PUBLIC), static_feed.c.version.is_not(None))))
    .order_by(feed.c.changed_at, feed.c.name)
    .limit(bindparam("most"))
)
_ALL_STALE = Statement(_STALE)
_LATELY_STALE = Statement(
    _STALE.where(
        or_(
            feed.c.changed_at >= bindparam("since"),
            feed_definition.c.changed_at >= bindparam("since"),
            static_feed.c.version < 0,
        )
    )
)
_of_object = and_(static_object.c.place == bindparam("of_place"), static_object.c.feed == bindparam("of_feed"))
_CURRENT = Statement(
    select(static_object.c.path, static_object.c.tag).where(_of_object, static_object.c.part == bindparam("of_part"))
)
_OTHERS = Statement(
    select(static_object.c.path)
    .where(_of_object, static_object.c.part.not_in(listed("parts")))
    .order_by(static_object.c.path)
    .limit(bindparam("most"))
)
_insert = upsert(static_object)
_KEEP = Statement(
    _insert.on_conflict_do_update(
        index_elements=["place", "path"],
        set_={name: _insert.excluded[name] for name in ("feed", "part", "tag")},
    )
)
_DROP = Statement(
    delete(static_object).where(
        static_object.c.place == bindparam("of_place"),
        static_object.c.feed == bindparam("of_feed"),
        static_object.c.path.in_(listed("ids")),
    )
)
_insert_feed = upsert(static_feed)
_COPIED = Statement(
    _insert_feed.on_conflict_do_update(
        index_elements=["place", "feed"],
        set_={name: _insert_feed.excluded[name] for name in Copied._fields},
    )
)
_DROP_FEED = Statement(delete(static_feed).where(_here, static_feed.c.feed == bindparam("of_feed")))


class LeaseLost(StoreUnavailable):
    """Another process writes to the place now."""


class StaticCopies:
    """Places, by name. Whoever changes anything shows the fence of its lease; raises `LeaseLost` if that is over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, place: str, owner: str, until: datetime, now: datetime) -> int | None:
        """Take the right to write there; its fence. None: another process has it."""

        def unit(connection: Connection) -> int | None:
            _FOUND.run(connection, place=place, fence=0, written=0, unchanged=0, removed=0)
            row = _TAKE.one(connection, of_place=place, me=owner, till=until, now=now)
            return None if row is None else row.fence

        return await self._database.write(unit)

    async def renew(self, place: str, fence: int, until: datetime) -> bool:
        """Keep the right for longer; False: it is over."""
        return await self._database.write(
            lambda connection: _RENEW.one(connection, of_place=place, held=fence, till=until) is not None
        )

    async def release(self, place: str, fence: int) -> None:
        """Let another process write there at once."""
        await self._database.write(lambda connection: _RELEASE.run(connection, of_place=place, held=fence))

    async def ask(self, now: datetime) -> list[str]:
        """Have everything written anew in every place, whatever is known to be there; the places."""

        def unit(connection: Connection) -> list[str]:
            places = [row.place for row in _PLACES.rows(connection)]
            for place in places:
                _ASK.run(connection, of_place=place, now=now)
                _FORGET_FEEDS.run(connection, of_place=place)
                _FORGET_OBJECTS.run(connection, of_place=place)
            return places

        return await self._database.write(unit)

    async def places(self) -> list[PlaceState]:
        """Read how far every place is."""
        wanted = PlaceState._fields
        return await self._database.read(
            lambda connection: [
                PlaceState(*(getattr(row, name) for name in wanted)) for row in _PLACES.rows(connection)
            ]
        )

    async def outdated(
        self, place: str, layout: str, since: datetime | None = None, limit: int = 500
    ) -> list[Outdated]:
        """List feeds of which the place holds another version, oldest change first; `since`: of those moved lately."""

        def query(connection: Connection) -> list[Outdated]:
            asked: dict[str, Any] = {"of_place": place, "now_layout": layout, "most": limit}
            if since is None:
                return [_outdated(row) for row in _ALL_STALE.rows(connection, **asked)]
            return [_outdated(row) for row in _LATELY_STALE.rows(connection, since=since - OVERLAP, **asked)]

        return await self._database.read(query)

    async def known(self, place: str, name: str, part: str = "") -> dict[str, str | None]:
        """Read the tags of a feed's objects by path; None: it may be there, in whatever state."""
        return await self._database.read(
            lambda connection: {
                row.path: row.tag for row in _CURRENT.rows(connection, of_place=place, of_feed=name, of_part=part)
            }
        )

    async def others(self, place: str, name: str, keep: Sequence[str], limit: int = 500) -> list[str]:
        """List objects of a feed that belong to none of these parts."""
        return await self._database.read(
            lambda connection: [
                row.path
                for row in _OTHERS.rows(connection, of_place=place, of_feed=name, parts=list(keep) or ["-"], most=limit)
            ]
        )

    async def note(self, place: str, fence: int, name: str, part: str, tags: Mapping[str, str | None]) -> None:
        """Note objects of a feed: before they are written (None), and after (their tags)."""
        rows = [
            {"place": place, "path": path, "feed": name, "part": part, "tag": tag} for path, tag in sorted(tags.items())
        ]

        def unit(connection: Connection) -> None:
            _require(connection, place, fence)
            _KEEP.many(connection, rows)

        await self._database.write(unit)

    async def forget(self, place: str, fence: int, name: str, paths: Collection[str]) -> None:
        """Forget objects that were removed."""

        def unit(connection: Connection) -> None:
            _require(connection, place, fence)
            _DROP.over(connection, sorted(paths), of_place=place, of_feed=name)

        await self._database.write(unit)

    async def copied(self, place: str, fence: int, name: str, copied: Copied | None) -> None:
        """Record that a version of a feed is there, whole; None: nothing of it is."""

        def unit(connection: Connection) -> None:
            _require(connection, place, fence)
            if copied is None:
                _DROP_FEED.run(connection, of_place=place, of_feed=name)
            else:
                _COPIED.many(connection, [{"place": place, "feed": name, **copied._asdict()}])

        await self._database.write(unit)

    async def report(
        self,
        place: str,
        fence: int,
        counts: Counts,
        *,
        done_at: datetime | None,
        behind_since: datetime | None,
        fault: str | None,
    ) -> None:
        """Say how far the place is."""

        def unit(connection: Connection) -> None:
            _REPORT.run(
                connection, of_place=place, held=fence, done=done_at, behind=behind_since, why=fault,
                w=counts.written, u=counts.unchanged, r=counts.removed,
            )  # fmt: skip

        await self._database.write(unit)


def _require(connection: Connection, place: str, fence: int) -> None:
    if _HELD.one(connection, of_place=place, held=fence) is None:
        raise LeaseLost(f"another process writes to {place} now")


def _outdated(row: Row[Any]) -> Outdated:
    found = feed_row(row)
    public = found.owner is None and found.ended_at is None
    had = Copied()
    if row.had is not None:
        had = Copied(row.had, row.defined_at, row.layout, row.was, row.had_generation, row.had_sealed)
    return Outdated(found.name, found if public else None, found.changed_at, row.defined_now, had)
