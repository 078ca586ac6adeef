"""RFC 8259 and nothing beside it. Security rule 30."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.refusal import Fault, Refusal
from services.strict_json import Parsed, parse, split_array

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def judged(raw: bytes, max_bytes: int = 1_000_000, max_depth: int = 32) -> Parsed | Refusal:
    return parse(raw, max_bytes=max_bytes, max_depth=max_depth)


def refusal(raw: bytes) -> Refusal:
    found = judged(raw)
    assert isinstance(found, Refusal)
    return found


@given(VALUES)
def test_what_json_can_say_comes_back(value: object) -> None:
    assert judged(json.dumps(value).encode()) == Parsed(value, ())


@given(st.lists(VALUES, max_size=5))
def test_an_array_is_cut_into_elements_that_parse_to_the_same(values: list[object]) -> None:
    assert [json.loads(part) for part in split_array(json.dumps(values, indent=1).encode())] == values


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b'[1, "a,]b", [2,[3]], {"k":[4,5]}]', [b"1", b'"a,]b"', b"[2,[3]]", b'{"k":[4,5]}']),
        (b"[1,]", [b"1", b""]),
        (b"[1,,2]", [b"1", b"", b"2"]),
        (b"[1,2", [b"1", b"2"]),
        (b"[1] x", [b"1", b"x"]),
        (b"{}", [b"{}"]),
        (b'["\\"]", 7]', [b'"\\"]"', b"7"]),
    ],
)
def test_a_bad_element_is_cut_out_and_fails_alone(raw: bytes, parts: list[bytes]) -> None:
    assert list(split_array(raw)) == parts


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b'{"a":NaN}', "/a"),
        (b'{"a":[1,-Infinity]}', "/a/1"),
        (b'{"a":{"b":Infinity}}', "/a/b"),
        (b'{"a":1e999}', "/a"),
        (b'{"a":%d}' % 2**64, "/a"),
        (b'{"a":%s}' % (b"9" * 5_000), "/a"),
        (b'{"a":1,"a":2}', "/a"),
        (b'{"x/y":[{"~":1,"~":2}]}', "/x~1y/0/~0"),
    ],
)
def test_what_is_no_json_number_or_a_key_twice_is_named_by_pointer(raw: bytes, where: str) -> None:
    found = judged(raw)
    assert isinstance(found, Parsed)
    assert [fault.where for fault in found.faults] == [where]


def test_every_fault_is_named_at_once() -> None:
    found = judged(b'{"a":NaN,"b":{"c":1,"c":2},"d":[Infinity]}')
    assert isinstance(found, Parsed)
    assert {fault.where for fault in found.faults} == {"/a", "/b/c", "/d/0"}


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", "line 1, column 1"),
        (b'{"a":1,}', "line 1, column 8"),
        (b'{"a":\n 1 2}', "line 2, column 4"),
        (b"{'a':1}", "line 1, column 2"),
        (b'{"a":"\x01"}', "line 1, column 7"),
        (b'{"a":"\xff"}', "byte 6"),
        (b'{"a":"\xed\xa0\x80"}', "byte 6"),
        (b"[1] [2]", "line 1, column 5"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(raw: bytes, where: str) -> None:
    found = refusal(raw)
    assert (found.cause, found.errors[0].where) == ("unreadable", where)


@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("depth", [33, 10_000, 100_000])
def test_depth_is_judged_without_recursion(opened: bytes, depth: int, *, closed: bool) -> None:
    ends = b"".join({b"[": b"]", b"{": b"}"}[opened[at : at + 1]] for at in range(len(opened)) if opened[at] in b"[{")
    raw = opened * depth + b"1" + (ends[::-1] * depth if closed else b"")
    assert refusal(raw).errors[0].what in {"is nested deeper than 32 levels", "holds more than 50,000 values"}


def test_the_deepest_allowed_passes_and_one_more_does_not() -> None:
    assert isinstance(judged(b"[" * 32 + b"]" * 32), Parsed)
    assert isinstance(judged(b"[" * 33 + b"]" * 33), Refusal)
    assert isinstance(judged(b"[0,1],".join([b"[[", b"[" * 30 + b"]" * 30 + b"]]"])), Parsed)


def test_brackets_inside_strings_are_no_depth() -> None:
    assert isinstance(judged(json.dumps(["[" * 1_000, '"[{' * 1_000, "\\" * 99]).encode()), Parsed)


def test_size_is_judged_first() -> None:
    assert refusal(b" " * 1_000_001) == Refusal(
        errors=(Fault(where="", what="has 1,000,001 bytes; at most 1,000,000"),), cause="too large"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b'{"x":"' + b'\\"' * 499_000,
        b'"a' * 400_000,
        b"[" * 999_999,
        b"[]," * 333_000,
        b"\\" * 999_999,
        b'"' + b"\\" * 999_998,
        b'{"a":' * 190_000,
        b"]" * 500_000 + b"[" * 499_999,
    ],
)
def test_hostile_bytes_cost_linear_time(raw: bytes) -> None:
    start = time.process_time()
    judged(raw)
    judged(b"[" * 33 + raw[:-33])  # with brackets the strings are looked at, too
    assert time.process_time() - start < 1.0  # about 5 ms; a quadratic reading takes minutes
