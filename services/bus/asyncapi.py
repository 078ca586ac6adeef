"""The streams as AsyncAPI 3: the framework's generator over the map, `article.inbox` described by hand."""

import json
from functools import cache
from typing import Any

from pydantic import BaseModel

from schemas.article import Article, Retraction
from schemas.topics import INBOX, TOPICS, Topic

_REF = "#/components/schemas/{model}"
_DATA = {"oneOf": [{"$ref": _REF.format(model=name)} for name in ("Article", "Retraction")]}
_TYPES = ["article.published", "article.updated", "article.retracted"]

_EVENT = {
    "title": "Event",
    "description": "What happened to an article. `id` makes a repeat recognisable; `reinstate` brings a "
    "retracted article back, with a higher revision.",
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "data"],
    "properties": {
        "type": {"enum": _TYPES},
        "id": {"type": "string", "minLength": 1, "maxLength": 1000},
        "time": {"type": "string", "format": "date-time"},
        "reinstate": {"type": "boolean", "default": False},
        "traceparent": {"type": "string"},
        "data": _DATA,
    },
}
_CLOUD_EVENT = {
    "title": "CloudEvent",
    "description": "CloudEvents 1.0, structured; other attributes are accepted and ignored.",
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string", "pattern": r"(^|\.)article\.(published|updated|retracted)$"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"type": "string"},
        "traceparent": {"type": "string"},
        "data": _DATA,
    },
}
_INBOX = {
    "title": "InboxEvent",
    "description": "One entry is one event as JSON in ONE field named `data` (or `__data__`): an Event, a CloudEvent "
    "or a bare Article, which counts as published. An entry with neither field is read as the event's own "
    "fields. What cannot be accepted becomes a dead letter with its bytes.",
    "oneOf": [{"$ref": _REF.format(model=name)} for name in ("Event", "CloudEvent", "Article")],
}
_THIN = " Plain JSON in the field `__data__`."


@cache
def _document(version: str) -> str:
    from faststream.redis import RedisBroker, StreamSub  # noqa: PLC0415 - 0.6 s, and only for this page
    from faststream.specification.asyncapi import AsyncAPI  # noqa: PLC0415

    broker = RedisBroker("redis://localhost:6379")
    declared = [_declare(broker, StreamSub, topic) for topic in TOPICS.values()]
    made = AsyncAPI(
        broker,
        title="Wireroom",
        version=version,
        description="The queue of a Wireroom installation. Producers may write to article.inbox; "
        "the other streams carry ids between its stages and can be refilled from its database.",
    )
    document: dict[str, Any] = json.loads(made.to_specification().to_json())
    assert len(declared) == len(document["channels"])
    _describe_inbox(document)
    for part in ("channels", "operations"):  # the generator keeps them in no order
        document[part] = {name: document[part][name] for name in TOPICS}
    return json.dumps(document)


def asyncapi(version: str) -> dict[str, Any]:
    """Make the document, JSON-ready: every stream of the map with its payload. Takes 0.6 s the first time."""
    return json.loads(_document(version))


def _declare(broker: Any, stream: Any, topic: Topic) -> Any:
    async def handler(message: Any) -> None:
        """Stand for the stage that reads it."""

    handler.__annotations__["message"] = topic.payload or dict
    readers = f" Read by {' and '.join(topic.groups)}." if topic.groups else " Read without a group."
    subscriber = broker.subscriber(
        stream=stream(topic.name),
        title=topic.name,
        description=topic.says + (_THIN if topic.payload else "") + readers,
    )
    subscriber(handler)
    return subscriber


def _describe_inbox(document: dict[str, Any]) -> None:
    schemas: dict[str, Any] = document["components"]["schemas"]
    for model in (Article, Retraction):
        schemas.update(_schemas_of(model))
    schemas.update(Event=_EVENT, CloudEvent=_CLOUD_EVENT, InboxEvent=_INBOX)
    for name, message in document["components"]["messages"].items():
        message.pop("correlationId", None)  # of the framework's envelope, which we do not use
        if name.startswith(INBOX.name):
            schemas.pop(message["payload"]["$ref"].rpartition("/")[2])
            message["payload"] = {"$ref": _REF.format(model="InboxEvent")}
    # The installation reads it; the reader of this page writes it.
    document["operations"][INBOX.name]["summary"] = f"XADD {INBOX.name} * data '<event JSON>'"


def _schemas_of(model: type[BaseModel]) -> dict[str, Any]:
    made = model.model_json_schema(ref_template=_REF)
    parts: dict[str, Any] = made.pop("$defs", {})
    return {**parts, model.__name__: made}
