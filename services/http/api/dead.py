"""`/v1/dead-letters`: work given up, with its cause; do it again, or put it out of sight."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse, Response

from schemas.records import DeadLetterRecord
from services.http.api.lists import Listing, listed, page_of
from services.http.api.receipts import commit_one, publish_later
from services.http.api.views import dead_view
from services.http.deps import deps_of
from services.http.problems import Problem, not_found
from services.http.route import closed_router, needs
from services.ingest.core import read_kept

router = closed_router("/v1/dead-letters", "dead letters")


LetterId = Annotated[int, Path(ge=1, le=2**62)]


class DeadListing(Listing):
    """Filters: every one that is given must hold."""

    stage: str | None = None
    cause: str | None = None


@router.get("", **needs("ops:read"))
async def list_dead(request: Request, query: Annotated[DeadListing, Query()]) -> Response:
    """List open dead letters, newest first."""
    page = await page_of(
        deps_of(request).store.dead_letters.list(
            stage=query.stage, cause=query.cause, limit=query.limit, cursor=query.cursor
        )
    )
    return JSONResponse(listed(page, dead_view))


@router.get("/{letter_id}", **needs("ops:read"))
async def read(request: Request, letter_id: LetterId) -> Response:
    """Read one dead letter, with all its bytes."""
    return JSONResponse(dead_view(await _found(request, letter_id), whole=True))


@router.post("/{letter_id}/retry", status_code=202, **needs("ops:write"))
async def retry(request: Request, letter_id: LetterId) -> Response:
    """Do the work again, now that its cause is mended. Bytes that were no event are read again."""
    deps = deps_of(request)
    letter = await _open(request, letter_id)
    if letter.raw is not None:
        answer = await commit_one(request, read_kept(letter.raw, f"dead:{letter.id}"))
        await deps.store.dead_letters.retry([letter.id], deps.clock())
        return answer
    retried = await deps.store.dead_letters.retry([letter.id], deps.clock())
    if (await _found(request, letter_id)).closed is None:
        raise Problem(409, "conflict", "Its webhook is gone, or a retraction overtook it. Trash puts it out of sight.")
    publish_later(request, retried.rows)
    deps.wake()
    return JSONResponse({"id": letter.id, "closed": "retried"}, 202)


@router.post("/{letter_id}/trash", **needs("ops:write"))
async def trash(request: Request, letter_id: LetterId) -> Response:
    """Put it out of sight. It stays counted as dead and is never retried."""
    letter = await _open(request, letter_id)
    await deps_of(request).store.dead_letters.trash([letter.id], deps_of(request).clock())
    return JSONResponse({"id": letter.id, "closed": "trashed"})


async def _found(request: Request, letter_id: int) -> DeadLetterRecord:
    found = await deps_of(request).store.dead_letters.get(letter_id)
    if found is None:
        raise not_found("dead letter")
    return found


async def _open(request: Request, letter_id: int) -> DeadLetterRecord:
    found = await _found(request, letter_id)
    if found.closed is not None:
        raise Problem(409, "conflict", f"It was {found.closed} already.")
    return found
