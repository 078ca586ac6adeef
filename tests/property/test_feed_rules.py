"""Whatever a publisher sends, what we make of it breaks none of our own rules: nothing good is ever quarantined."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.article import Article, RetractionKind
from schemas.event import EventType, ThinEvent
from schemas.jobs import Shown, SyndicateJob
from schemas.lifecycle import ArticleState
from schemas.refusal import Refusal
from services.enrich.core import enrich_article
from services.ingest.core import arrived, read_event
from services.store.feeds import minted
from services.syndicate.core import plan
from services.syndicate.render import render
from services.syndicate.rules import check_entry

NOW = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)
ODD = "\x00\x0b\x85\x92\ud83d\ufffe\u200b\u202e\u2066\u2067\u2069\u2028é政ع\U0001f5de&<>\"'];, \t\r\n"
TEXT = (
    st.text(max_size=40)
    | st.text(st.sampled_from(ODD + "abc"), max_size=40)
    | st.sampled_from(
        [
            "&lt;p&gt;a&amp;",
            "<b>x</b>",
            "AT&amp;T &am",
            "]]> <![CDATA[",
            "a\u202eb\u202c",
            "\u2067only",
            "x" * 290 + "&",
        ]
    )
)
URL = st.sampled_from(
    ["https://n.example/a?x=1&y=2", "https://é.example/ö ü?q=ä#f", "http://n.example:80/%zz", "https://n.example/a|b^`{}",
     "https://user:pw@n.example/", "https://[::1]/a", "https://n.example/\u202e", 'https://n.example/"<>', "HTTPS://N.example"]
)  # fmt: skip
NAME = TEXT.filter(lambda text: bool(text.strip()))
TAG = st.sampled_from(
    ["p", "/p", "b", "/b", "div", "/div", "a href='/x'", "a href='https://é.example/ä?a=1&b=2'", "/a", "br", "ul", "li", "table", "td",
     "img src='https://n.example/i.jpg?a=1&b=<2>'", "img srcset='https://n.example/ü.jpg 2x, /b 3x' src=x", "iframe src='https://player.vimeo.com/video/1'",
     "iframe src='https://evil.example/'", "video poster='/p' src='https://n.example/v.mp4'", "blockquote cite='x y'", "p dir=rtl style='a'", "script",
     "!-- c --", "svg", "q cite='https://é.example/'", "time datetime='x'", "p title='<a&b>\u202e'", "object data=x", "form"]
)  # fmt: skip
HTML = st.lists(TAG.map(lambda tag: f"<{tag}>") | TEXT, max_size=15).map("".join)
ARTICLE = st.fixed_dictionaries(
    {
        "id": st.sampled_from(
            ["a", "tag:n.example,2026:1", "urn:uuid:7a0c7f0e-2f0b-5c6e-8a52-111111111111", "tag:x", "urn:{}", "tag:é"]
        ),
        "title": NAME,
    },
    optional={
        "url": URL,
        "summary": TEXT,
        "content_html": HTML,
        "language": st.sampled_from(["fr", "ar", "en_GB", "zh-Hant-TW", "sgn-BE-FR", "x-y"]),
        "authors": st.lists(
            st.fixed_dictionaries({"name": NAME}, optional={"url": URL, "email": st.just("a@n.example")}), max_size=2
        ),
        "sections": st.lists(NAME, max_size=2),
        "tags": st.lists(NAME, max_size=2),
        "source": st.fixed_dictionaries({"name": NAME}, optional={"url": URL}),
        "images": st.lists(st.fixed_dictionaries({"url": URL}, optional={"alt": TEXT, "credit": TEXT}), max_size=2),
        "enclosures": st.lists(
            st.fixed_dictionaries(
                {"url": URL, "type": st.sampled_from(["audio/mpeg", "video/mp4", "text/html; charset=utf-8"])}
            ),
            max_size=2,
        ),
        "rights": TEXT,
        "correction_note": TEXT,
        "published_at": st.sampled_from(
            ["2026-11-03T08:00:00Z", "2026-11-03T08:00:00.5+02:00", "2030-01-01T00:00:00Z"]
        ),
    },
)


def job_of(article: Article, entry_id: str, *, taken: str | None, off: frozenset[str]) -> SyndicateJob:
    said = enrich_article(article, timer=lambda: 0.0, off=off)
    state = ArticleState(newest=1)
    if taken is not None:
        state = ArticleState(
            newest=1,
            retracted=1,
            retraction_kind=RetractionKind(taken),
            retraction_reason="R & <r> \u202e",
            retracted_at=NOW,
        )
    return SyndicateJob(
        event=ThinEvent(event_id="e", article_id=article.id, revision=1, facts=1),
        type=EventType.PUBLISHED,
        version=1,
        state=state,
        shown=Shown(article, said, 1, 1, NOW),
        expired=False,
        first_published=article.published_at,
        first_accepted_at=NOW,
        feeds_ever=("all",) if taken else (),
        entry_id=entry_id,
        key="0" * 32,
        previous=None,
    )


def read(fields: dict[str, Any]) -> Article | None:
    found = read_event(json.dumps({"type": "article.published", "data": fields}).encode())
    if isinstance(found, Refusal):
        return None
    return arrived(found, NOW).article


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ARTICLE, st.sampled_from([None, None, "withdraw", "takedown"]), st.sampled_from([(), ("html_prepass",)]))
def test_whatever_is_accepted_renders_without_a_fault(
    fields: dict[str, Any], taken: str | None, off: tuple[str, ...]
) -> None:
    article = read(fields)
    if article is None:
        return
    job = job_of(article, minted(article.id, UUID(int=1)), taken=taken, off=frozenset(off))
    made = plan(job, base_url="https://n.example", publisher="Le Fil")
    assert made.entry is not None
    rendered = render([made.entry])[0]
    assert rendered.fault is None
    assert check_entry(rendered.fragments) == []
