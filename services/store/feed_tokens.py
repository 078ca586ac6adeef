"""Tokens of private feeds, by the SHA-256 of what is presented; the tokens themselves are nowhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from schemas.records import FeedToken
from services.store.database import Database
from services.store.statement import Statement
from services.store.tables import feed_definition, feed_token

_TOKENS = select(feed_token, feed_definition.c.address).outerjoin(
    feed_definition, feed_definition.c.feed == feed_token.c.feed
)
_FIND = Statement(_TOKENS.where(feed_token.c.id == bindparam("of_token")))
_TOUCH = Statement(update(feed_token).where(feed_token.c.id == bindparam("of_token")).values(used_at=bindparam("now")))


class FeedTokens:
    """One subscriber's right to read one private feed, as often as it was given out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, token: FeedToken, sha256: str, *, ends: Sequence[str] = (), ends_at: datetime | None = None
    ) -> FeedToken | None:
        """Add a token; those named in `ends` (of the same subscriber and feed) stop at `ends_at`, if not sooner.

        None: the subscriber owns no such feed. In one transaction: a rotation never leaves a reader without any.
        """
        row = token.model_dump(exclude={"address"}) | {"sha256": sha256}

        def unit(connection: Connection) -> FeedToken | None:
            owned = select(feed_definition.c.feed).where(
                feed_definition.c.feed == token.feed, feed_definition.c.owner == token.subscriber_id
            )
            if connection.execute(owned).one_or_none() is None:
                return None
            connection.execute(insert(feed_token), row)
            if ends:
                connection.execute(
                    update(feed_token)
                    .where(
                        feed_token.c.id.in_(ends),
                        feed_token.c.subscriber_id == token.subscriber_id,
                        feed_token.c.feed == token.feed,
                        feed_token.c.expires_at.is_(None) | (feed_token.c.expires_at > ends_at),
                    )
                    .values(expires_at=ends_at)
                )
            return _token(_FIND.one(connection, of_token=token.id))

        return await self._database.write(unit)

    async def find(self, token_id: str) -> tuple[FeedToken, str] | None:
        """Read one and its SHA-256, also if revoked or expired: judging is the caller's. None: unknown."""

        def query(connection: Connection) -> tuple[FeedToken, str] | None:
            row = _FIND.one(connection, of_token=token_id)
            return None if row is None else (_token(row), row.sha256)

        return await self._database.read(query)

    async def list(self, subscriber_id: str, feed: str | None = None) -> list[FeedToken]:
        """List a subscriber's tokens, oldest first."""
        statement = _TOKENS.where(feed_token.c.subscriber_id == subscriber_id)
        if feed is not None:
            statement = statement.where(feed_token.c.feed == feed)
        statement = statement.order_by(feed_token.c.created_at, feed_token.c.id)
        return await self._database.read(lambda connection: [_token(row) for row in connection.execute(statement)])

    async def revoke(self, subscriber_id: str, token_id: str, now: datetime) -> bool:
        """End a token at `now`. False: the subscriber has none of that id, or it was revoked before."""
        statement = (
            update(feed_token)
            .where(
                feed_token.c.id == token_id,
                feed_token.c.subscriber_id == subscriber_id,
                feed_token.c.revoked_at.is_(None),
            )
            .values(revoked_at=now)
            .returning(feed_token.c.id)
        )
        return await self._database.write(
            lambda connection: connection.execute(statement).scalar_one_or_none() is not None
        )

    async def touch(self, token_id: str, now: datetime) -> None:
        """Note that a token was used. Call it now and then, not for every request."""
        await self._database.write(lambda connection: _TOUCH.run(connection, of_token=token_id, now=now))


def _token(row: Row[Any]) -> FeedToken:
    return FeedToken.model_validate(row._asdict())
