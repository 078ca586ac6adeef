"""`/v1/static`: how far the static copies are that a CDN serves, and writing them all anew."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from schemas.publishing import PlaceState
from services.http.deps import deps_of
from services.http.problems import not_found
from services.http.route import closed_router, needs

router = closed_router("/v1/static", "feeds")


@router.get("", **needs("ops:read"))
async def read(request: Request) -> Response:
    """Show every place with what it lacks; the objects are counted since everything was last asked for."""
    return JSONResponse({"items": [_view(one) for one in await deps_of(request).store.static.places()], "next": None})


@router.post("", status_code=202, **needs("ops:write"))
async def write_anew(request: Request) -> Response:
    """Have everything written anew, whatever is known to be there: a bucket may have been emptied."""
    deps = deps_of(request)
    if not await deps.store.static.ask(deps.clock()):
        raise not_found("place for static copies: WIREROOM_PUBLISH_URL is not set, or nothing was written yet")
    return JSONResponse({"items": [_view(one) for one in await deps.store.static.places()], "next": None}, 202)


def _view(one: PlaceState) -> dict[str, Any]:
    return {
        "place": one.place,
        "asked_at": one.asked_at and one.asked_at.isoformat(),
        "done_at": one.done_at and one.done_at.isoformat(),
        "behind_since": one.behind_since and one.behind_since.isoformat(),
        "fault": one.fault,
        "written": one.written,
        "unchanged": one.unchanged,
        "removed": one.removed,
    }
