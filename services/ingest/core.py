"""Judge what newsrooms send: bytes in, a checked Submission or every fault out. Pure.

    bytes ─▶ strict JSON ─▶ the format that knows it (FORMATS) ─▶ Draft ─▶ check ─▶ Submission | Refusal
                                                                     Submission + ArticleState ─▶ decide

The decision itself is in `lifecycle`, the checks are in `check`; both are reached from here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from schemas.article import MAX_DEPTH, MAX_REQUEST
from schemas.event import EventType
from schemas.lifecycle import Origin, Submission
from schemas.refusal import Fault, Refusal
from services.ingest.check import bounded_key, submission_of
from services.ingest.draft import Draft
from services.ingest.formats import FORMATS, article_json, cloudevents, event, fields, ndjson
from services.ingest.lifecycle import decide
from services.strict_json import parse

__all__ = [
    "MEDIA_TYPES",
    "arrived",
    "bounded_key",
    "decide",
    "read_article",
    "read_entry",
    "read_event",
    "read_kept",
    "read_retraction",
    "split_batch",
]

MEDIA_TYPES = (*dict.fromkeys(name for known in FORMATS.values() for name in known.media_types), *ndjson.BATCH_TYPES)
"""What a publisher may send, single events first."""

_DATA = frozenset({b"data", b"__data__"})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def split_batch(raw: bytes, media_type: str) -> Iterator[bytes] | None:
    """Cut a batch into its items, in input order, unparsed; None: this media type carries one event."""
    return ndjson.items(raw, media_type) if media_type in ndjson.BATCH_TYPES else None


def read_event(
    raw: bytes,
    media_type: str = "application/json",
    *,
    origin: Origin = "http",
    headers: Mapping[str, str] = _NO_HEADERS,
    event_key: str | None = None,
) -> Submission | Refusal:
    """Read one event in any JSON form that FORMATS knows.

    `headers` (lower case names) may hold a binary CloudEvent's attributes and a traceparent. `event_key`
    tells a repeat of an event that brings no id of its own. A Refusal names every fault at once.
    """
    parsed = parse(raw, max_bytes=MAX_REQUEST, max_depth=MAX_DEPTH)
    if isinstance(parsed, Refusal):
        return parsed
    if cloudevents.is_binary(headers):
        moved = tuple(Fault(where="/data" + fault.where, what=fault.what) for fault in parsed.faults)
        draft = cloudevents.read(cloudevents.from_headers(headers, parsed.value), moved)
    elif not isinstance(parsed.value, dict):
        return Refusal(errors=(Fault(where="", what="must be a JSON object: an article or an event"),))
    else:
        draft = _draft(cast("dict[str, object]", parsed.value), media_type, parsed.faults)
    return submission_of(_traced(draft, headers), origin, event_key)


def read_article(
    raw: bytes, article_id: str, *, headers: Mapping[str, str] = _NO_HEADERS, event_key: str | None = None
) -> Submission | Refusal:
    """Read the article of a PUT: its id is the address's, and may be repeated in the body but not differ."""
    parsed = parse(raw, max_bytes=MAX_REQUEST, max_depth=MAX_DEPTH)
    if isinstance(parsed, Refusal):
        return parsed
    if not isinstance(parsed.value, dict):
        return Refusal(errors=(Fault(where="", what="must be a JSON object: the article"),))
    value = cast("dict[str, Any]", parsed.value)
    faults = parsed.faults
    if value.get("id", article_id) != article_id:
        faults = (*faults, Fault(where="/id", what="is not the id in the address"))
    draft = article_json.read({**value, "id": article_id}, faults)
    return submission_of(_traced(draft, headers), "http", event_key)


