"""Inbound formats of one event. To add one: a file with its reading, one line in FORMATS, its tests.

A JSON format tells its own by the parsed object (`recognises`, asked in this order) or by media type; the
first that does reads it. A batch is cut into items first (`ndjson`), and each item stands alone.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from schemas.refusal import Fault
from services.ingest.draft import Draft
from services.ingest.formats import article_json, cloudevents, event

Fields = Mapping[str, object]


class Format(NamedTuple):
    """How one kind of object is told and read. `read` never fails: what is wrong, the draft or its check says."""

    name: str
    says: str
    media_types: tuple[str, ...]
    recognises: Callable[[Fields], bool]
    read: Callable[[Fields, tuple[Fault, ...]], Draft]


FORMATS: dict[str, Format] = {
    "cloudevents": Format(
        "cloudevents",
        "CloudEvents 1.0, structured; its data is the article",
        ("application/cloudevents+json",),
        cloudevents.recognises,
        cloudevents.read,
    ),
    "event": Format(
        "event",
        "an event: type, data, and id, time, reinstate if you like",
        (),
        event.recognises,
        event.read,
    ),
    "article_json": Format(
        "article_json",
        "the article itself: published, or its next revision",
        ("application/json",),
        article_json.recognises,
        article_json.read,
    ),
}
