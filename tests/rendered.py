"""An article's way to bytes without a store: enriched, planned and rendered by the real code, then read by lxml or json."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from schemas.article import Article
from schemas.event import EventType, ThinEvent
from schemas.feed import Entry
from schemas.jobs import Shown, SyndicateJob
from schemas.lifecycle import ArticleState
from services.enrich.core import enrich_article
from services.syndicate.core import plan
from services.syndicate.formats import FORMATS
from services.syndicate.formats.base import Body
from tests.golden.entries import BASE, PUBLISHED, head

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
FH = "{http://purl.org/syndication/history/1.0}"
MEDIA = "{http://search.yahoo.com/mrss/}"
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
XML = "{http://www.w3.org/XML/1998/namespace}"
FEEDS = ("rss", "atom", "json")
XMLS = ("rss", "atom", "newsml")


def planned(article: dict[str, Any], **job: Any) -> Entry:
    """The entry of an article as it came an hour after it was published."""
    read = Article.model_validate({"id": "a-1", "title": "Title", "published_at": PUBLISHED, **article})
    shown = Shown(read, enrich_article(read, timer=lambda: 0.0), 1, 1, PUBLISHED + timedelta(hours=1))
    given: dict[str, Any] = {
        "event": ThinEvent(event_id="e1", article_id=read.id, revision=1, facts=1),
        "type": EventType.PUBLISHED,
        "version": 1,
        "state": ArticleState(newest=1),
        "shown": shown,
        "expired": False,
        "first_published": read.published_at,
        "first_accepted_at": PUBLISHED + timedelta(hours=1),
        "feeds_ever": (),
        "entry_id": "urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-333333333333",
        "key": "0" * 32,
        "previous": None,
    }
    made = plan(SyndicateJob(**{**given, **job}), base_url=BASE, publisher="Le Fil").entry
    assert made is not None
    return made


def document(name: str, entries: Sequence[Entry], body: Body = "full", **more: object) -> bytes:
    """One document, its head dated by its entries as the joiner does."""
    form = FORMATS[name]
    render = form.renders()[form.fragment_name(body)]
    fragments = [made for entry in entries if (made := render(entry)) is not None]
    updated = max((entry.gone_at or entry.updated for entry in entries), default=datetime(2026, 1, 1, tzinfo=UTC))
    return form.document(head(name, updated, **more), fragments)


def parsed(data: bytes) -> Any:
    """A strict XML parser's root."""
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def xml(name: str, *entries: Entry, body: Body = "full", **more: object) -> Any:
    return parsed(document(name, entries, body, **more))


def rss_item(entry: Entry, body: Body = "full") -> Any:
    return xml("rss", entry, body=body).find("channel/item")


def atom_entry(entry: Entry, body: Body = "full") -> Any:
    return xml("atom", entry, body=body).find(f"{ATOM}entry")


def json_feed(*entries: Entry, body: Body = "full", **more: object) -> Any:
    return json.loads(document("json", entries, body, **more))


def json_item(entry: Entry, body: Body = "full") -> Any:
    return json_feed(entry, body=body)["items"][0]


def bodies(entry: Entry) -> list[str]:
    """The story's HTML as each feed format gives it back."""
    rss, atom = rss_item(entry), atom_entry(entry)
    full = rss.findtext(f"{CONTENT}encoded") or rss.findtext("description")
    return [full, atom.findtext(f"{ATOM}content"), json_item(entry)["content_html"]]
