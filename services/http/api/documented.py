"""What the OpenAPI document says of bodies that ingest judges itself."""

from typing import Any

from schemas.article import Article, Retraction
from services.ingest.core import MEDIA_TYPES
from services.ingest.formats.ndjson import BATCH_TYPES

_REF = "#/components/schemas/{model}"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `errors` names every fault with its place.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "a stable word for programs"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
        "error_id": {"type": "string"},
    },
}

RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "revision", "event_id", "status", "warnings"],
    "properties": {
        "id": {"type": "string"},
        "revision": {"type": "integer"},
        "event_id": {"type": "string", "description": "the event that stands; of a repeat the first one"},
        "status": {"enum": ["accepted", "stale", "repeat"]},
        "warnings": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "what cleaning took out, counted by name",
        },
    },
}

PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ANSWER = {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}}

RECEIPTS: dict[int | str, dict[str, Any]] = {
    201: {"description": "Accepted, and on disk", "content": _ANSWER},
    200: {"description": "A repeat, or a batch's answers in input order", "content": _ANSWER},
    409: {"description": "This revision is known with other content", "content": PROBLEM_CONTENT},
    413: {"description": "Too large", "content": PROBLEM_CONTENT},
    422: {"description": "Refused; every fault is named with its place", "content": PROBLEM_CONTENT},
    507: {"description": "No room; Retry-After says when to try again", "content": PROBLEM_CONTENT},
}

_TEXT = {"schema": {"type": "string", "description": "one item a line (NDJSON), or a JSON array"}}
_OBJECT = {"schema": {"$ref": "#/components/schemas/Article"}}
PUBLISH_BODY: dict[str, Any] = {
    "required": True,
    "content": {name: _TEXT if name in BATCH_TYPES else _OBJECT for name in MEDIA_TYPES},
}
ARTICLE_BODY: dict[str, Any] = {"required": True, "content": {"application/json": _OBJECT}}
RETRACTION_BODY: dict[str, Any] = {
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Retraction"}}}
}


def components() -> dict[str, Any]:
    """Make the schemas that these bodies refer to."""
    found: dict[str, Any] = {"Problem": PROBLEM, "Receipt": RECEIPT}
    for model in (Article, Retraction):
        schema = model.model_json_schema(ref_template=_REF)
        found.update(schema.pop("$defs", {}))
        found[model.__name__] = schema
    return found
