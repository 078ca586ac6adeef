"""What one element of a stream holds, whoever wrote it. Pure: bytes in, values out.

The public contract is one field, `data` or `__data__`, with JSON in it, or the event's own fields
side by side. FastStream's clients write `__data__` in a binary envelope of their own; we read it
and never write it, because foreign clients cannot (docs/architecture.md, the queue).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

MAGIC = b"\x89BIN\r\n\x1a\n"  # of FastStream's envelope: version u16, headers start u32, data start u32, …
_DATA_START = slice(14, 18)  # magic 8, version 2, headers start 4; big-endian
FIELD = b"__data__"

UNREADABLE = "unreadable"


class Entry(NamedTuple):
    """One element of a stream. `data` is the body, JSON by contract but not parsed here.

    `deliveries` counts how often Redis handed it to a consumer, this time included. With a `problem`
    (always "unreadable") there is no body: the reader makes it a dead letter with `raw()`.
    """

    id: str
    fields: Mapping[bytes, bytes]
    data: bytes | None
    deliveries: int = 1
    problem: str | None = None

    def raw(self) -> bytes:
        """All bytes that came, for a dead letter: the one data field's value, else a JSON object of the fields."""
        if len(self.fields) == 1 and (body := self.fields.get(FIELD, self.fields.get(b"data"))) is not None:
            return body
        pairs = {_shown(name): _shown(value) for name, value in self.fields.items()}
        return json.dumps(pairs, ensure_ascii=False).encode()


class Batch(NamedTuple):
    """What one read brought, oldest first. `gap`: entries before these may have been missed (only in `tail`)."""

    stream: str
    group: str
    entries: Sequence[Entry]
    read_at: datetime
    gap: bool = False


def read_entry(entry_id: str, fields: Mapping[bytes, bytes], deliveries: int = 1) -> Entry:
    """Find the body: `__data__` (or `data`) enveloped or plain, else the bare fields as one JSON object."""
    body = fields.get(FIELD)
    if body is None:
        body = fields.get(b"data")
    data = _bare(fields) if body is None else _unwrapped(body)
    return Entry(entry_id, fields, data, deliveries, UNREADABLE if data is None else None)


def fields_of(payload: bytes) -> dict[bytes, bytes]:
    """Return the fields that we write for a payload: plain JSON, readable in any language."""
    return {FIELD: payload}


def _unwrapped(body: bytes) -> bytes | None:
    if body.startswith(MAGIC):
        # The data start is exact even where a non-ASCII header value garbled the header table.
        start = int.from_bytes(body[_DATA_START])
        body = body[start:] if 18 <= start <= len(body) else b""
    return body if _is_json_object(body) else None


def _bare(fields: Mapping[bytes, bytes]) -> bytes | None:
    try:
        pairs = {name.decode(): value.decode() for name, value in fields.items()}
    except UnicodeDecodeError:
        return None
    return json.dumps(pairs, ensure_ascii=False).encode() if pairs else None


def _is_json_object(body: bytes) -> bool:
    """Whether it can be an event at all. The stage that reads it judges the rest, and names each fault."""
    start = body[:64].lstrip()[:1] or body.lstrip()[:1]
    if start != b"{":
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
