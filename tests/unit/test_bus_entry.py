"""What is read out of an entry's fields: ours, the framework's, anyone's, and garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bus.entry import MAGIC, fields_of, read_entry

BODY = b'{"id":"a"}'


def enveloped(body: bytes, headers: bytes = b"\x00\x01\x00\x02ab") -> bytes:
    start = 18 + len(headers)
    return MAGIC + (1).to_bytes(2) + (18).to_bytes(4) + start.to_bytes(4) + headers + body


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        (fields_of(BODY), BODY),
        ({b"data": BODY}, BODY),
        ({b"__data__": BODY, b"data": b"{}"}, BODY),
        ({b"data": BODY, b"type": b"article.published"}, BODY),
        ({b"__data__": enveloped(BODY)}, BODY),
        ({b"data": enveloped(BODY)}, BODY),
        ({b"__data__": enveloped(BODY, b"garbled \xff\xfe headers")}, BODY),
        ({b"data": b' \n\t{"id":"a"}'}, b' \n\t{"id":"a"}'),
        ({b"data": b" " * 100 + BODY}, b" " * 100 + BODY),
        ({b"id": b"a", b"title": "Zoë".encode()}, '{"id": "a", "title": "Zoë"}'.encode()),
    ],
)
def test_a_body_is_found_wherever_it_may_stand(fields: dict[bytes, bytes], data: bytes) -> None:
    entry = read_entry("1-0", fields, 2)
    assert (entry.data, entry.problem, entry.deliveries, entry.fields) == (data, None, 2, fields)


@pytest.mark.parametrize(
    "fields",
    [
        {b"data": b""},
        {b"data": b"hello"},
        {b"data": b"[1]"},
        {b"data": b'"{}"'},
        {b"data": b"{\xff}"},
        {b"__data__": b"garbage", b"data": BODY},
        {b"__data__": MAGIC},
        {b"__data__": enveloped(b"not json")},
        {b"__data__": MAGIC + (1).to_bytes(2) + (18).to_bytes(4) + (2**31).to_bytes(4) + BODY},
        {b"__data__": MAGIC + (1).to_bytes(2) + (18).to_bytes(4) + (0).to_bytes(4) + BODY},
        {b"title": b"\xff"},
        {b"\xff": b"x"},
        {},
    ],
)
def test_anything_else_is_unreadable_and_keeps_its_bytes(fields: dict[bytes, bytes]) -> None:
    entry = read_entry("1-0", fields)
    assert (entry.data, entry.problem) == (None, "unreadable")
    assert entry.fields == fields
    assert isinstance(entry.raw(), bytes)


def test_raw_bytes_are_the_data_fields_value_or_all_fields() -> None:
    assert read_entry("1-0", {b"data": b"\x00\xff"}).raw() == b"\x00\xff"
    assert read_entry("1-0", {b"foo": b"bar"}).raw() == b'{"foo": "bar"}'
    assert read_entry("1-0", {b"a": b"\xff", b"b": b"2"}).raw() == b'{"a": "\\\\xff", "b": "2"}'


@given(st.dictionaries(st.binary(max_size=12), st.binary(max_size=60), max_size=4))
def test_no_bytes_whatsoever_raise(fields: dict[bytes, bytes]) -> None:
    entry = read_entry("1-0", fields)
    assert (entry.data is None) == (entry.problem == "unreadable")
    entry.raw()


@given(st.binary(max_size=200))
def test_no_value_of_data_raises(value: bytes) -> None:
    for prefix in (b"", MAGIC, b"{"):
        read_entry("1-0", {b"data": prefix + value}).raw()
