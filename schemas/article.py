"""The article as a newsroom states it, and its retraction. DESIGN.md §4 fixes the fields and limits.

Unknown fields belong under `extensions`; anywhere else they are refused, so that a misspelt
`embargo_untill` can never publish a story early.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

MAX_TITLE = 1_000  # characters
MAX_HTML = 512 * 1024  # bytes of UTF-8
MAX_TAGS = 200
MAX_DEPTH = 32
MAX_REQUEST = 1024 * 1024  # bytes, one article
MAX_BATCH = 10 * 1024 * 1024  # bytes, NDJSON or a CloudEvents batch


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A point in time. Input without a zone is refused; inside it is always UTC."""

Url = Annotated[str, Field(min_length=1, max_length=2_048)]
Name = Annotated[str, Field(min_length=1, max_length=300)]


class Part(BaseModel):
    """Frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Author(Part):
    """A person or desk in the byline."""

    name: Name
    url: Url | None = None
    email: Annotated[str, Field(min_length=3, max_length=320)] | None = None


class Source(Part):
    """Who reported it first, where that is not the newsroom itself."""

    name: Name
    url: Url | None = None


class Image(Part):
    """A picture; the first one is the lead image. Width and height are pixels."""

    url: Url
    width: Annotated[int, Field(ge=1, le=100_000)] | None = None
    height: Annotated[int, Field(ge=1, le=100_000)] | None = None
    alt: Annotated[str, Field(max_length=2_000)] | None = None
    credit: Annotated[str, Field(max_length=500)] | None = None


class Enclosure(Part):
    """Audio or video. Length is bytes, duration seconds."""

    url: Url
    type: Annotated[str, Field(pattern=r"^[\w.+-]+/[\w.+-]+$", max_length=127)]
    length: Annotated[int, Field(ge=0)] = 0
    duration: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class Article(Part):
    """One revision of one article.

    `id` is the publisher's and never reused; `revision` None means "whatever comes next".
    `content_html` or `content_text` may both be absent (a headline alone is news).
    """

    id: Annotated[str, Field(min_length=1, max_length=256)]
    revision: Annotated[int, Field(ge=1, le=2**53)] | None = None
    url: Url | None = None
    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE)]
    summary: Annotated[str, Field(max_length=5_000)] | None = None
    content_html: str | None = None
    content_text: str | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$", max_length=35)] | None = None
    authors: Annotated[tuple[Author, ...], Field(max_length=100)] = ()
    sections: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    tags: Annotated[tuple[Name, ...], Field(max_length=MAX_TAGS)] = ()
    source: Source | None = None
    published_at: Instant | None = None
    updated_at: Instant | None = None
    embargo_until: Instant | None = None
    expires_at: Instant | None = None
    images: Annotated[tuple[Image, ...], Field(max_length=100)] = ()
    enclosures: Annotated[tuple[Enclosure, ...], Field(max_length=50)] = ()
    rights: Annotated[str, Field(max_length=2_000)] | None = None
    correction_note: Annotated[str, Field(max_length=2_000)] | None = None
    urgency: Annotated[int, Field(ge=1, le=9)] | None = None
    canonical_url: Url | None = None
    extensions: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bodies_fit(self) -> "Article":
        for name in ("content_html", "content_text"):
            body: str | None = getattr(self, name)
            if body is not None and len(body.encode("utf-8", "surrogatepass")) > MAX_HTML:
                msg = f"{name} is larger than {MAX_HTML} bytes"
                raise ValueError(msg)
        return self


class RetractionKind(StrEnum):
    """`withdraw` leaves a notice with the headline; `takedown` leaves not even that."""

    WITHDRAW = "withdraw"
    TAKEDOWN = "takedown"


class Retraction(Part):
    """Taking an article back. `revision` N beats every revision up to N; None beats all known ones."""

    id: Annotated[str, Field(min_length=1, max_length=256)]
    revision: Annotated[int, Field(ge=1, le=2**53)] | None = None
    kind: RetractionKind = RetractionKind.WITHDRAW
    reason: Annotated[str, Field(max_length=2_000)] | None = None
