"""For operators and developers: health, metrics, and the API's own documents."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from services.http.access import local_or
from services.http.deps import deps_of
from services.http.docs import PAGE_HEADERS, STYLE, render

router = APIRouter()
_operators = [Depends(local_or("ops:read"))]
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", include_in_schema=False)
async def healthz() -> Response:
    """Say that this process answers. Nothing else: it is open to everybody."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", include_in_schema=False)
async def readyz(request: Request) -> Response:
    """Say whether new work can be taken; what is wrong is named in one word per check, without detail."""
    found = await deps_of(request).ready()
    body = {"status": "ready" if found.ready else "not ready", "checks": dict(found.checks)}
    return JSONResponse(body, 200 if found.ready else 503, headers={"Cache-Control": "no-store"})


@router.get("/metrics", include_in_schema=False, dependencies=_operators)
async def metrics(request: Request) -> Response:
    """Give the metrics in Prometheus' text format, to this machine or with a key."""
    return Response(await deps_of(request).metrics(), media_type=_METRICS_TYPE)


@router.get("/openapi.json", include_in_schema=False, dependencies=_operators)
async def openapi(request: Request) -> Response:
    """Describe the HTTP API (OpenAPI 3.1)."""
    return JSONResponse(request.app.openapi())


@router.get("/asyncapi.json", include_in_schema=False, dependencies=_operators)
async def asyncapi(request: Request) -> Response:
    """Describe every stream (AsyncAPI 3)."""
    return JSONResponse(dict(deps_of(request).asyncapi()))


@router.get("/docs", include_in_schema=False, dependencies=_operators)
async def docs(request: Request) -> Response:
    """Show the HTTP API to people: one page of our own, without scripts or another origin."""
    return Response(render(request.app.openapi()), media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)


@router.get("/docs/style.css", include_in_schema=False)
async def style() -> Response:
    """Give the page's style sheet."""
    return Response(STYLE, media_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=3600"})
