"""CloudEvents 1.0 in JSON: structured mode, one element of a batch, and binary mode over HTTP. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
Departures: extension attributes are ignored but for `traceparent` and `reinstate`; `data` must be JSON.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from schemas.article import MAX_DEPTH, MAX_REQUEST
from schemas.refusal import Fault, Refusal
from services.ingest.draft import Draft
from services.ingest.formats.event import event_id, event_type
from services.strict_json import parse

_JSON = re.compile(r"[\w.+-]+/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)


def recognises(value: Mapping[str, object]) -> bool:
    """`specversion` is required of every CloudEvent and of nothing else."""
    return "specversion" in value


def read(value: Mapping[str, object], faults: tuple[Fault, ...]) -> Draft:
    """Structured mode. The key of a repeat is `source` with `id` (§3.1.1: together they are unique)."""
    found = list(faults)
    if value.get("specversion") != "1.0":
        found.append(Fault(where="/specversion", what='must be "1.0"'))
    found.extend(
        Fault(where=f"/{name}", what="is required: a string that is not empty")
        for name in ("id", "source")
        if not isinstance(value.get(name), str) or not value[name]
    )
    kind = event_type(value.get("type"), found)
    subject, at = _data(value, found)
    source = value.get("source")
    reinstate = value.get("reinstate")
    return Draft(
        kind,
        subject,
        at,
        reinstate=False if reinstate is None else reinstate,
        event_id=event_id(value.get("id"), found),
        source=source if isinstance(source, str) else None,
        time=value.get("time"),
        traceparent=value.get("traceparent"),
        faults=tuple(found),
    )


def is_binary(headers: Mapping[str, str]) -> bool:
    """HTTP protocol binding §3.1: attributes in `ce-` headers, the body is the data. Names are lower case."""
    return "ce-specversion" in headers


def from_headers(headers: Mapping[str, str], data: object) -> dict[str, object]:
    """Put the same event in structured form. Header values are percent-encoded UTF-8 (§3.1.3.2)."""
    value: dict[str, object] = {
        name.removeprefix("ce-"): unquote(text) for name, text in headers.items() if name.startswith("ce-")
    }
    if "reinstate" in value:
        value["reinstate"] = {"true": True, "false": False}.get(str(value["reinstate"]), value["reinstate"])
    return {**value, "data": data}


def _data(value: Mapping[str, Any], faults: list[Fault]) -> tuple[object, str]:
    kind = value.get("datacontenttype")
    if kind is not None and not (isinstance(kind, str) and _JSON.fullmatch(kind)):
        faults.append(Fault(where="/datacontenttype", what="must be application/json"))
    if "data_base64" not in value:
        return value.get("data"), "/data"
    if value.get("data") is not None:
        faults.append(Fault(where="/data_base64", what="data and data_base64 cannot stand together"))
        return value["data"], "/data"
    try:
        raw = base64.b64decode(value["data_base64"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        faults.append(Fault(where="/data_base64", what="is not base64"))
        return {}, "/data_base64"
    parsed = parse(raw, max_bytes=MAX_REQUEST, max_depth=MAX_DEPTH)
    if isinstance(parsed, Refusal):
        faults.extend(Fault(where="/data_base64", what=f"{fault.where}: {fault.what}") for fault in parsed.errors)
        return {}, "/data_base64"
    faults.extend(Fault(where="/data_base64" + fault.where, what=fault.what) for fault in parsed.faults)
    return parsed.value, "/data_base64"
