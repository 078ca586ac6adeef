"""Private feeds over HTTP: the same documents as public ones, behind the gate.

/private/{token}/{address}.{format} ─┬▶ document ─▶ gate ─▶ history, deltas ─▶ Answers
/feeds/{address}.{format} (FeedApp) ─┘
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from fastapi import APIRouter
from starlette.types import Receive, Scope, Send

from schemas.feed import Ended, Moved, Replaced
from services.http.feeds.answers import Answers
from services.http.feeds.route import Special, asked_of, asks_more, send_reply, visitor_of
from services.http.feeds.target import Target, parse
from services.http.private.gate import UNKNOWN, Gate
from services.http.problems import Problem
from services.store.errors import StoreUnavailable
from services.syndicate.document import Document
from services.syndicate.documents import Found

PREFIX = "/private/"
_NOT_ALLOWED = Problem(405, "method_not_allowed", "A feed can only be read.", headers={"Allow": "GET, HEAD"})

_REPLACED = Problem(
    410,
    "replaced",
    "Something in this feed was taken back; its archive begins anew from the feed.",
    headers={"Cache-Control": "private, no-store"},
)


class _Asked(NamedTuple):
    """One request for a document; `token` None: none stood in its path."""

    target: Target
    token: str | None
    scope: Scope
    receive: Receive
    send: Send


class PrivateFeeds:
    """Answers for private documents. `history` answers what asks for more than a document as it stands."""

    def __init__(self, answers: Answers, gate: Gate, history: Sequence[Special] = ()) -> None:
        self._answers = answers
        self._gate = gate
        self._history = history

    async def under_feeds(self, target: Target, found: Found, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer for a private document under its public address (a `Special` of the feeds' app)."""
        asked = _Asked(target, None, scope, receive, send)
        if isinstance(found, Replaced) and found.private:
            await self._replaced(asked, found)
        elif isinstance(found, Document) and found.policy.kind == "private":
            await self._answer(asked, found)
        else:
            return False
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the token in its path. Without the right one every address looks alike."""
        if scope["method"] not in {"GET", "HEAD"}:
            await _NOT_ALLOWED.response()(scope, receive, send)
            return
        token, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
        target = parse(f"/feeds/{rest}")
        try:
            found = None if target is None else await self._answers.documents.get(*target)
            if target is not None and isinstance(found, Moved):
                await self._moved(_Asked(target, token, scope, receive, send), found, token)
            elif target is not None and isinstance(found, Replaced) and found.private:
                await self._replaced(_Asked(target, token, scope, receive, send), found)
            elif target is None or not isinstance(found, Document) or found.policy.kind != "private":
                problem = await self._gate.ended(token) if isinstance(found, Ended) else UNKNOWN
                await problem.response()(scope, receive, send)
            else:
                await self._answer(_Asked(target, token, scope, receive, send), found)
        except StoreUnavailable as error:
            wait = {"Retry-After": str(max(1, round(error.retry_after_s))), "Cache-Control": "no-store"}
            problem = Problem(503, "unavailable", "The feed cannot be read now; try again.", headers=wait)
            await problem.response()(scope, receive, send)

    async def _moved(self, asked: _Asked, to: Moved, token: str) -> None:
        """Lead on a reader whose token still opens the feed, and nobody else (RFC 9110 §15.4.9)."""
        target = asked.target
        now_at = await self._answers.documents.get(to.to, target.format, target.page)
        problem = UNKNOWN
        if isinstance(now_at, Document) and now_at.policy.kind == "private":
            page = f"/{target.page}" if target.page else ""
            headers = {
                "Location": f"{PREFIX}{token}/{quote(to.to)}{page}.{target.format}",
                "Cache-Control": "private, no-store",
            }
            moved = Problem(308, "moved", "This feed has another address now.", headers=headers)
            problem = await self._gate.refusal(now_at.feed, token, ()) or moved
        await problem.response()(asked.scope, asked.receive, asked.send)

    async def _replaced(self, asked: _Asked, found: Replaced) -> None:
        """Tell whoever may read the feed that a page of its archive is no more; to others it never was."""
        current = await self._answers.documents.get(found.address, asked.target.format)
        problem = UNKNOWN
        if isinstance(current, Document):
            refusal = await self._gate.refusal(current.feed, asked.token, asked.scope["headers"])
            problem = _REPLACED if refusal is None else UNKNOWN
        await problem.response()(asked.scope, asked.receive, asked.send)

    async def _answer(self, asked: _Asked, document: Document) -> None:
        target, token, scope, receive, send = asked
        problem = await self._gate.refusal(document.feed, token, scope["headers"])
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        if asks_more(scope):
            for answers in self._history:
                if await answers(target, document, scope, receive, send):
                    return
        wanted = asked_of(scope["method"], scope["headers"])
        await send_reply(self._answers.answer(document, wanted, visitor_of(scope)), send)


def private_routes(feeds: PrivateFeeds) -> APIRouter:
    """Make the route of private feeds."""
    router = APIRouter()
    router.add_route(PREFIX + "{rest:path}", feeds, include_in_schema=False)  # pyright: ignore[reportArgumentType]  # an ASGI app is an endpoint too
    return router
