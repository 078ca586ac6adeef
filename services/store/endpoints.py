"""Endpoints: where partners want events sent. Every row has an owner; `of` sees one owner's rows only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from schemas.delivery import WorkState
from schemas.jobs import Page
from schemas.subscription import BodyFormat, Endpoint, EndpointState, Filter
from services.store import mailboxes
from services.store.columns import document, parsed
from services.store.database import Database
from services.store.sql import cursor_of, read_cursor, upsert
from services.store.tables import endpoint, mailbox, meta, subscriber

DELETED = "endpoint deleted"
_VERSION = "endpoints.version"

_insert = upsert(meta)
_BUMP = _insert.on_conflict_do_update(index_elements=["name"], set_={"value": _insert.excluded.value})
_GET = select(endpoint).where(endpoint.c.id == bindparam("of_endpoint"), endpoint.c.deleted_at.is_(None))
_CHANGE = update(endpoint).where(endpoint.c.id == bindparam("of_endpoint"), endpoint.c.deleted_at.is_(None))


def read_endpoint(row: Row[Any]) -> Endpoint:
    """Make the schema of a row."""
    return Endpoint.model_construct(
        id=row.id,
        subscriber_id=row.subscriber_id,
        url=row.url,
        filter=parsed(Filter, row.filter),
        format=BodyFormat(row.format),
        secret=row.secret,
        headers=orjson.loads(row.headers),
        state=EndpointState(row.state),
        state_reason=row.state_reason,
        paused_until=row.paused_until,
        description=row.description,
        created_at=row.created_at,
    )


def touch(connection: Connection) -> None:
    """Let `Endpoints.snapshot` see a change."""
    version = select(meta.c.value).where(meta.c.name == _VERSION).with_for_update()
    known = connection.execute(version).scalar_one_or_none()
    connection.execute(_BUMP, {"name": _VERSION, "value": str(int(known or 0) + 1)})


def disable(connection: Connection, endpoint_id: str, reason: str) -> None:
    """Stop sending to an endpoint that told us to (410). Its deliveries are held by `mailboxes.move_all`."""
    connection.execute(
        _CHANGE.values(state=EndpointState.DISABLED.value, state_reason=bindparam("why")),
        {"of_endpoint": endpoint_id, "why": reason},
    )
    touch(connection)


class Endpoints:
    """Endpoints of everybody (the operator's view), or of one subscriber."""

    def __init__(self, database: Database, subscriber_id: str | None = None) -> None:
        self._database = database
        self._subscriber_id = subscriber_id

    def of(self, subscriber_id: str) -> "Endpoints":
        """See and change one subscriber's endpoints only."""
        return Endpoints(self._database, subscriber_id)

    async def create(self, new: Endpoint) -> Endpoint:
        """Add an endpoint; a repeat with the same id changes nothing. Raises LookupError for an unknown subscriber."""
        self._own(new.subscriber_id)

        def unit(connection: Connection) -> None:
            owner = select(subscriber.c.id).where(subscriber.c.id == new.subscriber_id)
            if connection.execute(owner).scalar_one_or_none() is None:
                raise LookupError(f"no subscriber {new.subscriber_id}")
            known = select(endpoint.c.id).where(endpoint.c.id == new.id)
            if connection.execute(known).scalar_one_or_none() is not None:
                return
            row = new.model_dump(mode="python") | {
                "filter": document(new.filter),
                "headers": orjson.dumps(new.headers),
                "format": new.format.value,
                "state": new.state.value,
            }
            connection.execute(insert(endpoint), row)
            connection.execute(insert(mailbox), {"endpoint_id": new.id, "sequence": 0, "fence": 0})
            touch(connection)

        await self._database.write(unit)
        return new

    async def get(self, endpoint_id: str) -> Endpoint | None:
        """Read one. None: unknown, deleted, or another subscriber's."""

        def query(connection: Connection) -> Endpoint | None:
            row = connection.execute(_GET, {"of_endpoint": endpoint_id}).one_or_none()
            return None if row is None or not self._sees(row.subscriber_id) else read_endpoint(row)

        return await self._database.read(query)

    async def snapshot(self, known: int = -1) -> tuple[int, list[Endpoint] | None]:
        """Read all endpoints for matching, with their version; None in their place if that is still `known`."""

        def query(connection: Connection) -> tuple[int, list[Endpoint] | None]:
            value = connection.execute(select(meta.c.value).where(meta.c.name == _VERSION)).scalar_one_or_none()
            version = int(value or 0)
            if version == known:
                return version, None
            statement = select(endpoint).where(endpoint.c.deleted_at.is_(None)).order_by(endpoint.c.id)
            if self._subscriber_id is not None:
                statement = statement.where(endpoint.c.subscriber_id == self._subscriber_id)
            return version, [read_endpoint(row) for row in connection.execute(statement)]

        return await self._database.read(query)

    async def update(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        filter: Filter | None = None,  # noqa: A002 the field's name
        format: BodyFormat | None = None,  # noqa: A002 the field's name
        headers: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> Endpoint | None:
        """Change what is given (None: leave it); the endpoint afterwards, None if there is none."""
        values: dict[str, Any] = {"url": url, "description": description, "format": format and format.value}
        values["filter"] = None if filter is None else document(filter)
        values["headers"] = None if headers is None else orjson.dumps(dict(headers))
        return await self._change(endpoint_id, {name: value for name, value in values.items() if value is not None})

    async def rotate(self, endpoint_id: str, secret: str) -> Endpoint | None:
        """Sign with another secret from now on."""
        return await self._change(endpoint_id, {"secret": secret})

    async def pause(self, endpoint_id: str, now: datetime, reason: str | None = None) -> Endpoint | None:
        """Send nothing more; waiting deliveries are held."""
        values = {"state": EndpointState.PAUSED.value, "state_reason": reason}
        if (changed := await self._change(endpoint_id, values)) is not None:
            await mailboxes.move_all(
                self._database, endpoint_id, WorkState.WAITING, WorkState.HELD, now, cause="paused"
            )
        return changed

    async def disable(self, endpoint_id: str, now: datetime, reason: str) -> Endpoint | None:
        """Send nothing more, by our own decision; waiting deliveries are held."""
        values = {"state": EndpointState.DISABLED.value, "state_reason": reason}
        if (changed := await self._change(endpoint_id, values)) is not None:
            await mailboxes.move_all(
                self._database, endpoint_id, WorkState.WAITING, WorkState.HELD, now, cause="disabled"
            )
        return changed

    async def resume(self, endpoint_id: str, now: datetime) -> Endpoint | None:
        """Send again: held deliveries wait for their turn. The endpoint turns active last; a crash leaves it paused."""
        if await self.get(endpoint_id) is None:
            return None
        await mailboxes.move_all(self._database, endpoint_id, WorkState.HELD, WorkState.WAITING, now)
        values = {"state": EndpointState.ACTIVE.value, "state_reason": None, "paused_until": None}

        def last(connection: Connection) -> None:
            mailboxes.lock(connection, endpoint_id)
            connection.execute(_CHANGE.values(**values), {"of_endpoint": endpoint_id})
            # Under the mailbox's lock no fan-out holds further deliveries: it reads the state under it.
            while mailboxes.move(connection, endpoint_id, WorkState.HELD, WorkState.WAITING, now) == mailboxes.STEP:
                pass
            touch(connection)

        await self._database.write(last)
        return await self.get(endpoint_id)

    async def delete(self, endpoint_id: str, now: datetime) -> bool:
        """Delete it; its open deliveries end as done with the cause "endpoint deleted". False: there is none."""
        if await self._change(endpoint_id, {"deleted_at": now, "secret": "", "headers": b"{}"}) is None:
            return False
        for state in (WorkState.WAITING, WorkState.HELD):
            await mailboxes.move_all(self._database, endpoint_id, state, WorkState.DONE, now, cause=DELETED)
        return True

    async def count(self) -> dict[str, int]:
        """Count endpoints by state."""

        def query(connection: Connection) -> dict[str, int]:
            statement = select(endpoint.c.state, func.count()).where(endpoint.c.deleted_at.is_(None))
            if self._subscriber_id is not None:
                statement = statement.where(endpoint.c.subscriber_id == self._subscriber_id)
            return {row[0]: row[1] for row in connection.execute(statement.group_by(endpoint.c.state))}

        return await self._database.read(query)

    async def list(self, cursor: str | None = None, limit: int = 100) -> Page[Endpoint]:
        """List them by age. Raises ValueError for a cursor that is not ours."""

        def query(connection: Connection) -> Page[Endpoint]:
            statement = select(endpoint).where(endpoint.c.deleted_at.is_(None))
            if self._subscriber_id is not None:
                statement = statement.where(endpoint.c.subscriber_id == self._subscriber_id)
            if cursor is not None:
                at, name = read_cursor(cursor, [datetime, str])
                later = (endpoint.c.created_at > at) | ((endpoint.c.created_at == at) & (endpoint.c.id > name))
                statement = statement.where(later)
            statement = statement.order_by(endpoint.c.created_at, endpoint.c.id).limit(limit + 1)
            rows = [read_endpoint(row) for row in connection.execute(statement)]
            last = rows[limit - 1] if len(rows) > limit else None
            return Page(rows[:limit], None if last is None else cursor_of(last.created_at, last.id))

        return await self._database.read(query)

    async def _change(self, endpoint_id: str, values: dict[str, Any]) -> Endpoint | None:
        def unit(connection: Connection) -> Endpoint | None:
            mailboxes.lock(connection, endpoint_id)
            before = connection.execute(_GET, {"of_endpoint": endpoint_id}).one_or_none()
            if before is None or not self._sees(before.subscriber_id):
                return None
            if values:
                connection.execute(_CHANGE.values(**values), {"of_endpoint": endpoint_id})
                touch(connection)
            row = connection.execute(select(endpoint).where(endpoint.c.id == endpoint_id)).one()
            return read_endpoint(row)

        return await self._database.write(unit)

    def _sees(self, subscriber_id: str) -> bool:
        return self._subscriber_id is None or self._subscriber_id == subscriber_id

    def _own(self, subscriber_id: str) -> None:
        if not self._sees(subscriber_id):
            raise LookupError("another subscriber's endpoint")
