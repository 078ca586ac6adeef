"""The article itself as JSON: what `POST /v1/articles` and `PUT /v1/articles/{id}` usually carry. Pure."""

from collections.abc import Mapping

from schemas.event import EventType
from schemas.refusal import Fault
from services.ingest.draft import Draft


def recognises(value: Mapping[str, object]) -> bool:
    """Tell an article by its title; what is nothing else is judged as one too."""
    return "title" in value


def read(value: Mapping[str, object], faults: tuple[Fault, ...]) -> Draft:
    """Take it as published; the lifecycle makes it an update where the article is known."""
    return Draft(EventType.PUBLISHED, dict(value), faults=faults)