def read_retraction(
    raw: bytes,
    stated: Mapping[str, object],
    article_id: str,
    *,
    headers: Mapping[str, str] = _NO_HEADERS,
    event_key: str | None = None,
) -> Submission | Refusal:
    """Read `{kind?, reason?, revision?}` of a DELETE: from the body, where it is empty from `stated`."""
    faults: tuple[Fault, ...] = ()
    if raw.strip():
        parsed = parse(raw, max_bytes=MAX_REQUEST, max_depth=MAX_DEPTH)
        if isinstance(parsed, Refusal):
            return parsed
        if not isinstance(parsed.value, dict):
            return Refusal(errors=(Fault(where="", what="must be a JSON object: kind, reason, revision"),))
        stated, faults = {**stated, **cast("dict[str, object]", parsed.value)}, parsed.faults
        if stated.get("id", article_id) != article_id:
            faults = (*faults, Fault(where="/id", what="is not the id in the address"))
    draft = Draft(EventType.RETRACTED, {**stated, "id": article_id}, faults=faults)
    return submission_of(_traced(draft, headers), "http", event_key)


def arrived(submission: Submission, now: datetime) -> Submission:
    """Date a retraction whose producer did not: readers are told when it was taken back."""
    if submission.retraction is None or submission.occurred_at is not None:
        return submission
    return submission.model_copy(update={"occurred_at": now})


def read_entry(
    named: Mapping[bytes, bytes], data: bytes | None, problem: str | None, entry_id: str
) -> Submission | Refusal:
    """Read an entry of `article.inbox`: its body is an event in any JSON form, or its fields are the event.

    A field `type` beside the data makes these the envelope of what the data holds: an article that comes
    as "article.retracted" must not be published. `entry_id` tells a repeat of an event without an id.
    """
    key = bounded_key("stream", "entry", entry_id)
    if problem is not None or data is None:
        return Refusal(
            errors=(Fault(where="", what="holds no event: no JSON object in its data field"),), cause="unreadable"
        )
    return _read_named(named, data, key)


def _read_named(named: Mapping[bytes, bytes], data: bytes, key: str) -> Submission | Refusal:
    if not named.keys() & _DATA:
        return _read_fields(named, key)
    beside = fields.envelope(named)
    if beside is None:
        return read_event(data, origin="stream", event_key=key)
    parsed = parse(data, max_bytes=MAX_REQUEST, max_depth=MAX_DEPTH)
    if isinstance(parsed, Refusal):
        return parsed
    value = cast("dict[str, object]", parsed.value)
    if any(FORMATS[name].recognises(value) for name in ("cloudevents", "event")):
        return read_event(data, origin="stream", event_key=key)
    moved = tuple(Fault(where="/data" + fault.where, what=fault.what) for fault in parsed.faults)
    return submission_of(event.read({**beside, "data": value}, moved), "stream", key)


def read_kept(raw: bytes, event_key: str) -> Submission | Refusal:
    """Read an inbox entry again from the bytes that its dead letter kept: one field's value, or all fields as JSON."""
    parsed = parse(raw, max_bytes=MAX_REQUEST, max_depth=MAX_DEPTH)
    if isinstance(parsed, Refusal) or not isinstance(parsed.value, dict):
        return read_event(raw, origin="stream", event_key=event_key)
    value = cast("dict[str, object]", parsed.value)
    texts = {key: text for key, text in value.items() if isinstance(text, str)}
    if len(texts) != len(value) or parsed.faults:
        return read_event(raw, origin="stream", event_key=event_key)
    named = {key.encode("utf-8", "replace"): text.encode("utf-8", "replace") for key, text in texts.items()}
    body = next((named[name] for name in (b"__data__", b"data") if name in named), raw)
    return _read_named(named, body, event_key)


def _read_fields(named: Mapping[bytes, bytes], key: str) -> Submission | Refusal:
    if sum(len(name) + len(value) for name, value in named.items()) > MAX_REQUEST:
        return Refusal(errors=(Fault(where="", what=f"has more than {MAX_REQUEST:,} bytes"),), cause="too large")
    return submission_of(fields.read({name.decode(): value.decode() for name, value in named.items()}), "stream", key)


def _draft(value: dict[str, object], media_type: str, faults: tuple[Fault, ...]) -> Draft:
    named = [
        known for known in FORMATS.values() if media_type in known.media_types and media_type != "application/json"
    ]
    for known in named or FORMATS.values():
        if named or known.recognises(value):
            return known.read(value, faults)
    return article_json.read(value, faults)


def _traced(draft: Draft, headers: Mapping[str, str]) -> Draft:
    return draft if draft.traceparent else draft._replace(traceparent=headers.get("traceparent"))
