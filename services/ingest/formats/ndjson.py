"""Batches: NDJSON (one object a line) and CloudEvents batches (a JSON array). Pure.

A batch is cut into bytes without parsing it, so each item is judged alone and a bad one harms no other.
"""

from collections.abc import Iterator

from services.strict_json import split_array

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
CLOUDEVENTS_BATCH = ("application/cloudevents-batch+json",)
BATCH_TYPES = (*NDJSON, *CLOUDEVENTS_BATCH)


def items(raw: bytes, media_type: str) -> Iterator[bytes]:
    """Each item's bytes in input order. Empty lines of NDJSON are no items."""
    if media_type in CLOUDEVENTS_BATCH:
        yield from split_array(raw)
        return
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while start < len(raw):
        end = raw.find(b"\n", start)
        end = len(raw) if end < 0 else end
        if line := raw[start:end].strip(b" \t\r"):
            yield line
        start = end + 1
