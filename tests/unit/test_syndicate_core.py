"""What feeds carry of an article, decided from one snapshot of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.article import Article, RetractionKind
from schemas.automatic import automatic_feeds, feed_ref, feed_slug
from schemas.enrichment import Enrichment
from schemas.event import EventType, ThinEvent
from schemas.feed import Entry
from schemas.jobs import Shown, SyndicateJob, SyndicatePlan
from schemas.lifecycle import ArticleState
from services.syndicate.core import address, plan
from services.syndicate.formats import FORMATS

T0 = datetime(2026, 11, 3, 8, 15, 0, 250_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def shown(*, revision: int = 1, at: datetime = T0, article: dict[str, Any] | None = None, **said: Any) -> Shown:
    content = Article.model_validate({"id": "x", "title": "Title", **(article or {})})
    made = Enrichment.model_validate({"title": content.title, "body_html": "<p>Body</p>", "lang": "fr", **said})
    return Shown(content, made, revision, 1, at)


def job(view: Shown | None, **more: Any) -> SyndicateJob:
    given: dict[str, Any] = {
        "event": ThinEvent(event_id="e1", article_id="x", revision=1, facts=1),
        "type": EventType.PUBLISHED,
        "version": 3,
        "state": ArticleState(newest=1),
        "shown": view,
        "expired": False,
        "first_published": view.article.published_at if view is not None else None,
        "first_accepted_at": T0,
        "feeds_ever": (),
        "entry_id": "urn:uuid:1",
        "key": "0" * 32,
        "previous": None,
    }
    return SyndicateJob(**{**given, **more})


def planned(view: Shown | None, **more: Any) -> SyndicatePlan:
    return plan(job(view, **more), base_url="https://news.example", publisher="Le Fil")


def entry(view: Shown | None, **more: Any) -> Entry:
    made = planned(view, **more).entry
    assert made is not None
    return made


def names(made: SyndicatePlan) -> list[str]:
    return [ref.name for ref in made.feeds]


RETRACTED = ArticleState(
    newest=1,
    retracted=1,
    retraction_kind=RetractionKind.WITHDRAW,
    retraction_reason="Wrong.",
    retracted_at=T0 + 5 * MINUTE,
)


def test_an_article_belongs_to_the_feeds_that_follow_from_it() -> None:
    article = {
        "sections": ["Actualités", "actualites"],
        "tags": ["政治", "★"],
        "authors": [{"name": "Zoé Ørsted"}],
        "source": {"name": "AFP"},
    }
    made = planned(shown(article=article, lang="pt-BR"))
    assert names(made) == [
        "all",
        "lang/pt",
        "section/actualites",
        "tag/政治",
        "author/zoe-orsted",
        "source/afp",
    ]
    assert made.feeds[2].title == "Actualités"
    assert made.feeds[1].lang == "pt"


def test_what_enrichment_found_counts_like_what_was_stated() -> None:
    found = automatic_feeds(Article(id="x", title="T"), Enrichment(title="T", sections=("Monde",), site="Le Fil"))
    assert [ref.name for ref in found] == ["all", "section/monde", "source/le-fil"]


@pytest.mark.parametrize("name", ["★", "Archive", "", "..."])
def test_a_name_without_letters_and_a_reserved_word_make_no_feed(name: str) -> None:
    assert feed_slug(name) == ""


def test_a_feeds_name_fits_into_its_messages() -> None:
    assert len(f"section/{feed_slug('ﬃ' * 300)}") <= 300


@pytest.mark.parametrize(
    ("name", "kind", "lang"),
    [("all", "all", None), ("tag/x", "tag", None), ("lang/fr", "lang", "fr"), ("morning", "saved", None)],
)
def test_a_feed_is_described_by_its_name_alone(name: str, kind: str, lang: str | None) -> None:
    ref = feed_ref(name)
    assert (ref.name, ref.kind, ref.lang) == (name, kind, lang)


def test_a_correction_reaches_every_feed_that_ever_carried_the_article() -> None:
    moved = planned(shown(article={"sections": ["Sport"]}), feeds_ever=("all", "section/monde"))
    assert sorted(names(moved)) == ["all", "lang/fr", "section/monde", "section/sport"]


def test_nothing_is_planned_before_anything_may_be_seen() -> None:
    made = planned(None)
    assert (made.entry, made.feeds) == (None, ())


def test_published_is_as_stated() -> None:
    stated = T0 - timedelta(days=3)
    assert entry(shown(article={"published_at": stated})).published == whole(stated)


def test_published_is_the_arrival_where_none_was_stated_or_it_lies_ahead() -> None:
    assert entry(shown()).published == whole(T0)
    ahead = shown(article={"published_at": T0 + MINUTE})
    assert entry(ahead).published == whole(T0)


def test_a_time_that_stands_in_is_marked_for_as_long_as_it_does() -> None:
    assert entry(shown(article={"published_at": T0 - MINUTE})).published_by == "publisher"
    first = entry(shown())
    assert first.published_by == "arrival"
    late = shown(revision=2, article={"published_at": T0 - MINUTE})
    assert entry(late, previous=first, first_published=T0 - MINUTE).published_by == "arrival"
    assert entry(shown(), previous=first, state=RETRACTED, feeds_ever=("all",)).published_by == "arrival"


def test_published_is_the_end_of_the_embargo_where_none_was_stated() -> None:
    free = T0 + timedelta(days=1)
    made = entry(shown(article={"embargo_until": free}))
    assert (made.published, made.updated) == (whole(free), whole(free))


def test_updated_is_not_before_the_end_of_the_embargo() -> None:
    free = T0 + timedelta(days=1)
    stated = shown(article={"embargo_until": free, "published_at": T0 - MINUTE})
    assert (entry(stated).published, entry(stated).updated) == (whole(T0 - MINUTE), whole(free))
    correction = shown(revision=2, at=T0 + MINUTE, article={"embargo_until": free, "title": "New"})
    assert entry(correction, previous=entry(shown())).updated == whole(free)


def test_published_never_changes() -> None:
    first = entry(shown(article={"published_at": T0 - MINUTE}))
    again = shown(revision=2, article={"published_at": T0 - timedelta(days=9), "title": "New"})
    second = entry(again, previous=first, first_published=again.article.published_at)
    assert second.published == first.published


@pytest.mark.parametrize(
    ("change", "said"),
    [({"title": "Other"}, {}), ({}, {"body_html": "<p>Other</p>"}), ({"correction_note": "It was 40."}, {})],
)
def test_updated_moves_with_headline_body_and_correction(change: dict[str, Any], said: dict[str, Any]) -> None:
    first = entry(shown())
    later = T0 + 5 * MINUTE
    assert entry(shown(revision=2, at=later, article=change, **said), previous=first).updated == whole(later)


@pytest.mark.parametrize(
    ("change", "said"), [({"tags": ["x"]}, {}), ({"urgency": 2}, {}), ({}, {"summary": "S"}), ({}, {"words": 9})]
)
def test_updated_stays_where_nothing_significant_changed(change: dict[str, Any], said: dict[str, Any]) -> None:
    first = entry(shown())
    assert entry(shown(revision=2, at=T0 + MINUTE, article=change, **said), previous=first).updated == first.updated


def test_updated_is_as_stated_unless_that_lies_ahead_or_before_the_last_change() -> None:
    first = entry(shown())
    for stated, expected in (
        (T0 + 2 * MINUTE, T0 + 2 * MINUTE),
        (T0 + 9 * MINUTE, T0 + 5 * MINUTE),
        (T0 - 9 * MINUTE, T0 + 5 * MINUTE),
    ):
        change = shown(revision=2, at=T0 + 5 * MINUTE, article={"title": "New", "updated_at": stated})
        assert entry(change, previous=first).updated == whole(expected)


def test_updated_is_never_before_published() -> None:
    made = entry(shown(article={"updated_at": T0 - timedelta(days=2)}))
    assert made.updated == made.published


def test_a_retraction_leaves_a_stub_wherever_the_article_was() -> None:
    first = entry(shown())
    made = planned(shown(), state=RETRACTED, previous=first, feeds_ever=("all", "tag/x"))
    assert made.entry is not None
    assert names(made) == ["all", "tag/x"]
    assert (made.entry.state, made.entry.title, made.entry.reason) == ("withdrawn", "Title", "Wrong.")
    assert (made.entry.content_html, made.entry.id, made.entry.published) == ("", first.id, first.published)
    assert made.entry.gone_at == made.entry.updated == whole(T0 + 5 * MINUTE)
    assert not made.left


def test_a_takedown_keeps_no_headline_and_no_link() -> None:
    view = shown(article={"url": "https://news.example/the-headline"})
    state = RETRACTED.model_copy(update={"retraction_kind": RetractionKind.TAKEDOWN})
    stub = entry(view, state=state, previous=entry(view), feeds_ever=("all",))
    assert "headline" not in stub.model_dump_json().lower()
    assert "Title" not in stub.model_dump_json()


@pytest.mark.parametrize("name", ["rss", "atom", "json"])
def test_a_story_without_a_link_is_opened_on_its_page_here(name: str) -> None:
    """Readers make nothing of an item that leads nowhere; a page that is not public is no place to lead to."""
    here = f"https://news.example/articles/{'0' * 32}".encode()
    there = shown(article={"url": "https://news.example/story"})

    def said(view: Shown, *, has_pages: bool) -> bytes:
        made = plan(job(view), base_url="https://news.example", publisher="Le Fil", has_pages=has_pages).entry
        assert made is not None
        return FORMATS[name].entry(made) or b""

    assert here in said(shown(), has_pages=True)
    assert b"https://news.example/articles" not in said(shown(), has_pages=False)
    assert here not in said(there, has_pages=True)
    assert b"https://news.example/story" in said(there, has_pages=True)


def test_a_page_here_is_no_change_of_a_story() -> None:
    """Rule 14: entries from before pages were named keep their `updated`."""
    before = entry(shown()).model_copy(update={"page": None})
    assert entry(shown(revision=2, at=T0 + MINUTE), previous=before).updated == before.updated


def test_a_retraction_that_overtook_its_article_makes_nothing_known() -> None:
    made = planned(shown(), state=RETRACTED)
    assert (made.entry, made.feeds) == (None, ())


def test_a_tombstone_is_never_dated_before_what_it_buries() -> None:
    first = entry(shown()).model_copy(update={"updated": T0 + timedelta(hours=1)})
    assert entry(shown(), state=RETRACTED, previous=first, feeds_ever=("all",)).gone_at == T0 + timedelta(hours=1)


def test_a_reinstated_article_is_an_update_under_its_old_date() -> None:
    first = entry(shown())
    stub = entry(shown(), state=RETRACTED, previous=first, feeds_ever=("all",))
    state = RETRACTED.model_copy(update={"newest": 2, "reinstated": 2})
    back = entry(shown(revision=2, at=T0 + 9 * MINUTE), state=state, previous=stub, feeds_ever=("all",))
    assert (back.state, back.published, back.updated) == ("published", first.published, whole(T0 + 9 * MINUTE))


def test_an_expired_article_leaves_a_dated_entry_without_content() -> None:
    view = shown(article={"expires_at": T0 + MINUTE})
    gone = entry(view, expired=True, previous=entry(view), feeds_ever=("all",))
    assert (gone.state, gone.gone_at, gone.content_html) == ("expired", whole(T0 + MINUTE), "")
    assert planned(view, expired=True).entry is None


def test_the_same_snapshot_gives_the_same_plan() -> None:
    assert planned(shown()) == planned(shown())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/a", "https://example.com/a"),
        ("https://bücher.example/straße?q=ü", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%BC"),
        ("https://example.com/a b", "https://example.com/a%20b"),
        ("/relative", None),
        ("javascript:alert(1)", None),
        ("https://[bad/", None),
        (None, None),
    ],
)
def test_addresses_are_absolute_and_ascii(url: str | None, expected: str | None) -> None:
    assert address(url) == expected


def test_pictures_without_an_absolute_address_are_left_out() -> None:
    article = {"images": [{"url": "/i.jpg"}, {"url": "https://news.example/é.jpg"}]}
    assert [image.url for image in entry(shown(article=article)).images] == ["https://news.example/%C3%A9.jpg"]
