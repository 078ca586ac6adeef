"""The AsyncAPI document names every stream with its payload."""

import json
from typing import Any

import pytest

from schemas.article import Article
from schemas.topics import TOPICS
from services.bus.asyncapi import asyncapi


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi("1.2.3")


def resolve(document: dict[str, Any], ref: str) -> Any:
    found: Any = document
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_it_is_asyncapi_3_and_names_the_version(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert document["info"] | {"description": ""} == {"title": "Wireroom", "version": "1.2.3", "description": ""}


def test_every_stream_of_the_map_is_there_with_its_payload(document: dict[str, Any]) -> None:
    assert list(document["channels"]) == list(TOPICS)
    for name, topic in TOPICS.items():
        channel = document["channels"][name]
        assert topic.says in channel["description"]
        assert all(group in channel["description"] for group in topic.groups)
        [message] = channel["messages"].values()
        payload = resolve(document, resolve(document, message["$ref"])["payload"]["$ref"])
        if topic.payload is not None:
            assert payload["properties"].keys() == topic.payload.model_fields.keys()


def test_the_inbox_takes_an_event_a_cloudevent_or_a_bare_article(document: dict[str, Any]) -> None:
    payload = document["components"]["schemas"]["InboxEvent"]
    assert [ref["$ref"].rpartition("/")[2] for ref in payload["oneOf"]] == ["Event", "CloudEvent", "Article"]
    article = document["components"]["schemas"]["Article"]
    assert article["properties"].keys() == Article.model_fields.keys()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    refs: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(ref := node.get("$ref"), str):  # pyright: ignore[reportUnknownMemberType]
                refs.append(ref)
            for value in node.values():  # pyright: ignore[reportUnknownVariableType]
                walk(value)
        elif isinstance(node, list):
            for value in node:  # pyright: ignore[reportUnknownVariableType]
                walk(value)

    walk(document)
    assert len(refs) > 20
    for ref in refs:
        resolve(document, ref)


def test_it_can_be_changed_by_its_reader_without_harm(document: dict[str, Any]) -> None:
    asyncapi("1.2.3").clear()
    assert asyncapi("1.2.3") == document
    assert json.dumps(document)
