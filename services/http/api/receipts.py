"""Committing submissions, and telling their publishers what became of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from schemas.jobs import Accepted, OutboxRow
from schemas.lifecycle import Receipt, Submission
from schemas.refusal import Refusal
from services.http.deps import background_of, deps_of
from services.http.problems import Problem, refused
from services.ingest.core import arrived, decide

CREATED = {"accepted": 201, "stale": 201, "repeat": 200}


async def commit(request: Request, submissions: Sequence[Submission]) -> list[Accepted]:
    """Commit them in one transaction; when this returns they are on disk.

    Publishing their rows is not waited for: with Redis away it would take its time, and the sweeper
    finds what was not published.
    """
    deps = deps_of(request)
    deps.check_room()
    now = deps.clock()
    accepted = await deps.store.articles.accept([arrived(one, now) for one in submissions], decide, now, deps.new_id)
    for origin, some in Counter(one.origin for one in submissions).items():
        deps.received(origin, some)
    publish_later(request, [row for one in accepted for row in one.rows])
    return accepted


def publish_later(request: Request, rows: Sequence[OutboxRow]) -> None:
    """Publish rows that are committed, beside the answer."""
    if rows:
        background_of(request).run(deps_of(request).relay.publish(rows))


async def commit_one(request: Request, verdict: Submission | Refusal, codes: Mapping[str, int] = CREATED) -> Response:
    """Commit a single event and answer it. Raises Problem when it was refused or is in conflict."""
    if isinstance(verdict, Refusal):
        deps_of(request).rejected(verdict.cause)
        raise refused(verdict)
    [accepted] = await commit(request, [verdict])
    receipt = accepted.receipt
    if receipt.outcome == "conflict":
        deps_of(request).rejected("conflict")
        raise conflict(receipt)
    return JSONResponse(answer(receipt, verdict), codes[receipt.outcome])


def answer(receipt: Receipt, submission: Submission) -> dict[str, Any]:
    """Tell one publisher: which event stands, and what cleaning took out."""
    return {
        "id": receipt.article_id,
        "revision": receipt.revision,
        "event_id": receipt.event_id,
        "status": receipt.outcome,
        "warnings": submission.warnings,
    }


def conflict(receipt: Receipt) -> Problem:
    """409: the revision is taken by other content."""
    return Problem(
        409,
        "conflict",
        f"Revision {receipt.revision} is known with other content. Send the change as a higher revision.",
        id=receipt.article_id,
        revision=receipt.revision,
    )
