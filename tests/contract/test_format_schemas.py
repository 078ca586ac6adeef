"""Documents of every golden case fit their grammar: ours (tests/schemas), and IPTC's own where they are at hand."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs
from referencing import Registry, Resource

from services.syndicate.formats import FORMATS
from services.syndicate.formats.base import Body
from tests.golden.entries import CASES, heads
from tests.rendered import document

SCHEMAS = Path(__file__).parents[1] / "schemas"
IPTC = os.environ.get("WIREROOM_TEST_IPTC")
NEEDS_IPTC = pytest.mark.skipif(IPTC is None, reason="IPTC's schemas are not ours to carry: tests/schemas/README.md")
BODIES: tuple[Body, ...] = ("full", "summary")


def lists(name: str) -> Iterator[bytes]:
    for entries in CASES.values():
        yield from (document(name, entries, body) for body in BODIES)
    for above in heads(name).values():
        yield FORMATS[name].document(above, [])


def singles(name: str) -> Iterator[bytes]:
    form = FORMATS[name]
    assert form.single is not None
    for entries in CASES.values():
        yield from (form.single(fragment) for fragment in map(form.entry, entries) if fragment)


def relaxed(grammar: str, data: bytes) -> str:
    schema = etree.RelaxNG(etree.parse(str(SCHEMAS / grammar)))
    return "" if schema.validate(etree.fromstring(data)) else f"{schema.error_log}\n{data.decode()}"


def faults(schema: Any, data: bytes, registry: Any = None) -> list[str]:
    check: Any = Draft202012Validator(schema, registry=registry or Registry())
    return [f"{list(error.path)}: {error.message[:300]}" for error in check.iter_errors(json.loads(data))]


def test_atom_fits_its_grammar() -> None:
    for data in lists("atom"):
        assert not relaxed("atom.rng", data)


def test_the_grammar_of_atom_knows_a_fault() -> None:
    data = next(lists("atom"))
    assert relaxed("atom.rng", data.replace(b"<updated>", b"<updated>x"))
    assert relaxed("atom.rng", data.replace(b"<id>urn:uuid:", b"<id>"))


def test_newsml_fits_its_grammar() -> None:
    for data in (*lists("newsml"), *singles("newsml")):
        assert not relaxed("newsml.rng", data)


def test_json_feed_fits_its_schema() -> None:
    schema = json.loads((SCHEMAS / "json-feed.json").read_text())
    for data in lists("json"):
        assert faults(schema, data) == []
    assert faults(schema, next(lists("json")).replace(b'"version"', b'"versoin"'))


def test_ninjs_fits_its_schema() -> None:
    schema = json.loads((SCHEMAS / "ninjs.json").read_text())
    for data in (*lists("ninjs"), *singles("ninjs")):
        assert faults(schema, data) == []
    assert faults(schema, next(lists("ninjs")).replace(b'"usable"', b'"useable"'))


@NEEDS_IPTC
def test_newsml_is_valid_by_iptcs_xsd() -> None:
    schema = etree.XMLSchema(etree.parse(str(Path(IPTC or "") / "NewsML-G2_2.35-spec-All-Power.xsd")))
    for data in (*lists("newsml"), *singles("newsml")):
        assert schema.validate(etree.fromstring(data)), f"{schema.error_log}\n{data.decode()}"


@NEEDS_IPTC
def test_ninjs_is_valid_by_iptcs_schema() -> None:
    schema = json.loads((Path(IPTC or "") / "ninjs-schema_2.2.json").read_text())
    # It refers to GeoJSON's for places, of which we state none.
    places = Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema"})
    registry: Any = Registry().with_resource("https://geojson.org/schema/GeoJSON.json", places)
    for data in (*lists("ninjs"), *singles("ninjs")):
        assert faults(schema, data, registry) == []
