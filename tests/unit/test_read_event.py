"""What newsrooms send, good and bad: every fault is named with its place, in one answer."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.article import Article
from schemas.event import EventType
from schemas.lifecycle import Submission
from schemas.refusal import Fault, Refusal
from services.ingest.core import arrived, read_article, read_entry, read_event, read_retraction, split_batch
from services.ingest.formats import FORMATS
from tests.unit.events import submitted

PLAIN = {"id": "a1", "title": "Bridge opens"}
FULL: dict[str, Any] = {
    **PLAIN,
    "revision": 3,
    "url": "https://news.example/bridge?id=1",
    "summary": "It does.",
    "content_html": "<p>It does.</p>",
    "language": "en-GB",
    "authors": [{"name": "A. Writer", "url": "https://news.example/a", "email": "a@news.example"}],
    "sections": ["Local"],
    "tags": ["bridges", "traffic"],
    "source": {"name": "Agency"},
    "published_at": "2024-05-01T10:00:00+02:00",
    "updated_at": "2024-05-01T08:30:00Z",
    "embargo_until": "2024-05-01t08:30:00.5z",
    "expires_at": "2034-05-01 08:30-0300",
    "images": [{"url": "https://news.example/i.jpg", "width": 640, "height": 480, "alt": "A bridge"}],
    "enclosures": [{"url": "https://news.example/a.mp3", "type": "audio/mpeg", "length": 9, "duration": 12}],
    "rights": "CC BY",
    "correction_note": "The name was wrong.",
    "urgency": 4,
    "canonical_url": "HTTPS://news.example/bridge",
    "extensions": {"cms": {"id": 7, "score": 0.5, "old": None}},
}
EVENT = {"type": "article.published", "id": "e1", "time": "2024-05-01T10:00:00Z", "data": FULL}
CLOUD = {"specversion": "1.0", "type": "org.example.article.updated", "id": "e1", "source": "/desk", "data": PLAIN}


def read(value: object, **more: Any) -> Submission | Refusal:
    return read_event(value if isinstance(value, bytes) else json.dumps(value).encode(), **more)


def taken(value: object, **more: Any) -> Submission:
    found = read(value, **more)
    assert isinstance(found, Submission), found
    return found


def faults(value: object, **more: Any) -> dict[str, str]:
    found = read(value, **more)
    assert isinstance(found, Refusal)
    return {fault.where: fault.what for fault in found.errors}


def test_every_field_arrives() -> None:
    article = taken(FULL).article
    assert article is not None
    stated = {**article.model_dump(mode="json"), "content_text": None}
    assert stated["expires_at"] == "2034-05-01T11:30:00Z"
    assert stated["embargo_until"] == "2024-05-01T08:30:00.500000Z"
    changed = {key for key, value in stated.items() if value is not None and value != FULL[key]}
    assert changed <= {"published_at", "expires_at", "embargo_until", "authors", "source", "images", "enclosures"}
    assert set(FULL) | {"content_text"} == set(Article.model_fields)


def test_all_forms_of_one_event_say_the_same() -> None:
    base = taken(FULL)
    others = [
        taken(EVENT),
        taken({**CLOUD, "data": FULL}),
        taken({**CLOUD, "data": FULL}, media_type="application/cloudevents+json"),
        taken(
            {key: value for key, value in CLOUD.items() if key != "data"}
            | {"data_base64": base64.b64encode(json.dumps(FULL).encode()).decode()}
        ),
        taken(
            FULL, headers={"ce-specversion": "1.0", "ce-type": "article.published", "ce-id": "e%201", "ce-source": "/d"}
        ),
    ]
    assert all((one.article, one.content_hash) == (base.article, base.content_hash) for one in others)
    assert [one.event_key for one in others] == [
        "http::e1",
        "http:/desk:e1",
        "http:/desk:e1",
        "http:/desk:e1",
        "http:/d:e 1",
    ]


def test_the_hash_covers_all_but_the_revision() -> None:
    same = taken({**FULL, "revision": 9, "published_at": "2024-05-01T08:00:00Z"})
    assert same.content_hash == taken(FULL).content_hash
    reordered = {**FULL, "extensions": {"cms": {"old": None, "score": 0.5, "id": 7}}}
    assert taken(dict(reversed(list(reordered.items())))).content_hash == same.content_hash
    for name in FULL:
        if name not in {"revision", "id", "title"}:
            assert taken({key: value for key, value in FULL.items() if key != name}).content_hash != same.content_hash
    assert taken({**FULL, "title": "Other"}).content_hash != same.content_hash


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"title": None}, "/title", "is required"),
        ({"title": ""}, "/title", "is empty"),
        ({"title": " \n"}, "/title", "is blank"),
        ({"title": "\u0001"}, "/title", "is empty"),
        ({"title": "x" * 1_001}, "/title", "has 1,001 characters; at most 1,000"),
        ({"title": "x" * 1_000_000}, "/title", "has 1,000,000 characters; at most 1,000"),
        ({"title": 7}, "/title", "valid string"),
        ({"id": "x" * 257}, "/id", "has 257 characters; at most 256"),
        ({"id": 7}, "/id", "valid string"),
        ({"revision": 0}, "/revision", "greater than or equal to 1"),
        ({"revision": "2"}, "/revision", "valid integer"),
        ({"revision": True}, "/revision", "valid integer"),
        ({"revision": 2.0}, "/revision", "valid integer"),
        ({"published_at": "2024-05-01T10:00:00"}, "/published_at", "has no time zone"),
        ({"updated_at": "2024-05-01"}, "/updated_at", "is not a time"),
        ({"embargo_until": 1_714_550_400}, "/embargo_until", "is not a time"),
        ({"embargo_until": "1714550400"}, "/embargo_until", "is not a time"),
        ({"expires_at": "2024-02-30T10:00:00Z"}, "/expires_at", "is not a time that exists"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "/expires_at", "is outside the years"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at", "is outside the years"),
        ({"embargo_untill": "x"}, "/embargo_untill", 'put it under extensions. Did you mean "embargo_until"?'),
        ({"zzz": 1}, "/zzz", "unknown field; put it under extensions."),
        ({"authors": [{"name": "a"}, {"name": "b", "emial": "x"}]}, "/authors/1/emial", 'Did you mean "email"?'),
        ({"authors": [{"name": "a"}] * 101}, "/authors", "has 101 items; at most 100"),
        ({"tags": ["x"] * 201}, "/tags", "has 201 items; at most 200"),
        ({"tags": ["x", 2]}, "/tags/1", "valid string"),
        ({"content_html": "x" * (512 * 1024 + 1)}, "/content_html", "has 524,289 bytes; at most 524,288"),
        ({"content_text": "x" * (512 * 1024 + 1)}, "/content_text", "has 524,289 bytes; at most 524,288"),
        ({"url": "javascript:alert(1)"}, "/url", "must be an absolute http or https address"),
        ({"url": "https://"}, "/url", "must be an absolute http or https address"),
        ({"canonical_url": "/bridge"}, "/canonical_url", "must be an absolute http or https address"),
        ({"url": "https://e.org/" + "x" * 2_048}, "/url", "at most 2,048"),
        ({"language": "English!"}, "/language", "is not a language tag"),
        ({"urgency": 10}, "/urgency", "less than or equal to 9"),
        ({"reinstate": "yes"}, "/reinstate", "must be true or false"),
        ({"extensions": []}, "/extensions", "object"),
        ({"enclosures": [{"url": "u", "type": "mp3"}]}, "/enclosures/0/type", "is not a media type"),
    ],
)
def test_each_fault_is_named_with_its_place(change: dict[str, Any], where: str, what: str) -> None:
    [(found, said)] = faults({**PLAIN, **change}).items()
    assert found == where
    assert what in said
    [(found, _)] = faults({"type": "article.published", "data": {**PLAIN, **change}}).items()
    assert found == f"/data{where}"


def test_all_faults_come_in_one_answer() -> None:
    bad = b'{"type":"nope","time":"now","id":7,"more":1,"data":{"title":NaN,"tags":["a",1],"tags":[1],"urgency":99,"x":{"y":1,"y":2}}}'
    assert faults(bad).keys() == {
        "/type",
        "/time",
        "/id",
        "/more",
        "/data/id",
        "/data/title",
        "/data/tags",
        "/data/tags/0",
        "/data/urgency",
        "/data/x",
        "/data/x/y",
    }


def test_a_page_of_faults_is_cut() -> None:
    found = faults({**PLAIN, **{f"field{number}": 1 for number in range(300)}})
    assert len(found) == 101
    assert found[""] == "and 200 faults more"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ([PLAIN], ""),
        ("text", ""),
        (b"", "line 1, column 1"),
        (b"[" * 10_000 + b"]" * 10_000, ""),
        (json.dumps({**PLAIN, "extensions": {"a": [0] * 60_000}}).encode(), ""),
        (b" " * (1024 * 1024 + 1), ""),
        ({"type": "article.published"}, "/data"),
        ({"type": "article.published", "data": [1]}, "/data"),
        ({"data": PLAIN}, "/type"),
        ({**CLOUD, "specversion": "0.3"}, "/specversion"),
        ({**CLOUD, "id": ""}, "/id"),
        ({**CLOUD, "source": None}, "/source"),
        ({**CLOUD, "type": "article.deleted"}, "/type"),
        ({**CLOUD, "datacontenttype": "text/xml"}, "/datacontenttype"),
        ({**CLOUD, "data": None, "data_base64": "%"}, "/data_base64"),
        ({**CLOUD, "data_base64": "e30="}, "/data_base64"),
    ],
)
def test_what_is_no_event_is_refused(value: object, where: str) -> None:
    assert where in faults(value)


@pytest.mark.parametrize(
    ("text", "clean", "counted"),
    [
        ("a\u0000b\u0007c", "abc", {"control_characters": 2}),
        ("a\ud800b", "ab", {"lone_surrogates": 1}),
        ("a\ufffe\U0001fffe\ufdd0b", "ab", {"non_characters": 3}),
        ("\ud83d\ude00 é ’", "\U0001f600 é ’", {}),
    ],
)
def test_what_no_document_may_hold_is_cleaned_counted_and_named(text: str, clean: str, counted: dict[str, int]) -> None:
    found = taken({"id": "a", "title": text, "tags": [text], "extensions": {text: [text]}})
    assert found.article is not None
    assert (found.article.title, found.article.tags, found.article.extensions) == (clean, (clean,), {clean: [clean]})
    assert found.warnings == {name: 4 * count for name, count in counted.items()}


@given(st.text(st.characters(codec=None), min_size=1))
def test_any_text_is_taken_or_refused_with_a_place(text: str) -> None:
    found = read(
        {**PLAIN, "id": text, "title": text, "summary": text, "content_html": text, "rights": text, "tags": [text]}
    )
    if isinstance(found, Refusal):
        assert all(fault.where for fault in found.errors)
    else:
        found.model_dump_json().encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_taken_or_refused(value: object) -> None:
    read(value)
    read({**PLAIN, "extensions": value, "authors": value, "published_at": value})


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(raw: bytes) -> None:
    found = read(raw)
    assert isinstance(found, Refusal)
    assert found.text()


def test_a_fault_of_the_whole_is_told_without_a_place() -> None:
    assert Refusal(errors=(Fault(where="", what="is no event"),)).text() == "is no event"
    assert Refusal(errors=(Fault(where="/a", what="x"), Fault(where="/b", what="y"))).text() == "/a: x; /b: y"


def test_reinstate_may_stand_beside_the_fields_or_on_the_event() -> None:
    assert taken({**PLAIN, "reinstate": True}).reinstate
    assert taken({"type": "article.updated", "data": PLAIN, "reinstate": True}).reinstate
    assert taken({"type": "article.updated", "data": {**PLAIN, "reinstate": True}}).reinstate
    assert taken({**CLOUD, "reinstate": True}).reinstate
    assert not taken({**PLAIN, "reinstate": None}).reinstate


def test_a_retraction_carries_little() -> None:
    found = taken({"type": "article.retracted", "data": {"id": "a", "kind": "takedown", "reason": "r", "revision": 4}})
    assert found.retraction is not None
    assert (found.retraction.kind, found.stated_revision, found.type) == ("takedown", 4, EventType.RETRACTED)
    bad = {"type": "article.retracted", "data": {**PLAIN, "kind": "gone", "reinstate": True}}
    assert faults(bad).keys() == {"/data/title", "/data/kind", "/data/reinstate"}


def test_a_stated_retraction_is_its_own_key() -> None:
    def said(**more: Any) -> dict[str, Any]:
        return {"type": "article.retracted", "data": {"id": "a", "kind": "withdraw", **more}}

    assert taken(said(revision=2)).event_key == taken(said(revision=2, reason=None)).event_key is not None
    assert len({taken(said(revision=2, **more)).event_key for more in ({}, {"reason": "x"}, {"kind": "takedown"})}) == 3
    assert taken(said()).event_key is None


def test_the_address_names_the_article_of_a_put() -> None:
    found = read_article(b'{"title":"t"}', "a/b")
    assert isinstance(found, Submission)
    assert found.article_id == "a/b"
    other = read_article(b'{"id":"c","title":"t"}', "a")
    assert isinstance(other, Refusal)
    assert [fault.where for fault in other.errors] == ["/id"]


def test_a_delete_states_its_retraction_in_body_or_query() -> None:
    for raw, stated in (
        (b'{"kind":"takedown","reason":"r"}', {"kind": "withdraw"}),
        (b"", {"kind": "takedown", "reason": "r"}),
    ):
        found = read_retraction(raw, stated, "a")
        assert isinstance(found, Submission)
        assert found.retraction is not None
        assert (found.retraction.kind, found.retraction.reason) == ("takedown", "r")
    assert isinstance(read_retraction(b"[]", {}, "a"), Refusal)
    assert isinstance(read_retraction(b'{"kind":"x"}', {}, "a"), Refusal)


def test_long_keys_are_bounded_and_stay_apart() -> None:
    keys = {taken({**EVENT, "id": "x" * 900 + str(number)}).event_key for number in range(5)}
    assert len(keys) == 5
    assert all(len(key or "") <= 200 for key in keys)


def test_a_trace_context_is_kept_if_it_is_one() -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert taken(PLAIN, headers={"traceparent": good}).traceparent == good
    assert taken({**CLOUD, "traceparent": good}).traceparent == good
    assert taken(PLAIN, headers={"traceparent": "nonsense"}).traceparent is None


def test_an_undated_retraction_is_dated_on_arrival() -> None:
    found = taken({"type": "article.retracted", "data": {"id": "a"}})
    now = submitted({**EVENT}).occurred_at
    assert now is not None
    assert arrived(found, now).occurred_at == now
    assert arrived(taken(PLAIN), now).occurred_at is None


def entry(fields: dict[str, str | bytes]) -> Submission | Refusal:
    named = {key.encode(): value.encode() if isinstance(value, str) else value for key, value in fields.items()}
    data = named.get(
        b"__data__", named.get(b"data", json.dumps({key: str(value) for key, value in fields.items()}).encode())
    )
    return read_entry(named, data, None, "5-0")


@pytest.mark.parametrize(
    "fields",
    [
        {"data": json.dumps(FULL)},
        {"__data__": json.dumps(EVENT)},
        {"data": json.dumps({**CLOUD, "data": FULL})},
        {"data": json.dumps(FULL), "type": "article.published"},
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in FULL.items()},
        {
            **{key: value if isinstance(value, str) else json.dumps(value) for key, value in FULL.items()},
            "tags": "bridges, traffic",
        },
    ],
)
def test_the_inbox_takes_every_form(fields: dict[str, str | bytes]) -> None:
    found = entry(fields)
    assert isinstance(found, Submission), found
    assert found.content_hash == taken(FULL).content_hash
    assert found.origin == "stream"
    assert found.event_key in {"stream:entry:5-0", "stream::e1", "stream:/desk:e1"}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"data": json.dumps(FULL), "type": "article.retracted"}, "/data/title"),
        ({"data": json.dumps(FULL), "type": "nope"}, "/type"),
        ({"id": "a"}, "/title"),
        ({"id": "a", "title": "t", "revision": "two"}, "/revision"),
        ({"id": "a", "title": "t", "tags": "[1"}, "/tags"),
        ({"id": "a", "title": "t", "authors": '[{"name":NaN}]'}, "/authors/0/name"),
        ({"id": "a", "title": "t", "note": "x"}, "/note"),
        ({"id": "a", "title": "x" * 1_100_000}, ""),
    ],
)
def test_the_inbox_names_faults_too(fields: dict[str, str | bytes], where: str) -> None:
    found = entry(fields)
    assert isinstance(found, Refusal)
    assert where in {fault.where for fault in found.errors}


def test_an_entry_without_a_body_is_unreadable() -> None:
    found = read_entry({b"data": b"\xff"}, None, "unreadable", "5-0")
    assert isinstance(found, Refusal)
    assert found.cause == "unreadable"


def test_batches_are_cut_without_judging() -> None:
    lines = [b'{"id":"a"}', b"not json", b"\xff"]
    assert list(split_batch(b"\n".join([*lines[:1], b"", b" \r", *lines[1:]]), "application/x-ndjson") or ()) == lines
    array = b'[{"id":"a"},7]'
    assert list(split_batch(array, "application/cloudevents-batch+json") or ()) == [b'{"id":"a"}', b"7"]
    assert split_batch(b"{}", "application/json") is None


def test_every_format_is_listed_under_its_own_name() -> None:
    assert [known.name for known in FORMATS.values()] == list(FORMATS)
