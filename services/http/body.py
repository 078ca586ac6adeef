"""Request bodies: counted while they stream in, whatever the headers claim, and under a deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import cast

from fastapi import Request

from schemas.article import MAX_DEPTH
from schemas.refusal import Fault, Refusal
from services.http.problems import Problem, refused
from services.strict_json import parse, pointer
from services.text.characters import strip_forbidden

_DRAINED = 32 * 1024 * 1024  # bytes read and thrown away, so that the sender lives to see the 413
_DRAIN_S = 5.0
_CLOSE = {"Connection": "close"}

Receive = Callable[[], Awaitable[dict[str, object]]]


async def read_capped(request: Request, cap: int, deadline_s: float) -> bytes:
    """Read the whole body, at most `cap` bytes of it, within the deadline.

    Raises Problem: 413 over the cap, 408 when it takes too long, 415 when it is compressed (what it
    inflates to has no bound that a header could state).
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported_encoding", "Send the body uncompressed.")
    stated = request.headers.get("content-length", "")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(deadline_s):
            over = stated.isdigit() and int(stated[:20]) > cap
            if not over:
                async for chunk in request.stream():
                    size += len(chunk)
                    if over := size > cap:
                        break
                    chunks.append(chunk)
    except TimeoutError:
        raise Problem(408, "too_slow", f"The body took longer than {deadline_s:g} s.", headers=_CLOSE) from None
    if over:
        await _drain(request)
        what = f"has more than {cap:,} bytes"
        raise Problem(
            413, "too_large", f"The body {what}.", errors=[Fault(where="", what=what)], headers=_CLOSE, limit=cap
        )
    return b"".join(chunks)


async def _drain(request: Request) -> None:
    """Read on for a while: a connection closed on a sender in mid-body shows it a reset, not our answer."""
    if "expect" in request.headers:
        return  # it waits for our word before sending, and gets the answer instead
    size = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > _DRAINED:
                    return
    except (TimeoutError, RuntimeError):  # RuntimeError: the stream was read before, nothing is left
        return


def replay(raw: bytes) -> Receive:
    """Hand a body that was read on to whoever reads next."""
    sent = False

    async def receive() -> dict[str, object]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive


def media_type(request: Request) -> str:
    """Read the body's media type, lower case and without parameters; none stated means JSON."""
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def check_json(raw: bytes, cap: int) -> None:
    """Refuse JSON that is not strict before any framework reads it. Raises Problem."""
    parsed = parse(raw, max_bytes=cap, max_depth=MAX_DEPTH)
    if isinstance(parsed, Refusal):
        raise refused(parsed)
    if faults := (*parsed.faults, *_unprintable(parsed.value, "")):
        raise refused(Refusal(errors=faults))


def _unprintable(value: object, at: str) -> Iterator[Fault]:
    """Find strings that neither a log line nor every database can hold; articles are cleaned, these are not."""
    if isinstance(value, str):
        if strip_forbidden(value).text != value:
            yield Fault(where=at, what="holds characters that no text should: controls or broken Unicode")
    elif isinstance(value, dict):
        for key, part in cast("dict[str, object]", value).items():
            yield from _unprintable(key, at)
            yield from _unprintable(part, at + pointer(key))
    elif isinstance(value, list):
        for index, part in enumerate(cast("list[object]", value)):
            yield from _unprintable(part, at + pointer(index))
