"""The API's page for people: made from the OpenAPI document, escaped, without a script or another origin."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
}
_VERBS = ("get", "post", "put", "patch", "delete")

STYLE = """\
:root { color-scheme: light dark; --line: #8885; --soft: #8881; --hint: #777 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line) }
article { border: 1px solid var(--line); border-radius: 6px; padding: .25rem 1rem 1rem; margin: 1rem 0 }
h3 { font: 600 1rem ui-monospace, monospace; overflow-wrap: anywhere }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { background: var(--soft); padding: .75rem; overflow: auto; max-height: 30rem; border-radius: 6px }
table { border-collapse: collapse; width: 100% } td, th { text-align: start; padding: .2rem .5rem; vertical-align: top }
tr + tr { border-top: 1px solid var(--line) } .verb { text-transform: uppercase; margin-inline-end: .6rem }
.scope { color: var(--hint) } nav a { margin-inline-end: 1rem }
"""


def render(document: Mapping[str, Any]) -> str:
    """Make the page. The same document gives the same bytes."""
    groups: dict[str, list[str]] = {}
    for path, verbs in document["paths"].items():
        for verb in (verb for verb in _VERBS if verb in verbs):
            tag = (verbs[verb].get("tags") or ["more"])[0]
            groups.setdefault(tag, []).append(_operation(path, verb, verbs[verb]))
    schemas = document.get("components", {}).get("schemas", {})
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in (*groups, "schemas"))
    sections = "".join(f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(all_)}' for tag, all_ in groups.items())
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(info["title"])} API</title><link rel="stylesheet" href="/docs/style.css"></head><body>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info.get('description', ''))}</p>"
        "<p>Every address here needs a key: <code>Authorization: Bearer wr_…</code>. Errors are problem details "
        "(RFC 9457) that name every fault with its place. For programs: "
        '<a href="/openapi.json">openapi.json</a>, <a href="/asyncapi.json">asyncapi.json</a>.</p>'
        f'<nav>{links}</nav><main>{sections}<h2 id="schemas">schemas</h2>{_schemas(schemas)}</main></body></html>'
    )


def _operation(path: str, verb: str, operation: Mapping[str, Any]) -> str:
    rows = [
        _row(f"{found['name']} ({found['in']})", _kind(found.get("schema", {})), found.get("description", ""))
        for found in operation.get("parameters", ())
    ]
    body = operation.get("requestBody", {}).get("content", {})
    rows += [_row("body", media, _kind(content.get("schema", {}))) for media, content in body.items()]
    rows += [
        _row(code, ", ".join(answer.get("content", {})), answer.get("description", ""))
        for code, answer in sorted(operation.get("responses", {}).items())
    ]
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in operation.get("description", "").split("\n\n"))
    scope = escape(str(operation.get("x-scope", "")))
    return (
        f'<article><h3><span class="verb">{verb}</span>{escape(path)}</h3>{paragraphs}'
        f'<p class="scope">scope <code>{scope}</code></p><table>{"".join(rows)}</table></article>'
    )


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("format") or schema.get("type") or schema.get("description", "any"))


def _schemas(schemas: Mapping[str, Any]) -> str:
    return "".join(
        f"<article><h3>{escape(name)}</h3><pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre></article>"
        for name, schema in sorted(schemas.items())
    )
