"""What the JSON formats share."""

from collections.abc import Mapping, Sequence
from typing import Any


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not stated: no null, no empty text or list."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def listed(opening: bytes, fragments: Sequence[bytes], closing: bytes) -> bytes:
    """JSON values in a list, joined once."""
    return b"".join((opening, b",".join(fragments), closing))
