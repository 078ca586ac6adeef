"""Private feeds over HTTP: the same documents as public ones, behind the gate.

/private/{token}/{address}.{format} ─┬▶ document ─▶ gate ─▶ history, deltas ─▶ Answers
/feeds/{address}.{format} (FeedApp) ─┘
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from fastapi import APIRouter
from starlette.types import Message, Receive, Scope, Send

from schemas.feed import Ended, Moved, Replaced
from services.http.feeds.answers import Answers
from services.http.feeds.route import Special, asked_of, asks_more, is_private, requoted, send_reply, visitor_of
from services.http.feeds.target import Target, parse
from services.http.private.gate import UNKNOWN, Gate
from services.http.problems import Problem
from services.store.errors import StoreUnavailable
from services.syndicate.document import Document
from services.syndicate.documents import Found

PREFIX = "/private/"
_NOT_ALLOWED = Problem(405, "method_not_allowed", "A feed can only be read.", headers={"Allow": "GET, HEAD"})
_PRIVATE = {"Cache-Control": "private, no-store"}
_ANEW = "Something in this feed was taken back; its archive begins anew from the feed."
_INSTEAD: dict[type[object], Problem] = {
    Replaced: Problem(410, "replaced", _ANEW, headers=_PRIVATE),
    Ended: Problem(410, "gone", "This feed ended.", headers=_PRIVATE),
}


class _Asked(NamedTuple):
    """One request for a document; `token` None: none stood in its path."""

    target: Target
    token: str | None
    scope: Scope
    receive: Receive
    send: Send


class PrivateFeeds:
    """Answers for what only some may read. `history` answers what asks for more than a document as it stands."""

    def __init__(self, answers: Answers, gate: Gate, history: Sequence[Special] = ()) -> None:
        self._answers = answers
        self._gate = gate
        self._history = history

    async def under_feeds(self, target: Target, found: Found, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer for what only some may learn of, under its public address (a `Special` of the feeds' app)."""
        if not is_private(found, self._answers.documents.site):
            return False
        await self._respond(_Asked(target, None, scope, receive, send), found)
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the token in its path. Without the right one every address looks alike."""
        if scope["method"] not in {"GET", "HEAD"}:
            await _NOT_ALLOWED.response()(scope, receive, send)
            return
        token, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
        target = parse(f"/feeds/{rest}")
        if target is None:
            await UNKNOWN.response()(scope, receive, send)
            return
        try:
            found = await self._answers.documents.get(*target)
            await self._respond(_Asked(target, token, scope, receive, send), found)
        except StoreUnavailable as error:
            wait = {"Retry-After": str(max(1, round(error.retry_after_s))), "Cache-Control": "no-store"}
            problem = Problem(503, "unavailable", "The feed cannot be read now; try again.", headers=wait)
            await problem.response()(scope, receive, send)

    async def _respond(self, asked: _Asked, found: Found) -> None:
        """Judge first: what is to be told of a feed that moved or is over is told to who may read it."""
        feed = await self._key(found, asked.target.format)
        problem = await self._refusal(asked, feed)
        if problem is None and isinstance(found, Document):
            await self._answer(asked, found)
            return
        if problem is None:
            problem = _moved(asked, found) if isinstance(found, Moved) else _INSTEAD.get(type(found), UNKNOWN)
        await problem.response()(asked.scope, asked.receive, asked.send)

    async def _key(self, found: Found, format_name: str) -> str:
        """Find the key of the feed whose tokens count; "": there is none."""
        if isinstance(found, Moved | Replaced):
            address = found.to if isinstance(found, Moved) else found.address
            found = await self._answers.documents.get(address, format_name)
        return found.feed if isinstance(found, Document | Ended) else ""

    async def _refusal(self, asked: _Asked, feed: str) -> Problem | None:
        return await self._gate.refusal(feed, asked.token, asked.scope["headers"])

    async def _answer(self, asked: _Asked, document: Document) -> None:
        target, _, scope, receive, send = asked
        if asks_more(scope):

            async def judged(message: Message) -> None:
                """Judge again: who waited for news may have lost the right to them meanwhile."""
                nonlocal refused
                if message["type"] == "http.response.start":
                    problem = await self._refusal(asked, document.feed)
                    if problem is not None:
                        refused = True
                        await problem.response()(scope, receive, send)
                if not refused:
                    await send(message)

            refused = False
            for answers in self._history:
                if await answers(target, document, scope, receive, judged):
                    return
        wanted = asked_of(scope["method"], scope["headers"])
        await send_reply(self._answers.answer(document, wanted, visitor_of(scope)), send)


def _moved(asked: _Asked, to: Moved) -> Problem:
    """Lead a reader on, by name or with the token again (RFC 9110 §15.4.9)."""
    target, query = asked.target, asked.scope.get("query_string", b"")
    page = f"/{target.page}" if target.page else ""
    place = "/feeds/" if asked.token is None else f"{PREFIX}{asked.token}/"
    where = f"{place}{quote(to.to)}{page}.{target.format}" + (f"?{requoted(query)}" if query else "")
    return Problem(308, "moved", "This feed has another address now.", headers={**_PRIVATE, "Location": where})


def private_routes(feeds: PrivateFeeds) -> APIRouter:
    """Make the route of private feeds."""
    router = APIRouter()
    router.add_route(PREFIX + "{rest:path}", feeds, include_in_schema=False)  # pyright: ignore[reportArgumentType]  # an ASGI app is an endpoint too
    return router
