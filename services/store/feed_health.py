"""How feeds are read and how they fare.

Counts are by day and by the name of a program; whoever tells them adds, so that several processes may.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from schemas.enrichment import Enrichment
from schemas.feed_health import ClientCount, ClientHealth, FaultRow, Judged, Readers
from services.store.columns import parsed
from services.store.database import Database
from services.store.sketch import SIZE, estimate, merged
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.tables import (
    article,
    enrichment,
    feed,
    feed_check,
    feed_client,
    feed_definition,
    feed_fault,
    feed_pulse,
    feed_readers,
    membership,
    meta,
)

HALF_LIFE_S = 14 * 86_400.0
_DROPPED_IN = 100  # the newest articles of a feed whose dropped characters are summed

_SUMS = ("requests", "not_modified", "unconditional", "limited", "bytes")
_client = upsert(feed_client)
_ADD_CLIENT = Statement(
    _client.on_conflict_do_update(
        index_elements=["feed", "day", "format", "client"],
        set_={
            **{name: feed_client.c[name] + _client.excluded[name] for name in _SUMS},
            "subscribers": func.coalesce(_client.excluded.subscribers, feed_client.c.subscribers),
        },
    )
)
_BLANK_READERS = Statement(upsert(feed_readers).on_conflict_do_nothing())
_SET_READERS = Statement(
    update(feed_readers)
    .where(feed_readers.c.feed == bindparam("of_feed"), feed_readers.c.day == bindparam("of_day"))
    .values(readers=bindparam("many"), sketch=bindparam("seen"))
)
_SKETCHES = Statement(
    select(feed_readers.c.feed, feed_readers.c.sketch)
    .where(feed_readers.c.feed.in_(listed("ids")), feed_readers.c.day == bindparam("of_day"))
    .with_for_update()
)
_pulse = upsert(feed_pulse)
_PULSE = Statement(_pulse.on_conflict_do_nothing())
_BEAT = Statement(
    update(feed_pulse)
    .where(feed_pulse.c.feed == bindparam("of_feed"), feed_pulse.c.last_at == bindparam("was"))
    .values(last_at=bindparam("at"), moves=feed_pulse.c.moves + 1, longest_s=bindparam("longest"))
)
_PULSES = Statement(select(feed_pulse).where(feed_pulse.c.feed.in_(listed("ids"))))
_check = upsert(feed_check)
_SET_CHECK = Statement(
    _check.on_conflict_do_update(
        index_elements=["feed", "format"],
        set_={name: _check.excluded[name] for name in ("version", "checked_at", "bytes", "faults")},
    )
)
_SALT = "readers_salt "
_PROPOSE = Statement(upsert(meta).on_conflict_do_nothing())
_STANDING = (
    select(
        feed.c.name,
        func.coalesce(feed_definition.c.address, feed.c.name).label("address"),
        feed.c.changed_at,
        feed_definition.c.silent_after_s,
        func.coalesce(feed_definition.c.created_at, feed.c.created_at).label("created_at"),
        feed_pulse.c.since,
        feed_pulse.c.moves,
        feed_pulse.c.longest_s,
    )
    .outerjoin(feed_definition, feed_definition.c.feed == feed.c.name)
    .outerjoin(feed_pulse, feed_pulse.c.feed == feed.c.name)
    .where(feed_definition.c.ended_at.is_(None))
)


class Pulse(NamedTuple):
    """The rhythm of a feed. `moves` 0: it was never seen to move. `stated_s`: how long it may be silent, as people said."""

    feed: str
    address: str
    last_at: datetime
    since: datetime
    moves: int
    longest_s: int
    stated_s: int | None


class Checked(NamedTuple):
    """A document as it was judged last."""

    feed: str
    format: str
    version: int
    checked_at: datetime
    bytes: int
    faults: int


class FeedHealthRows:
    """Counts, rhythms and verdicts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, clients: Sequence[ClientCount], readers: Sequence[Readers] = ()) -> None:
        """Add what was counted. Not to be repeated."""

        def unit(connection: Connection) -> None:
            _ADD_CLIENT.many(connection, [count._asdict() for count in sorted(clients, key=lambda one: one[:4])])
            for day in sorted({one.day for one in readers}):
                _add_readers(connection, day, {one.feed: one.sketch for one in readers if one.day == day})

        await self._database.write(unit)

    async def salt(self, day: int, proposed: str) -> str:
        """Agree with all processes on the day's salt; those of other days are forgotten."""

        def unit(connection: Connection) -> str:
            name = f"{_SALT}{day}"
            _PROPOSE.run(connection, name=name, value=proposed)
            connection.execute(delete(meta).where(meta.c.name.startswith(_SALT), meta.c.name != name))
            return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar_one()

        return await self._database.write(unit)

    async def beat(self, moved: Sequence[tuple[str, datetime]]) -> None:
        """Note when feeds moved last. A repeat, or an older move, changes nothing."""

        def unit(connection: Connection) -> None:
            known = {row.feed: row for row in _PULSES.find(connection, [name for name, _ in moved])} if moved else {}
            fresh = [
                {"feed": name, "since": at, "last_at": at, "moves": 1, "longest_s": 0}
                for name, at in moved
                if name not in known
            ]
            _PULSE.many(connection, fresh)
            for name, at in sorted(moved):
                row = known.get(name)
                if row is not None and at > row.last_at:
                    gap = (at - row.last_at).total_seconds()
                    longest = max(gap, row.longest_s * 0.5 ** (gap / HALF_LIFE_S))
                    _BEAT.run(connection, of_feed=name, was=row.last_at, at=at, longest=round(longest))

        await self._database.write(unit)

    async def moved_since(self, token: datetime | None) -> list[tuple[str, datetime]]:
        """Read which feeds moved at `token` or later; None: all."""
        statement = select(feed.c.name, feed.c.changed_at)
        if token is not None:
            statement = statement.where(feed.c.changed_at >= token)
        return await self._database.read(lambda connection: [(row[0], row[1]) for row in connection.execute(statement)])

    async def pulses(self, names: Collection[str] | None = None) -> list[Pulse]:
        """Read the rhythm of each standing feed; None: of all."""

        def query(connection: Connection) -> list[Pulse]:
            statement = _STANDING if names is None else _STANDING.where(feed.c.name.in_(list(names)))
            return [
                Pulse(
                    row.name,
                    row.address,
                    row.changed_at,
                    row.since or row.created_at or row.changed_at,
                    row.moves or 0,
                    row.longest_s or 0,
                    row.silent_after_s,
                )
                for row in connection.execute(statement)
            ]

        return await self._database.read(query)

    async def judged(self, judged: Judged) -> None:
        """Keep what the rules say of a document, in place of what they said before."""

        def unit(connection: Connection) -> None:
            row = {**judged._asdict(), "faults": len(judged.faults)}
            _SET_CHECK.run(connection, **row)
            mine = (feed_fault.c.feed == judged.feed, feed_fault.c.format == judged.format)
            connection.execute(delete(feed_fault).where(*mine))
            for n, (rule, place, what) in enumerate(judged.faults):
                values = {"feed": judged.feed, "format": judged.format, "n": n, "rule": rule}
                connection.execute(feed_fault.insert().values(**values, place=place, what=what))

        await self._database.write(unit)

    async def checks(self, names: Collection[str]) -> list[Checked]:
        """Read the verdicts on these feeds' documents."""
        statement = select(feed_check).where(feed_check.c.feed.in_(list(names)))
        return await self._database.read(
            lambda connection: [
                Checked(*row) for row in connection.execute(statement.order_by(*feed_check.primary_key))
            ]
        )

    async def faulty(self, limit: int = 100) -> tuple[int, int, list[str]]:
        """Count documents that were checked, feeds with faults, and name some of them."""

        def query(connection: Connection) -> tuple[int, int, list[str]]:
            checked = connection.execute(select(func.count()).select_from(feed_check)).scalar_one()
            names = select(feed_check.c.feed).where(feed_check.c.faults > 0).distinct()
            many = connection.execute(select(func.count()).select_from(names.subquery())).scalar_one()
            some = connection.execute(names.order_by(feed_check.c.feed).limit(limit)).scalars()
            return checked, many, list(some)

        return await self._database.read(query)

    async def faults(self, name: str) -> list[FaultRow]:
        """Read the rules that a feed's documents broke."""
        statement = select(feed_fault).where(feed_fault.c.feed == name).order_by(*feed_fault.primary_key)
        return await self._database.read(
            lambda connection: [
                FaultRow(format=row.format, rule=row.rule, where=row.place, what=row.what)
                for row in connection.execute(statement)
            ]
        )

    async def clients(self, names: Collection[str], since_day: int) -> dict[tuple[str, str], list[ClientHealth]]:
        """Sum what programs fetched since a day, by (feed, format), the busiest first.

        Subscribers are those of the last day on which the program told.
        """

        def query(connection: Connection) -> dict[tuple[str, str], list[ClientHealth]]:
            rows = connection.execute(
                select(feed_client)
                .where(feed_client.c.feed.in_(list(names)), feed_client.c.day >= since_day)
                .order_by(feed_client.c.day)
            )
            sums: dict[tuple[str, str, str], list[int]] = {}
            told: dict[tuple[str, str, str], int] = {}
            for row in rows:
                key = (row.feed, row.format, row.client)
                one = sums.setdefault(key, [0, 0, 0, 0, 0])
                for at, name in enumerate(_SUMS):
                    one[at] += getattr(row, name)
                if row.subscribers is not None:
                    told[key] = row.subscribers
            found: dict[tuple[str, str], list[ClientHealth]] = {}
            for (name, shape, client), one in sorted(sums.items(), key=lambda item: -item[1][0]):
                found.setdefault((name, shape), []).append(
                    ClientHealth(
                        client=client,
                        requests=one[0],
                        not_modified=one[1],
                        unconditional=one[2],
                        limited=one[3],
                        bytes_sent=one[4],
                        subscribers=told.get((name, shape, client)),
                    )
                )
            return found

        return await self._database.read(query)

    async def readers(self, names: Collection[str], since_day: int) -> dict[str, int]:
        """Tell how many different single readers came on the best day since."""
        statement = (
            select(feed_readers.c.feed, func.max(feed_readers.c.readers))
            .where(feed_readers.c.feed.in_(list(names)), feed_readers.c.day >= since_day)
            .group_by(feed_readers.c.feed)
        )
        return await self._database.read(lambda connection: {row[0]: row[1] for row in connection.execute(statement)})

    async def dropped_characters(self, name: str) -> int:
        """Sum what was taken out of the newest articles that a feed carries."""
        statement = (
            select(enrichment.c.data)
            .join(article, (article.c.id == enrichment.c.article_id) & (article.c.shown == enrichment.c.revision))
            .join(membership, membership.c.article_id == article.c.id)
            .where(membership.c.feed == name, membership.c.left_at.is_(None))
            .order_by(membership.c.moved_at.desc(), membership.c.article_id.desc())
            .limit(_DROPPED_IN)
        )
        return await self._database.read(
            lambda connection: sum(parsed(Enrichment, data).dropped_chars for (data,) in connection.execute(statement))
        )

    async def prune(self, before_day: int, today: int) -> None:
        """Forget days before `before_day`, and the sketches of days that are over."""

        def unit(connection: Connection) -> None:
            for table in (feed_client, feed_readers):
                connection.execute(delete(table).where(table.c.day < before_day))
            over = (feed_readers.c.day < today, feed_readers.c.sketch.is_not(None))
            connection.execute(update(feed_readers).where(*over).values(sketch=None))

        await self._database.write(unit)


def _add_readers(connection: Connection, day: int, sketches: dict[str, bytes]) -> None:
    names = sorted(sketches)
    _BLANK_READERS.many(connection, [{"feed": n, "day": day, "readers": 0, "sketch": bytes(SIZE)} for n in names])
    known = {row.feed: row.sketch for row in _SKETCHES.find(connection, names, of_day=day)}  # and locked
    rows: list[dict[str, object]] = []
    for name in names:
        whole = merged(sketches[name], known[name] or bytes(SIZE))
        rows.append({"of_feed": name, "of_day": day, "many": estimate(whole), "seen": whole})
    _SET_READERS.many(connection, rows)
