"""A batch: each item stands alone, and is answered in input order."""

import asyncio
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from schemas.lifecycle import Submission
from schemas.refusal import Refusal
from services.http.api.receipts import answer, commit, conflict
from services.http.deps import deps_of
from services.http.problems import Problem, refused
from services.ingest.core import read_event

MAX_ITEMS = 10_000
_TOGETHER = 100  # items per transaction
_BREATH = 16_384  # bytes judged before others have their turn: about 1 ms


async def publish_batch(request: Request, items: Iterator[bytes]) -> Response:
    """Judge and commit every item; 200 with one answer each, whatever became of it.

    A crash in between leaves whole transactions: sent again, what is committed is a repeat.
    """
    answers: list[dict[str, Any]] = []
    good: list[tuple[int, Submission]] = []
    judged = 0
    for place, item in enumerate(items):
        if place >= MAX_ITEMS:
            raise Problem(413, "too_many", f"A batch holds at most {MAX_ITEMS:,} items; nothing after them was read.")
        verdict = read_event(item)
        if isinstance(verdict, Refusal):
            deps_of(request).rejected(verdict.cause)
            answers.append({"status": "refused", "problem": refused(verdict).body()})
        else:
            answers.append({})
            good.append((place, verdict))
        judged += len(item)
        if judged >= _BREATH:
            judged = 0
            await asyncio.sleep(0)
        if len(good) >= _TOGETHER:
            await _commit(request, good, answers)
            good = []
    await _commit(request, good, answers)
    return JSONResponse({"items": answers})


async def _commit(request: Request, good: list[tuple[int, Submission]], answers: list[dict[str, Any]]) -> None:
    if not good:
        return
    accepted = await commit(request, [submission for _, submission in good])
    for (place, submission), one in zip(good, accepted, strict=True):
        said = answer(one.receipt, submission)
        if one.receipt.outcome == "conflict":
            deps_of(request).rejected("conflict")
            del said["event_id"]
            said["problem"] = conflict(one.receipt).body()
        answers[place] = said
