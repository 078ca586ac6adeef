"""Who gets an event, why, and in which bytes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.article import Article, Author, RetractionKind, Source
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.jobs import OWED_EARLIER, FanOutJob, Owed
from schemas.lifecycle import ArticleState
from schemas.subscription import BodyFormat, Filter
from services.deliver.core import plan_fan_out
from services.deliver.matching import query_of
from services.deliver.targets import Target, TargetIndex
from services.filters import subject_of

NOW = datetime(2026, 3, 4, 12, 0, 0, 123_456, tzinfo=UTC)
ARTICLE = Article(
    id="a-1",
    revision=2,
    title="Grève à la SNCF",
    url="https://news.example/1?utm_source=x",
    summary="Le trafic.",
    content_html="<p>x<script>alert(1)</script></p>",
    authors=(Author(name="Zoë Müller"),),
    sections=("Actualités", "Économie"),
    tags=("SNCF", "政治"),
    source=Source(name="L'Agence"),
    language="fr-CA",
)
CLEAN = Enrichment(
    title="Grève à la SNCF",
    body_html="<p>x</p>",
    summary="Le trafic.",
    sections=("Actualités", "Économie"),
    lang="fr-CA",
    words=1,
    url="https://news.example/1",
)


def job(type_: EventType = EventType.PUBLISHED, **changes: Any) -> FanOutJob:
    base = FanOutJob(
        event=ThinEvent(event_id="e-1", article_id="a-1", revision=2, facts=1),
        type=type_,
        state=ArticleState(newest=2),
        article=ARTICLE,
        enrichment=CLEAN,
        owed=frozenset(),
        ever_shown=True,
        accepted_at=NOW,
        occurred_at=None,
        uri="urn:uuid:1",
    )
    return base._replace(**changes)


def target(name: str, form: BodyFormat = BodyFormat.FULL, **wanted: tuple[str, ...]) -> Target:
    return Target(name, f"of-{name}", form, query_of(Filter.model_validate(wanted)))


def retraction(kind: RetractionKind = RetractionKind.WITHDRAW, **changes: Any) -> FanOutJob:
    state = ArticleState(newest=2, retracted=2, retraction_kind=kind, retraction_reason="wrong person")
    return job(EventType.RETRACTED, state=state, **changes)


def bodies(event: FanOutJob, *targets: Target, sequence: int = 7) -> dict[str, dict[str, Any]]:
    plan = plan_fan_out(event, TargetIndex(targets))
    made: dict[str, dict[str, Any]] = {}
    for owed in plan.owed:
        head, tail = plan.envelope(owed, sequence)
        made[owed.endpoint_id] = json.loads(head if tail is None else head + plan.payload + tail)
    return made


# --- matching


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({}, ("all",)),
        ({"section": ("actualites",)}, ("section:actualites",)),
        ({"section": ("Actualités",)}, ("section:actualites",)),
        ({"section": ("ACTUALITES", "sport", "économie")}, ("section:actualites", "section:economie")),
        ({"tag": ("政治",)}, ("tag:政治",)),
        ({"author": ("zoe muller",)}, ("author:zoe-muller",)),
        ({"source": ("l-agence",)}, ("source:l-agence",)),
        ({"language": ("fr",)}, ("language:fr",)),
        ({"language": ("FR_ca", "de")}, ("language:fr-ca",)),
        ({"section": ("actualites",), "language": ("fr",)}, ("section:actualites", "language:fr")),
        ({"section": ("sport",)}, None),
        ({"language": ("f",)}, None),
        ({"language": ("fr-FR",)}, None),
        ({"section": ("actualites",), "tag": ("sport",)}, None),
        ({"section": ("actualites",), "language": ("de",)}, None),
        ({"section": ("!!!",)}, None),
    ],
)
def test_a_filter_says_why_it_matches(wanted: dict[str, tuple[str, ...]], why: tuple[str, ...] | None) -> None:
    assert query_of(Filter.model_validate(wanted)).test(subject_of(ARTICLE, CLEAN)) == why


def test_a_source_that_only_enrichment_found_counts() -> None:
    bare = ARTICLE.model_copy(update={"source": None})
    subject = subject_of(bare, CLEAN.model_copy(update={"site": "Le Journal"}))
    assert query_of(Filter(source=("le-journal",))).test(subject) == ("source:le-journal",)


# --- who


def owed_to(event: FanOutJob, *targets: Target) -> dict[str, tuple[str, ...]]:
    return {owed.endpoint_id: owed.matched for owed in plan_fan_out(event, TargetIndex(targets)).owed}


FR, SPORT = target("fr", language=("fr",)), target("sport", section=("sport",))


def test_content_goes_to_whoever_wants_it() -> None:
    assert owed_to(job(), FR, SPORT, target("all")) == {"fr": ("language:fr",), "all": ("all",)}


def test_a_correction_also_goes_to_whoever_was_owed_an_earlier_revision() -> None:
    event = job(EventType.UPDATED, owed=frozenset({"sport", "fr", "deleted"}))
    assert owed_to(event, FR, SPORT) == {"fr": ("language:fr",), "sport": (OWED_EARLIER,)}


def test_a_retraction_goes_to_whoever_was_owed_or_wants_it() -> None:
    event = retraction(owed=frozenset({"sport"}))
    assert owed_to(event, FR, SPORT, target("de", language=("de",))) == {
        "fr": ("language:fr",),
        "sport": (OWED_EARLIER,),
    }


def test_the_retraction_of_an_unknown_article_goes_to_whoever_was_owed() -> None:
    event = retraction(article=None, enrichment=None, owed=frozenset({"sport"}))
    assert owed_to(event, FR, SPORT) == {"sport": (OWED_EARLIER,)}


def test_the_retraction_of_what_was_only_ever_embargoed_goes_to_nobody() -> None:
    plan = plan_fan_out(retraction(ever_shown=False), TargetIndex([FR, target("all")]))
    assert (list(plan.owed), plan.superseded) == ([], False)


@pytest.mark.parametrize(
    "state",
    [
        ArticleState(newest=2, retracted=2),
        ArticleState(newest=2, retracted=9),
        ArticleState(newest=9, retracted=1),  # a higher revision without reinstate does not bring it back
        ArticleState(newest=9, retracted=3, reinstated=9),  # back, but this revision was taken back
    ],
)
def test_content_that_was_taken_back_is_superseded(state: ArticleState) -> None:
    plan = plan_fan_out(job(state=state, owed=frozenset({"fr"})), TargetIndex([FR]))
    assert (list(plan.owed), plan.superseded) == ([], True)


def test_a_reinstated_revision_is_delivered() -> None:
    event = job(EventType.UPDATED, state=ArticleState(newest=2, retracted=1, reinstated=2))
    assert owed_to(event, FR) == {"fr": ("language:fr",)}


@pytest.mark.parametrize("type_", [EventType.EXPIRED, EventType.UPDATED])
def test_facts_alone_notify_nobody(type_: EventType) -> None:
    later = ThinEvent(event_id="e-2", article_id="a-1", revision=2, facts=2)
    plan = plan_fan_out(job(type_, event=later, owed=frozenset({"fr"})), TargetIndex([FR]))
    assert (list(plan.owed), plan.superseded) == ([], False)


def test_an_expiry_notifies_nobody() -> None:
    assert owed_to(job(EventType.EXPIRED, owed=frozenset({"fr"})), FR) == {}


# --- bytes


def test_the_full_body_carries_the_enriched_article() -> None:
    body = bodies(job(), FR)["fr"]
    assert list(body) == ["type", "timestamp", "data"]
    assert body["type"] == "article.published"
    assert body["timestamp"] == "2026-03-04T12:00:00.123Z"
    data = body["data"]
    assert list(data) == ["id", "uri", "revision", "sequence", "article", "feeds", "matched"]
    assert (data["id"], data["revision"], data["sequence"]) == ("a-1", 2, 7)
    assert data["matched"] == ["language:fr"]
    assert data["feeds"] == [
        "all",
        "lang/fr",
        "section/actualites",
        "section/economie",
        "tag/sncf",
        "tag/政治",
        "author/zoe-muller",
        "source/l-agence",
    ]
    article = data["article"]
    assert article["title"] == "Grève à la SNCF"
    assert article["content_html"] == "<p>x</p>"
    assert article["url"] == "https://news.example/1"
    assert article["language"] == "fr-CA"
    assert article["words"] == 1
    assert article["authors"] == [{"name": "Zoë Müller", "url": None, "email": None}]
    assert "embargo_until" not in article


def test_what_nobody_stated_is_marked_and_not_invented() -> None:
    said = Enrichment(title="T", summary_by="publisher")
    body = bodies(job(article=Article(id="a-1", title="T"), enrichment=said), target("any"))["any"]["data"]["article"]
    assert (body["published_at"], body["published_by"]) == (None, "arrival")
    assert (body["summary"], body["summary_by"]) == (None, None)
    stated = Article.model_validate({"id": "a-1", "title": "T", "published_at": "2026-03-01T00:00:00Z"})
    body = bodies(job(article=stated, enrichment=said), target("any"))["any"]["data"]["article"]
    assert (body["published_at"], body["published_by"]) == ("2026-03-01T00:00:00Z", "publisher")


def test_the_thin_body_carries_ids_title_and_link_only() -> None:
    made = bodies(job(), target("thin", BodyFormat.THIN), FR)
    assert made["thin"]["data"] == {
        "id": "a-1",
        "uri": "urn:uuid:1",
        "revision": 2,
        "sequence": 7,
        "article": {"id": "a-1", "title": "Grève à la SNCF", "url": "https://news.example/1"},
        "matched": ["all"],
    }
    assert "content_html" in made["fr"]["data"]["article"]


def test_the_article_part_is_rendered_once_and_shared() -> None:
    plan = plan_fan_out(job(), TargetIndex([FR, target("all")]))
    heads = [plan.envelope(owed, 1) for owed in plan.owed]
    assert b"Gr\xc3\xa8ve" in plan.payload
    assert not any(b"Gr\xc3\xa8ve" in head + (tail or b"") for head, tail in heads)


def test_an_endpoint_that_the_store_adds_gets_its_own_form() -> None:
    plan = plan_fan_out(job(), TargetIndex([target("thin", BodyFormat.THIN, section=("sport",)), FR]))
    late = Owed("thin", "of-thin", (OWED_EARLIER,))
    head, tail = plan.envelope(late, 3)
    assert tail is None
    assert json.loads(head)["data"]["matched"] == [OWED_EARLIER]


@pytest.mark.parametrize("form", list(BodyFormat))
def test_a_withdrawal_leaves_the_headline_and_no_content(form: BodyFormat) -> None:
    body = bodies(retraction(), target("t", form))["t"]
    assert body["type"] == "article.retracted"
    assert body["data"] == {
        "id": "a-1",
        "uri": "urn:uuid:1",
        "revision": 2,
        "sequence": 7,
        "kind": "withdraw",
        "reason": "wrong person",
        "title": "Grève à la SNCF",
        "url": "https://news.example/1",
        "matched": ["all"],
    }


@pytest.mark.parametrize("form", list(BodyFormat))
def test_a_takedown_leaves_not_even_the_headline(form: BodyFormat) -> None:
    body = bodies(retraction(RetractionKind.TAKEDOWN), target("t", form))["t"]
    assert body["data"] == {
        "id": "a-1",
        "uri": "urn:uuid:1",
        "revision": 2,
        "sequence": 7,
        "kind": "takedown",
        "reason": "wrong person",
        "matched": ["all"],
    }


def test_the_timestamp_is_the_events_own() -> None:
    happened = NOW - timedelta(days=1)
    assert bodies(job(occurred_at=happened), FR)["fr"]["timestamp"] == "2026-03-03T12:00:00.123Z"


def test_a_released_embargo_is_a_publication_at_its_instant() -> None:
    until = NOW + timedelta(hours=6)
    embargoed = ARTICLE.model_copy(update={"embargo_until": until})
    body = bodies(job(article=embargoed), FR)["fr"]
    assert (body["type"], body["timestamp"]) == ("article.published", "2026-03-04T18:00:00.123Z")


def test_an_article_without_facts_still_has_a_body() -> None:
    body = bodies(job(enrichment=None), target("all"))["all"]
    assert body["data"]["article"]["title"] == "Grève à la SNCF"
