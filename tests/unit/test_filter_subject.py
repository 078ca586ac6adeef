"""What filters ask of an article: the same from the article and from its entry in feeds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.article import Article
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.jobs import Shown, SyndicateJob
from schemas.lifecycle import ArticleState
from services.filters import parse, subject_of, subject_of_entry
from services.filters.subject import GAP, text_of
from services.syndicate.core import plan

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
STATED: dict[str, Any] = {
    "id": "urn:x:1",
    "title": "Grève à la SNCF",
    "url": "https://news.example/1",
    "authors": [{"name": "Zoë Müller"}],
    "sections": ["Actualités", "Actualites"],
    "tags": ["SNCF", "政治"],
    "source": {"name": "L'Agence"},
    "published_at": "2026-03-04T08:00:00.5Z",
    "updated_at": "2026-03-04T09:00:00Z",
    "urgency": 3,
    "correction_note": "Le jour.",
    "images": [{"url": "https://news.example/i.jpg"}],
    "enclosures": [{"url": "https://news.example/a.mp3", "type": "audio/mpeg"}],
}
SAID = Enrichment(
    title="Grève à la SNCF",
    body_html="<p>Le <b>trafic</b>.</p>",
    summary="Reprise.",
    sections=("Actualités",),
    lang="fr_CA",
    words=2,
)


def _entry(article: Article, said: Enrichment) -> Any:
    shown = Shown(article, said, 1, 1, NOW)
    first = article.published_at
    job = SyndicateJob(
        event=ThinEvent(event_id="e", article_id=article.id, revision=1, facts=1),
        type=EventType.PUBLISHED,
        version=1,
        state=ArticleState(newest=1),
        shown=shown,
        expired=False,
        first_published=first,
        first_accepted_at=NOW,
        feeds_ever=(),
        entry_id="tag:x",
        key="0" * 32,
        previous=None,
    )
    entry = plan(job, base_url="https://news.example", publisher="N").entry
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"published_at": None, "updated_at": None},
        {"published_at": NOW + timedelta(days=1)},  # ahead: when it came counts
        {"embargo_until": NOW + timedelta(hours=2)},
        {"embargo_until": NOW + timedelta(hours=2), "published_at": None, "updated_at": NOW + timedelta(hours=1)},
        {"updated_at": NOW + timedelta(days=1)},
        {"updated_at": datetime(2026, 1, 1, tzinfo=UTC)},  # before it was published
        {"source": None, "authors": [], "images": [], "enclosures": [], "correction_note": None, "urgency": None},
    ],
)
def test_article_and_entry_give_the_same_subject(changes: dict[str, Any]) -> None:
    article = Article.model_validate(STATED | changes)
    said = SAID.model_copy(update={"site": "Le Journal"})
    assert subject_of(article, said, NOW) == subject_of_entry(_entry(article, said))


def test_what_a_subject_says() -> None:
    subject = subject_of(Article.model_validate(STATED), SAID, NOW)
    assert (subject.section, subject.tag, subject.source) == (("actualites",), ("sncf", "政治"), ("l-agence",))
    assert (subject.author, subject.language, subject.has) == (
        ("zoe-muller",),
        "fr-ca",
        ("image", "audio", "enclosure", "correction"),
    )
    assert subject.published == datetime(2026, 3, 4, 8, tzinfo=UTC)
    assert subject.title_words >= {"greve", "a", "la", "sncf"}
    assert subject.text_line == GAP.join(["", "greve", "a", "la", "sncf", "", "reprise", "", "le", "trafic", ""])


def test_an_article_without_facts_is_read_as_it_came() -> None:
    article = Article.model_validate(
        STATED | {"content_html": "<p>Un <script>alert(1)</script>mot &amp; <b>un</b>e</p>", "language": "fr"}
    )
    subject = subject_of(article, None)
    assert {"un", "mot", "une"} <= subject.text_words
    assert not {"alert", "script", "amp", "p"} & subject.text_words
    assert parse("lang:fr published:2026-03-04").test(subject) is not None


def test_blocks_part_words_and_inline_marks_join_them() -> None:
    text = text_of(
        '<h2>Un</h2><p>deux<br>trois <b>qua</b>tre</p><ul><li>cinq</li><li>six</li></ul><img alt="a &gt; b">sept'
    )
    assert text.split() == ["Un", "deux", "trois", "quatre", "cinq", "six", "sept"]
