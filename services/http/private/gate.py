"""Judge who may read a private feed: a token of that very feed, or an operator's key.

    /private/{token}/{address}.{format}      for readers that can only be given a URL
    /feeds/{address}.{format}                with Basic (the token as password) or Bearer

The token is compared by digest, stands in no answer and no log; what was right stays right for CACHE_S.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple, Protocol

from schemas.records import FeedToken
from services.http.access import Principal
from services.http.keys import digest, feed_token_id_of
from services.http.problems import Problem

CACHE_S = 2.0  # a revoke bites within seconds in every process
_CACHED = 10_000
_TOUCH = timedelta(minutes=1)  # `used_at` is written no more often
_NOBODY = "0" * 64
UNKNOWN = Problem(404, "not_found", "There is no such feed.", headers={"Cache-Control": "no-store"})
_OVER = Problem(
    410, "gone", "This address was taken back; ask the publisher for a new one.", headers={"Cache-Control": "no-store"}
)
_LOGIN = Problem(
    401,
    "unauthenticated",
    "This feed is private: send its token as the password of Basic, or as Bearer.",
    headers={"WWW-Authenticate": 'Basic realm="private feed", charset="UTF-8"', "Cache-Control": "no-store"},
)


class Verdict(Enum):
    """What a presented token is worth."""

    OPEN = "open"
    OVER = "over"  # it was right once: revoked or expired
    UNKNOWN = "unknown"


class _Known(NamedTuple):
    until: float  # monotonic
    token: FeedToken


class FindsTokens(Protocol):
    """The store's part. May raise StoreUnavailable."""

    async def find(self, token_id: str) -> tuple[FeedToken, str] | None:
        """Read a token and its SHA-256, revoked and expired ones too."""
        ...


class Gate:
    """Judges tokens. Belongs to its event loop."""

    def __init__(
        self,
        tokens: FindsTokens,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        used: Callable[[str], None] = lambda _token_id: None,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._monotonic = monotonic
        self.operators: Callable[[str | None], Awaitable[Principal | None]] = _nobody  # who holds an API key
        self._used = used
        self._known: dict[str, _Known] = {}

    async def refusal(self, feed: str, in_path: str | None, headers: Iterable[tuple[bytes, bytes]]) -> Problem | None:
        """Say why a private feed (its key) stays closed to a request; None: it is open."""
        if in_path is not None:
            verdict = await self._judge(in_path, feed)
            return {Verdict.OPEN: None, Verdict.OVER: _OVER, Verdict.UNKNOWN: UNKNOWN}[verdict]
        stated = next((value.decode("latin-1") for name, value in headers if name == b"authorization"), None)
        for token in presented(stated):
            if await self._judge(token, feed) is Verdict.OPEN:
                return None
        operator = await self.operators(stated)
        if operator is not None and operator.subscriber_id is None and operator.may("ops:read"):
            return None
        return _LOGIN

    def forget(self) -> None:
        """Ask the store again for every token: one was revoked here."""
        self._known.clear()

    async def _judge(self, token: str, feed: str) -> Verdict:
        found = await self._look_up(token)
        return Verdict.UNKNOWN if found is None else self._worth(found, feed)

    async def _look_up(self, token: str) -> FeedToken | None:
        token_id = feed_token_id_of(token)
        if token_id is None:
            return None
        held = digest(token)
        known = self._known.get(held)
        if known is None or known.until <= self._monotonic():
            row = await self._tokens.find(token_id)
            # The same work for an id that does not exist, so that time does not tell them apart.
            right = hmac.compare_digest(held, _NOBODY if row is None else row[1])
            if row is None or not right:
                return None
            known = self._remember(held, row[0])
        return known.token

    def _worth(self, token: FeedToken, feed: str) -> Verdict:
        if token.feed != feed:
            return Verdict.UNKNOWN
        now = self._clock()
        over = token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now)
        return Verdict.OVER if over else Verdict.OPEN

    def _remember(self, held: str, token: FeedToken) -> _Known:
        if len(self._known) >= _CACHED:
            self._known.clear()
        known = self._known[held] = _Known(self._monotonic() + CACHE_S, token)
        if token.revoked_at is None and (token.used_at is None or self._clock() - token.used_at > _TOUCH):
            self._used(token.id)
        return known


async def _nobody(_authorization: str | None) -> Principal | None:
    return None


def presented(authorization: str | None) -> list[str]:
    """Read what `Authorization` may hold as a token: a Bearer's, or either part of Basic (RFC 7617)."""
    kind, _, rest = (authorization or "").partition(" ")
    rest = rest.strip()
    if kind.lower() == "bearer":
        return [rest]
    if kind.lower() != "basic" or len(rest) > 1_024:
        return []
    try:
        user, _, password = b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [password, user]
