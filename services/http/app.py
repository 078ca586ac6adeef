"""The ASGI app: every route of the API, closed by default, around collaborators that it is handed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.http import ops, problems
from services.http.access import Access
from services.http.api import ROUTERS
from services.http.api.documented import components
from services.http.background import Background
from services.http.deps import Deps
from services.http.middleware import Outermost


def create_app(deps: Deps) -> FastAPI:
    """Make the app. It opens nothing: store, relay and senders are open already, and their owner closes them."""
    background = Background()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await background.finish()

    app = FastAPI(
        title=deps.title,
        version=deps.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # no type stated means JSON, here as for articles
        lifespan=lifespan,
    )
    app.state.deps = deps
    app.state.background = background
    app.state.access = Access(
        deps.store.keys,
        admin_key=deps.admin_key,
        clock=deps.clock,
        monotonic=deps.monotonic,
        used=lambda key_id: background.run(deps.store.keys.touch(key_id, deps.clock())),
    )
    problems.install(app)
    app.add_middleware(Outermost, new_id=deps.new_id)
    for router in (*ROUTERS, ops.router, *deps.feeds):
        app.include_router(router)
    app.openapi = lambda: _openapi(app)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description="Publish once; every subscriber has it moments later.",
            routes=app.routes,
        )
        parts: dict[str, Any] = document.setdefault("components", {})
        parts.setdefault("schemas", {}).update(components())
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "wr_…"}}
        app.openapi_schema = document
    return app.openapi_schema
