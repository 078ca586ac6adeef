"""Errors as RFC 9457 problem details: every fault with its place, an id to find it in the log, never a stack."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from schemas.refusal import Fault, Refusal
from services.store.errors import StoreFull, StoreUnavailable
from services.strict_json import pointer

MEDIA_TYPE = "application/problem+json"
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_TITLES = {
    308: "Permanent Redirect",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}
_log = structlog.get_logger(__name__)


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """An answer that ends the request. `code` is a stable word for programs; `detail` is for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.more = more

    def body(self) -> dict[str, Any]:
        """Make the problem document, as it also stands in a batch's answer."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": _TITLES.get(self.status, "Refused"),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.more,
        }
        if self.errors:
            document["errors"] = [fault.model_dump() for fault in self.errors]
        return document

    def response(self) -> Response:
        """Make the HTTP answer."""
        return JSONResponse(self.body(), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def refused(refusal: Refusal) -> Problem:
    """422, or 413 where the size alone was the fault."""
    if refusal.cause == "too large":
        return Problem(413, "too_large", refusal.text().strip(": "), errors=refusal.errors)
    count = len(refusal.errors)
    return Problem(
        422,
        "invalid",
        f"{count} faults; each is named with its place." if count > 1 else "One fault, named with its place.",
        errors=refusal.errors,
    )


def not_found(what: str) -> Problem:
    """404. Also for what belongs to somebody else: it must not be told apart."""
    return Problem(404, "not_found", f"There is no such {what}.")


def install(app: FastAPI) -> None:
    """Answer every expected error as a problem document; the unexpected is `middleware.Outermost`'s."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreFull, _full)
    app.add_exception_handler(StoreUnavailable, _unavailable)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem), "registered for it"
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for it"
    if error.status_code == 404:
        return Problem(404, "not_found", "There is nothing at this address.").response()
    if error.status_code == 405:
        allowed = {"Allow": ", ".join(_methods(request))}
        return Problem(405, "method_not_allowed", f"{request.method} is not possible here.", headers=allowed).response()
    return Problem(error.status_code, "refused", str(error.detail), headers=error.headers).response()


def _methods(request: Request) -> list[str]:
    """List what is possible at this address: several routes may share it, and the first one knows only its own."""
    routes: list[BaseRoute] = request.app.routes
    asked = [(method, {**request.scope, "method": method}) for method in _METHODS]
    return [method for method, scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)]


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for it"
    faults: list[Fault] = []
    found = error.errors()
    for details in found:
        place, *path = details["loc"]
        if details["type"] == "too_short" and any(len(other["loc"]) > len(details["loc"]) for other in found):
            continue  # items that are faulty themselves are missing from its count
        unknown = details["type"] == "extra_forbidden"
        message = "is unknown" if unknown else "is required" if details["type"] == "missing" else details["msg"]
        where = pointer(*path) if place == "body" else f"{place} {'.'.join(map(str, path))}"
        faults.append(Fault(where=where, what=message.removeprefix("Value error, ")))
    return refused(Refusal(errors=tuple(faults[:100]))).response()


async def _full(_: Request, error: Exception) -> Response:
    _log.error("publishing refused: the disk is full", cause=str(error))
    return Problem(
        507, "storage_full", "There is no room for more; nothing accepted is lost.", headers={"Retry-After": "60"}
    ).response()


async def _unavailable(_: Request, error: Exception) -> Response:
    assert isinstance(error, StoreUnavailable), "registered for it"
    _log.warning("store unavailable", cause=str(error))
    wait = max(1, round(error.retry_after_s))
    return Problem(
        503, "unavailable", "The store cannot be reached now; try again.", headers={"Retry-After": str(wait)}
    ).response()
