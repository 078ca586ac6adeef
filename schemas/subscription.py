"""Subscribers (partners) and their endpoints."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from schemas.article import Part


class Filter(Part):
    """Which articles an endpoint wants: every stated field must match, any one of its values does.

    Values are compared by slug (sections, tags, authors, sources) or language prefix. Empty: all.
    Whatever else the filter language can say stands in `line` instead (docs/filters.md); then the
    filter is a string in JSON. `services.filters` judged it; here it is only text.
    """

    section: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    line: Annotated[str, Field(max_length=4_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, value: object) -> object:
        return {"line": value or None} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _in_one_form(self) -> "Filter":
        if self.line is not None and (self.section or self.tag or self.language or self.source or self.author):
            msg = "a filter is a line or lists of values, not both"
            raise ValueError(msg)
        return self

    @model_serializer(mode="wrap")
    def _as_stated(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any] | str:
        if self.line is not None:
            return self.line
        shown: dict[str, Any] = handler(self)
        return {name: values for name, values in shown.items() if name != "line"}


StatedFilter = Annotated[
    str | dict[str, Any],
    Field(
        description="A line of the filter language, or the same as JSON; in the simplest form lists of section, tag, "
        "language, source and author. Empty: everything.",
        examples=['section:world lang:(fr OR en) -tag:sport "climate summit"', {"section": ["world"]}],
    ),
]
"""A filter as a request states it, not judged yet."""


class EndpointState(StrEnum):
    """Paused and disabled endpoints keep collecting: their deliveries are held, never dropped."""

    ACTIVE = "active"
    PAUSED = "paused"  # by its owner or an operator
    DISABLED = "disabled"  # by us: it answered 410


class BodyFormat(StrEnum):
    """What a webhook carries: the whole article, or ids, title and link only."""

    FULL = "full"
    THIN = "thin"


class NewWebhook(Part):
    """`POST /v1/webhooks`. Without a secret one is made; it is shown once."""

    url: Annotated[str, Field(min_length=1, max_length=2_048)]
    filter: StatedFilter = ""
    format: BodyFormat = BodyFormat.FULL
    secret: Annotated[str, Field(min_length=24, max_length=200)] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    subscriber: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    description: Annotated[str, Field(max_length=500)] | None = None


class Endpoint(Part):
    """One URL of a subscriber, as the store knows it. `secret` is `whsec_…`, never in a log."""

    id: str
    subscriber_id: str
    url: str
    filter: Filter
    format: BodyFormat
    secret: Annotated[str, Field(repr=False)]
    headers: dict[str, str]
    state: EndpointState
    state_reason: str | None = None
    paused_until: datetime | None = None  # Retry-After: nothing leaves before
    description: str | None = None
    created_at: datetime
