"""JSON from strangers: RFC 8259 and nothing beside it, within limits that are judged before parsing. Pure.

Duplicate keys, NaN, Infinity and numbers that no double or 64-bit integer holds are faults, named with
their JSON pointer (RFC 6901). Depth and number of values are judged on the bytes alone, so that no
input can exhaust the stack (an interpreter's recursion limit is not a defence but a symptom).
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from schemas.refusal import Fault, Refusal

MAX_VALUES = 50_000  # 1 MiB can hold 500,000 numbers: 50 ms of event loop for nothing that a newsroom sends
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # possessive: linear on unclosed strings too
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
_NEITHER = bytes(set(range(256)) - set(b"[]{},"))
_ONE_KIND = bytes.maketrans(b"[{]}", b"(())")


class Parsed(NamedTuple):
    """A value, and what is wrong with it although it could be parsed; a faulty part is None in `value`."""

    value: object
    faults: tuple[Fault, ...]


class _Odd(NamedTuple):
    """Stands where a number stood that JSON or we cannot hold."""

    text: str


class _Twice(dict[str, object]):
    """An object that had keys more than once."""

    keys_again: tuple[str, ...] = ()


def pointer(*parts: str | int) -> str:
    """RFC 6901 §3: "~" and "/" in a key are escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def parse(raw: bytes, *, max_bytes: int, max_depth: int) -> Parsed | Refusal:
    """Parse strictly. A Refusal says why nothing could be made of it; its place is a line and column.

    Time is linear in the input; nothing recurses deeper than `max_depth`.
    """
    if refusal := _too_much(raw, max_bytes, max_depth):
        return refusal
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(f"byte {error.start}", "is not UTF-8")
    odd: list[object] = []
    try:
        value = _decoder(odd).decode(text)
    except json.JSONDecodeError as error:
        return _unreadable(f"line {error.lineno}, column {error.colno}", f"is not JSON: {error.msg}")
    faults: list[Fault] = []
    if odd:
        value = _without_odd(value, "", faults)
    return Parsed(value, tuple(faults))


def split_array(raw: bytes) -> Iterator[bytes]:
    """Cut a JSON array into its elements, as bytes and unparsed, so that each can be judged alone.

    What is not an array, or never closed, comes back as its last element and fails there.
    """
    body = raw.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    if not body.startswith(b"["):
        yield body
        return
    depth, start, commas = 0, 1, 0
    for token in _TOKEN.finditer(body):
        mark = token.group()[:1]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        if (mark == b"," and depth == 1) or (depth == 0 and mark in b"]}"):
            element = body[start : token.start()].strip(b" \t\r\n")
            start = token.end()
            commas += mark == b","
            if element or commas:
                yield element
        if depth == 0 and mark in b"]}":
            break
    if rest := body[start:].strip(b" \t\r\n"):
        yield rest


def _too_much(raw: bytes, max_bytes: int, max_depth: int) -> Refusal | None:
    if len(raw) > max_bytes:
        return Refusal(
            errors=(Fault(where="", what=f"has {len(raw):,} bytes; at most {max_bytes:,}"),), cause="too large"
        )
    if raw.count(b"[") + raw.count(b"{") <= max_depth and raw.count(b",") <= MAX_VALUES:
        return None  # the common case, and cheap: text with commas and brackets takes the longer way
    shape = _STRING.sub(b"", raw).translate(None, _NEITHER)
    if len(shape) > MAX_VALUES:
        return _unreadable("", f"holds more than {MAX_VALUES:,} values")
    nested = shape.translate(_ONE_KIND, b",")
    for _ in range(max_depth):  # each pass takes the innermost brackets away
        if not nested:
            return None
        nested = nested.replace(b"()", b"")
    # What is left is too deep or not balanced; of the latter the parser says where.
    if b"()" in nested or nested.count(b"(") > max_depth:
        return _unreadable("", f"is nested deeper than {max_depth} levels")
    return None


def _decoder(odd: list[object]) -> json.JSONDecoder:
    def constant(text: str) -> _Odd:
        odd.append(text)
        return _Odd(text)

    def real(text: str) -> float | _Odd:
        value = float(text)
        return constant(text[:40]) if value in (float("inf"), float("-inf")) else value

    def integer(text: str) -> int | _Odd:
        if len(text) > 20 or not -(2**63) <= (value := int(text)) < 2**64:
            return constant(text[:40])
        return value

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        plain = dict(items)
        if len(plain) == len(items):
            return plain
        keys = [key for key, _ in items]
        again = _Twice(plain)
        again.keys_again = tuple(key for key in plain if keys.count(key) > 1) if len(keys) < 1_000 else tuple(keys[:1])
        odd.append(again)
        return again

    return json.JSONDecoder(object_pairs_hook=pairs, parse_constant=constant, parse_float=real, parse_int=integer)


def _without_odd(value: object, at: str, faults: list[Fault]) -> object:
    if isinstance(value, _Odd):
        faults.append(Fault(where=at, what=f"{value.text} is not a number that JSON and we can hold"))
        return None
    if isinstance(value, _Twice):
        faults.extend(Fault(where=at + pointer(key), what="this key stands there twice") for key in value.keys_again)
    if isinstance(value, dict):
        return {key: _without_odd(part, at + pointer(key), faults) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_odd(part, at + pointer(index), faults) for index, part in enumerate(value)]
    return value


def _unreadable(where: str, what: str) -> Refusal:
    return Refusal(errors=(Fault(where=where, what=what),), cause="unreadable")
