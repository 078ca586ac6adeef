"""`/v1/stats`: is news flowing, how far behind is each stage, does the sum close."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from services.http.deps import deps_of
from services.http.route import closed_router, needs

router = closed_router("/v1/stats", "stats")


@router.get("", **needs("ops:read"))
async def stats(request: Request) -> Response:
    """Tell P4's sum (accepted = done + waiting + held + dead) and every stage's depth, ages and rate.

    What could not be sampled is null, never 0.
    """
    return JSONResponse(dict(await deps_of(request).stats()))
