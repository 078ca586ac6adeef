"""Filters in requests: a line of the language, or the same as JSON."""

from typing import Annotated, Any

from pydantic import Field

from schemas.refusal import Fault
from services.filters import FilterError, Query, from_json
from services.http.problems import Problem

FilterBody = Annotated[
    str | dict[str, Any],
    Field(
        description="A filter: a line of the filter language, or the same as JSON. Empty: everything.",
        examples=['section:world lang:(fr OR en) -tag:sport "climate summit"'],
    ),
]


def query_of(stated: str | dict[str, Any], where: str = "/filter") -> Query:
    """Read a filter. Raises Problem 422, with `column` (from 1) where it was a line."""
    try:
        return from_json(stated)
    except FilterError as error:
        fault = Fault(where=f"{where}{error.where}", what=str(error))
        raise Problem(422, "invalid", "The filter cannot be read.", errors=(fault,), column=error.column) from None
