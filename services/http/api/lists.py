"""Lists: `{"items": […], "next": …}`, at most 200 at a time, with an opaque cursor."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from schemas.jobs import Page
from schemas.refusal import Fault, Refusal
from services.http.problems import Problem, refused

MAX_LIMIT = 200
T = TypeVar("T")


class Listing(BaseModel):
    """Query parameters of every list. A misspelt filter is refused: it would show everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50
    cursor: Annotated[str | None, Field(max_length=1_000, description="`next` of the page before.")] = None


def listed(page: Page[T], view: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Make the answer of a list."""
    return {"items": [view(item) for item in page.items], "next": page.next}


async def page_of(work: Awaitable[Page[T]]) -> Page[T]:
    """Read a page; a cursor that is none of ours is the asker's fault."""
    try:
        return await work
    except ValueError:
        raise no_such_cursor() from None


def no_such_cursor() -> Problem:
    """422: the cursor is none that a list gave."""
    return refused(Refusal(errors=(Fault(where="query cursor", what="is not one that a list gave"),)))
