"""A stream entry whose fields are the event itself: `XADD article.inbox * id a1 title 'Bridge opens'`. Pure.

Redis knows only strings, so numbers, true and false are read from their text, and a value that looks like
a JSON array or object is parsed as one; a list may also be written with commas.
"""

from collections.abc import Mapping

from schemas.article import MAX_DEPTH, MAX_REQUEST
from schemas.event import EventType
from schemas.refusal import Fault, Refusal
from services.ingest.draft import Draft
from services.ingest.formats.event import event_type
from services.strict_json import parse, pointer

_NUMBERS = ("revision", "urgency")
_ENVELOPE = ("type", "id", "time", "reinstate", "traceparent")
_LISTS = ("tags", "sections")
_OBJECTS = ("authors", "images", "enclosures", "source", "extensions")


def read(fields: Mapping[str, str]) -> Draft:
    """`type` (default published), and the fields of an article or a retraction; `id` is the article's."""
    faults: list[Fault] = []
    subject: dict[str, object] = {key: _value(key, text, faults) for key, text in fields.items()}
    stated = subject.pop("type", None)
    kind = EventType.PUBLISHED if stated is None else event_type(stated, faults)
    return Draft(
        kind,
        subject,
        time=subject.pop("time", None),
        traceparent=subject.pop("traceparent", None),
        faults=tuple(faults),
    )


def envelope(named: Mapping[bytes, bytes]) -> dict[str, object] | None:
    """Read the fields of an event that stand beside its data; None: there is no `type`, the data says it all."""
    if b"type" not in named:
        return None
    texts = {name: named[name.encode()].decode("utf-8", "replace") for name in _ENVELOPE if name.encode() in named}
    return {name: _value(name, text, []) for name, text in texts.items()}


def _value(key: str, text: str, faults: list[Fault]) -> object:
    if key in _NUMBERS and text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    if key == "reinstate":
        return {"true": True, "1": True, "false": False, "0": False, "": False}.get(text.lower(), text)
    if key in (*_LISTS, *_OBJECTS) and text.lstrip()[:1] in ("[", "{"):
        parsed = parse(text.encode(), max_bytes=MAX_REQUEST, max_depth=MAX_DEPTH)
        if isinstance(parsed, Refusal):
            faults.extend(Fault(where=pointer(key), what=f"{fault.where} {fault.what}") for fault in parsed.errors)
            return None
        faults.extend(Fault(where=pointer(key) + fault.where, what=fault.what) for fault in parsed.faults)
        return parsed.value
    if key in _LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
