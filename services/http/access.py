"""Who asks, and what they may do: `Authorization: Bearer`, judged by id, in constant time."""

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from fastapi import Request

from schemas.records import ApiKey
from services.http.keys import digest, key_id_of
from services.http.problems import Problem

CACHE_S = 3.0  # a revoke bites within 5 s in every process
_CACHED = 1_000
_NOBODY = "0" * 64
_LOOPBACK = ("127.0.0.1", "::1")


class Principal(NamedTuple):
    """Whoever holds a key. `subscriber_id` None: the newsroom's own."""

    key_id: str
    scopes: frozenset[str]
    subscriber_id: str | None = None

    def may(self, scope: str) -> bool:
        """Whether the key opens this scope."""
        return scope in self.scopes or "admin" in self.scopes


class FindsKeys(Protocol):
    """The store's part of it."""

    async def find(self, key_id: str) -> ApiKey | None:
        """Find a key by its id, revoked and expired ones too."""
        ...


class Access:
    """Judges keys. What was right stays right for CACHE_S without asking the store; what was wrong does not."""

    def __init__(
        self,
        keys: FindsKeys,
        *,
        admin_key: str | None,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        used: Callable[[str], None],
    ) -> None:
        self._keys = keys
        self._admin = None if admin_key is None else digest(admin_key)
        self._clock = clock
        self._monotonic = monotonic
        self._used = used
        self._known: dict[str, tuple[float, Principal, datetime | None]] = {}

    async def require(self, request: Request, scope: str) -> Principal:
        """Let through whoever may; else a Problem: 401 without a valid key, 403 without the scope."""
        principal = await self.principal(request.headers.get("authorization"))
        if principal is None:
            stated = "authorization" in request.headers
            raise Problem(
                401,
                "unauthenticated",
                "This key is not valid." if stated else "A key is needed: Authorization: Bearer …",
                headers={"WWW-Authenticate": 'Bearer realm="wireroom"' + (', error="invalid_token"' if stated else "")},
            )
        if not principal.may(scope):
            raise Problem(
                403,
                "forbidden",
                f"This key lacks the scope {scope}.",
                headers={"WWW-Authenticate": f'Bearer realm="wireroom", error="insufficient_scope", scope="{scope}"'},
            )
        return principal

    async def principal(self, header: str | None) -> Principal | None:
        """Find whose key it is; None: nobody's, or no more."""
        kind, _, key = (header or "").partition(" ")
        key = key.strip()
        if kind.lower() != "bearer" or not 1 <= len(key) <= 512:
            return None
        presented = digest(key)
        if self._admin is not None and hmac.compare_digest(presented, self._admin):
            return Principal("preset", frozenset({"admin"}))
        cached = self._known.get(presented)
        if cached is not None and cached[0] > self._monotonic():
            return None if _over(cached[2], self._clock()) else cached[1]
        return await self._look_up(key, presented)

    def forget(self) -> None:
        """Ask the store again for every key: one was revoked here."""
        self._known.clear()

    async def _look_up(self, key: str, presented: str) -> Principal | None:
        key_id = key_id_of(key)
        if key_id is None:
            return None  # a typo or another's key: its form tells, and no secret is involved
        row = await self._keys.find(key_id)
        # The same work for an id that does not exist, so that time does not tell them apart.
        right = hmac.compare_digest(presented, _NOBODY if row is None else row.sha256)
        if row is None or not right or row.revoked_at is not None or _over(row.expires_at, self._clock()):
            return None
        principal = Principal(row.id, frozenset(row.scopes), row.subscriber_id)
        if len(self._known) >= _CACHED:
            self._known.clear()
        self._known[presented] = (self._monotonic() + CACHE_S, principal, row.expires_at)
        self._used(row.id)
        return principal


def _over(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and expires_at <= now


def is_local(request: Request, *, behind_proxy: bool) -> bool:
    """Whether somebody on this machine asks, without a proxy between."""
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded"))
    return not behind_proxy and not forwarded and request.client is not None and request.client.host in _LOOPBACK


def local_or(scope: str) -> Callable[[Request], Awaitable[None]]:
    """Open to this machine; everybody else needs a key with the scope."""

    async def judge(request: Request) -> None:
        deps = request.app.state.deps
        if not is_local(request, behind_proxy=deps.behind_proxy):
            await request.app.state.access.require(request, scope)

    return judge
