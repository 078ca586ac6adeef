"""`wireroom publish` and `wireroom retract`: what a newsroom says, from files."""

import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.client import Answer, Client, connect, segment
from services.cli.documents import CONTENT_TYPES, PAGES, Document, Kind, Unreadable, chunks, read_document
from services.cli.errors import UsageError
from services.cli.examples import examples
from services.cli.output import AsJson, clean, note, print_json, say

Item = dict[str, Any]
"""One line of the answer: file, status, id, revision, event_id, warnings; or file, status "refused", why."""


def publish(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files to publish; - is standard input.")],
    *,
    url: Annotated[str | None, typer.Option(help="Of a page: its address.")] = None,
    article_id: Annotated[
        str | None, typer.Option("--id", help="Of a page: its id; otherwise made from its content.")
    ] = None,
    published_at: Annotated[
        str | None, typer.Option(help="Of a page: when, with a zone: 2026-03-01T09:30:00+01:00.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="What the files are; otherwise told by their content.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish files.

    Article JSON, NDJSON, CloudEvents, or a page saved as text or HTML. The kind is told by the content. Exit code 1 when any file or line was refused; the others are published.
    """
    stated = {"url": url, "id": article_id, "published_at": published_at}
    if article_id is not None and len(files) > 1:
        raise UsageError("--id names one article, and several files were given", "Publish them one by one")
    client = cache(connect)  # asked for with the first file that can be read
    items: list[Item] = []
    for name in files:
        for item in _publish_file(client, name, kind, {k: v for k, v in stated.items() if v is not None}):
            items.append(item)
            if not as_json:
                _say_item(item)
    if as_json:
        print_json(items)
    if refused := sum(item["status"] in {"refused", "conflict"} for item in items):
        note(f"wireroom: {refused} of {len(items)} refused")
        raise typer.Exit(1)


def retract(
    article_id: Annotated[str, typer.Argument(metavar="ID", help="The article's id.")],
    *,
    reason: Annotated[str | None, typer.Option(help="Why; readers and partners see it.")] = None,
    takedown: Annotated[bool, typer.Option(help="Leave not even the headline.")] = False,
    revision: Annotated[
        int | None, typer.Option(min=1, help="Take back every revision up to this one; otherwise all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take an article back.

    Every feed and partner that had it learns so. An id that is not known yet is retracted for the future.
    """
    body: dict[str, Any] = {"kind": "takedown" if takedown else "withdraw", "reason": reason, "revision": revision}
    answer = connect().delete(
        f"/v1/articles/{segment(article_id)}", {name: value for name, value in body.items() if value is not None}
    )
    if as_json:
        print_json(answer)
    else:
        _say_item({"file": "retract", **answer})


def _publish_file(client: Callable[[], Client], name: str, kind: Kind | None, stated: dict[str, str]) -> Iterator[Item]:
    document = _read(name, kind)
    if isinstance(document, Unreadable):
        yield {"file": name, "status": "refused", "why": document.why}
    elif document.kind in PAGES:
        yield from _post(client, name, Document(Kind.ARTICLE, _page(document, stated), ""))
    elif stated:
        options = ", ".join(f"--{option.replace('_', '-')}" for option in stated)
        yield {
            "file": name,
            "status": "refused",
            "why": f"{options}: for pages only; a {document.kind} file states its own",
        }
    else:
        yield from _post(client, name, document)


def _read(name: str, kind: Kind | None) -> Document | Unreadable:
    path = Path(name)
    if name != "-" and path.is_dir():
        return Unreadable(f"a directory; name its files: wireroom publish {name.rstrip('/')}/*")
    try:
        raw = sys.stdin.buffer.read() if name == "-" else path.read_bytes()
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    return read_document(raw, kind)


def _page(document: Document, stated: dict[str, str]) -> bytes:
    from services.ingest.formats.page import read_page_html, read_page_text

    read = read_page_html if document.kind is Kind.HTML else read_page_text
    return json.dumps(read(document.text, **stated), ensure_ascii=False).encode()


def _post(client: Callable[[], Client], name: str, document: Document) -> Iterator[Item]:
    pieces = chunks(document.raw) if document.kind is Kind.NDJSON else iter((document.raw,))
    line = 0
    for piece in pieces:
        answer = client().call("POST", "/v1/articles", piece, CONTENT_TYPES[document.kind])
        if document.kind in {Kind.NDJSON, Kind.CLOUDEVENTS} and answer.ok:
            for item in answer.body["items"]:
                line += 1
                yield {"file": f"{name}:{line}", **_item(item)}
        else:
            yield {"file": name, **_single(answer)}


def _single(answer: Answer) -> Item:
    return answer.body if answer.ok else {"status": "refused", "why": f"{answer.status} {answer.why()}"}


def _item(item: Item) -> Item:
    if (problem := item.get("problem")) is None:
        return item
    status = int(problem.get("status", item.get("status", 0)) or 0)
    return {**item, "status": "refused", "why": f"{status} {Answer(status, problem, {}).why()}"}


def _say_item(item: Item) -> None:
    if "why" in item:
        note(f"{clean(item['file'])}: {item['status']}: {clean(item['why'])}")
        return
    say(
        f"{clean(item['file'])}: {item['status']}  id={clean(item['id'])}  revision={item['revision']}  event={item['event_id']}"
    )
    if warnings := item.get("warnings"):
        say(f"  warnings: {clean(json.dumps(warnings, ensure_ascii=False))}")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(
        epilog=examples(
            "wireroom publish story.json",
            "wireroom publish page.html --url https://news.example/story --published-at 2026-03-01T09:30:00+01:00",
            "generate | wireroom publish --kind ndjson -",
        )
    )(publish)
    app.command(epilog=examples('wireroom retract 4711 --reason "wrong person named" --takedown'))(retract)
