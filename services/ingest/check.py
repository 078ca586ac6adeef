"""From the fields as they came to a Submission, or to every fault with its place. Pure."""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from xxhash import xxh3_128_hexdigest

from schemas.article import MAX_HTML, Article, Author, Enclosure, Image, Instant, Retraction, Source
from schemas.event import EventType
from schemas.lifecycle import Origin, Submission
from schemas.refusal import Fault, Refusal
from services.ingest.draft import Draft
from services.strict_json import pointer
from services.text.characters import strip_forbidden

MAX_FAULTS = 100  # shown; a page of misspelt fields is one mistake
_TIMES = ("published_at", "updated_at", "embargo_until", "expires_at")
_NAMES = ("id", "title")
_BODIES = ("content_html", "content_text")
_LINKS = ("url", "canonical_url")
_PARTS: dict[str, type[BaseModel]] = {"authors": Author, "source": Source, "images": Image, "enclosures": Enclosure}
_RFC3339 = re.compile(r"(\d{4})-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


def submission_of(draft: Draft, origin: Origin, event_key: str | None = None) -> Submission | Refusal:
    """Check a draft. `event_key` serves when the producer gave the event no id of its own.

    The same draft always gives the same answer. A Refusal names every fault that was found.
    """
    faults = list(draft.faults)
    if not isinstance(draft.subject, dict):
        faults.append(Fault(where=draft.at, what="must be an object" if draft.subject is not None else "is required"))
        return _refusal(faults)
    warnings: dict[str, int] = {}
    fields: dict[str, Any] = {
        key: _cleaned(value, warnings) for key, value in draft.subject.items() if value is not None
    }
    reinstate = _flag(fields.pop("reinstate", draft.reinstate), draft.at, faults)
    occurred_at = _time(draft.time, draft.time_at, faults)
    retracts = draft.type is EventType.RETRACTED
    subject = _checked(Retraction if retracts else Article, fields, draft.at, faults)
    if retracts and reinstate:
        faults.append(Fault(where=f"{draft.at}/reinstate", what="a retraction cannot reinstate"))
    if faults or subject is None:
        return _refusal(faults)
    digest = content_hash(subject)
    return Submission(
        type=draft.type,
        article=subject if isinstance(subject, Article) else None,
        retraction=subject if isinstance(subject, Retraction) else None,
        reinstate=reinstate,
        content_hash=digest,
        event_key=_event_key(draft, origin) or event_key or _retraction_key(subject, digest),
        origin=origin,
        occurred_at=occurred_at,
        traceparent=_trace(draft.traceparent),
        warnings=warnings,
    )


def content_hash(subject: Article | Retraction) -> str:
    """Hash all it says but its revision, as canonical JSON: key order and zones do not matter.

    XXH3-128 tells contents apart and is no defence: who could forge one may publish anyway. hashlib gives
    up the interpreter's lock for anything above 2 KB and then waits for it, 0.6 ms under load.
    """
    said = subject.model_dump(mode="json", exclude={"revision"}, exclude_defaults=True)
    return xxh3_128_hexdigest(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())


def _event_key(draft: Draft, origin: Origin) -> str | None:
    if draft.event_id is None:
        return None
    return bounded_key(origin, draft.source or "", draft.event_id)


def bounded_key(*parts: str) -> str:
    """Join the parts of an event key; what would be long becomes its hash. Equal parts, equal key."""
    cleaned = [strip_forbidden(part).text for part in parts]
    key = ":".join(cleaned)
    return key if len(key) <= 200 else "sha256:" + hashlib.sha256("\0".join(cleaned).encode()).hexdigest()


def _retraction_key(subject: Article | Retraction, digest: str) -> str | None:
    """Make a key of what a retraction with a revision says: no content is kept to compare it with."""
    if isinstance(subject, Article) or subject.revision is None:
        return None
    return f"retraction:{subject.revision}:{digest}"


def _refusal(faults: list[Fault]) -> Refusal:
    seen: dict[str, Fault] = {}
    for fault in faults:  # the first fault of a place explains it
        seen.setdefault(fault.where, fault)
    shown = list(seen.values())[:MAX_FAULTS]
    if len(seen) > MAX_FAULTS:
        shown.append(Fault(where="", what=f"and {len(seen) - MAX_FAULTS} faults more"))
    return Refusal(errors=tuple(shown))


def _cleaned(value: Any, warnings: dict[str, int]) -> Any:
    """Take forbidden characters out of every string, keys of extensions included. Depth is bounded before."""
    if isinstance(value, str):
        text, counts = strip_forbidden(value)
        for name, count in counts.items():
            warnings[name] = warnings.get(name, 0) + count
        return text
    if isinstance(value, dict):
        return {_cleaned(key, warnings): _cleaned(part, warnings) for key, part in value.items()}
    if isinstance(value, list):
        return [_cleaned(part, warnings) for part in value]
    return value


def _flag(value: object, at: str, faults: list[Fault]) -> bool:
    if not isinstance(value, bool):
        faults.append(Fault(where=f"{at}/reinstate", what="must be true or false"))
        return False
    return value


def _time(value: object, where: str, faults: list[Fault]) -> datetime | None:
    """Read an instant with a zone. Numbers and dates alone state none: refused, not guessed."""
    if value is None:
        return None
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        what = "is not a time such as 2024-05-01T09:30:00+02:00 (RFC 3339)"
    elif match[4] is None:
        what = "has no time zone; add Z or an offset such as +02:00"
    elif not 1_000 <= int(match[1]) <= 9_998:
        what = "is outside the years 1000 to 9998"
    else:
        try:
            return _INSTANT.validate_python(value)
        except ValidationError:
            what = "is not a time that exists"
    faults.append(Fault(where=where, what=what))
    return None


def _trace(value: object) -> str | None:
    return value if isinstance(value, str) and _TRACEPARENT.fullmatch(value) else None


def _checked(
    model: type[Article | Retraction], fields: dict[str, Any], at: str, faults: list[Fault]
) -> Article | Retraction | None:
    for name in _TIMES if model is Article else ():
        if name in fields and _time(fields[name], at + pointer(name), faults) is None:
            del fields[name]
    faults.extend(_odd_content(fields, at))
    try:
        # As JSON, so that strict means strict: "5" is no number, but a time may be written as a string.
        return model.model_validate_json(json.dumps(fields, ensure_ascii=False), strict=True)
    except ValidationError as error:
        # A fault of the whole object (no place) is a body's size, and stands there already.
        faults.extend(
            _said(details, at, fields, model) for details in error.errors(include_url=False) if details["loc"]
        )
    return None


def _odd_content(fields: Mapping[str, Any], at: str) -> Iterator[Fault]:
    """Yield what the schema's types do not see. Names that the model lacks are refused as unknown anyway."""
    texts = {name: text for name, text in fields.items() if isinstance(text, str) and text}
    for name, text in texts.items():
        if name in _NAMES and not text.strip():
            yield Fault(where=at + pointer(name), what="is blank")
        elif name in _LINKS and not _is_web_address(text):
            yield Fault(where=at + pointer(name), what="must be an absolute http or https address")
        elif name in _BODIES and (size := len(text.encode())) > MAX_HTML:
            yield Fault(where=at + pointer(name), what=f"has {size:,} bytes; at most {MAX_HTML:,}")


def _is_web_address(link: str) -> bool:
    return re.match(r"https?://[^\s/?#]", link, re.IGNORECASE) is not None and not re.search(r"\s", link)


def _said(details: ErrorDetails, at: str, fields: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    where = at + pointer(*details["loc"])
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            what = _unknown(details["loc"], fields, model)
        case "missing":
            what = "is required"
        case "string_too_long" | "too_long":
            size = len(details["input"]) if isinstance(details["input"], str | list) else 0
            unit = "characters" if details["type"] == "string_too_long" else "items"
            what = f"has {size:,} {unit}; at most {context['max_length']:,}"
        case "string_too_short":
            what = "is empty"
        case "string_pattern_mismatch":
            what = "is not a language tag (BCP 47)" if details["loc"] == ("language",) else "is not a media type"
        case _:
            what = details["msg"][:1].lower() + details["msg"][1:]
    return Fault(where=where, what=what)


def _unknown(loc: tuple[int | str, ...], fields: Mapping[str, Any], model: type[BaseModel]) -> str:
    if model is Retraction:
        return "is unknown; a retraction carries id, revision, kind and reason"
    owner = _PARTS.get(str(loc[0]), model) if len(loc) > 1 else model
    near = difflib.get_close_matches(str([*loc][-1])[:64], [*owner.model_fields, "reinstate"], n=1, cutoff=0.75)
    hint = f' Did you mean "{near[0]}"?' if near and near[0] not in fields else ""
    return f"unknown field; put it under extensions.{hint}"
