"""docs/filters.md says what the language does: its examples are read, its fields are all of them."""

import json
import re
from pathlib import Path

import pytest

from services.filters import FilterError, from_json, parse
from services.filters.fields import FIELDS, HAS
from services.filters.parser import MAX_DEPTH, MAX_LENGTH, MAX_TERMS

TEXT = (Path(__file__).parents[2] / "docs" / "filters.md").read_text()


def _blocks(kind: str) -> list[str]:
    found = re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    assert found
    return found


def test_every_example_is_read() -> None:
    lines = [line for block in _blocks("filter") for line in block.splitlines()]
    lines += re.findall(
        r"`((?:-|\()?(?:[a-z]+:[^`…]+)[^`]*)`",
        "\n".join(TEXT.partition("## Fields")[2].partition("## Times")[0].splitlines()),
    )
    assert len(lines) > 20
    for line in lines:
        if line != "text:":
            assert parse(line) == parse(str(parse(line))), line


def test_every_json_example_is_read() -> None:
    objects = [json.loads(line) for block in _blocks("json") for line in block.splitlines()]
    for stated in objects:
        assert from_json(from_json(stated).to_json()) == from_json(stated)
    assert (
        str(from_json(objects[0]))
        == 'section:world language:(fr OR en) -tag:sport "climate summit" published:>2026-01-01'
    )


def test_the_mistake_is_answered_as_shown() -> None:
    [shown] = _blocks("text")
    with pytest.raises(FilterError) as caught:
        parse(shown.splitlines()[0])
    assert caught.value.pointed() == shown.rstrip("\n")


def test_every_field_and_limit_is_named() -> None:
    for name in (*FIELDS, *HAS, "lang"):
        assert f"`{name}`" in TEXT, name
    assert f"{MAX_LENGTH:,} characters, {MAX_TERMS} terms, {MAX_DEPTH} levels" in TEXT
