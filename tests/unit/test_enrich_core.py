from dataclasses import replace
from itertools import count

import pytest

from schemas.article import Article
from schemas.enrichment import Enrichment
from services.enrich.core import Failed, StepFailed, enrich_article, enrich_batch
from services.enrich.draft import Draft
from services.enrich.steps import STEPS, Step

ENGLISH = "The ferry came back on Tuesday morning, the harbour office said. Many people had waited. It was full."


def enrich(**stated: object) -> Enrichment:
    return enrich_article(Article.model_validate({"id": "a-1", "title": "Ferry", **stated}), timer=lambda: 0.0)


def failing(draft: Draft) -> Draft:
    raise ValueError(f"cannot do {draft.article.id}")


def with_step(name: str, *, always_on: bool = False) -> dict[str, Step]:
    return {**STEPS, name: Step(name, 7, "fails", frozenset(), failing, always_on)}


def test_a_step_that_fails_is_skipped_and_says_why() -> None:
    article = Article(id="a-1", title="Ferry", content_text=ENGLISH)
    made = enrich_article(article, timer=lambda: 0.0, steps=with_step("language"))
    assert made.steps["language"].skipped == "ValueError: cannot do a-1"
    assert made.steps["language"].v == 7
    assert made.lang == "und"
    assert made.summary.startswith("The ferry came back")


def test_a_step_that_guards_readers_fails_the_article_and_no_neighbour() -> None:
    def picky(draft: Draft) -> Draft:
        return failing(draft) if draft.article.id == "bad" else STEPS["sanitize"].run(draft)

    steps = {**STEPS, "sanitize": STEPS["sanitize"]._replace(run=picky)}
    articles = [Article(id=name, title="T", content_text=ENGLISH) for name in ("a", "bad", "b")]
    with pytest.raises(StepFailed, match="sanitize: ValueError"):
        enrich_article(articles[1], timer=lambda: 0.0, steps=steps)
    first, second, third = enrich_batch(articles, timer=lambda: 0.0, steps=steps)
    assert isinstance(first, Enrichment)
    assert second == Failed("step failed", "sanitize: ValueError: cannot do bad")
    assert isinstance(third, Enrichment)


def test_each_step_costs_what_the_timer_says() -> None:
    ticks = count()
    made = enrich_article(Article(id="a", title="T"), timer=lambda: next(ticks) * 0.002)
    assert {run.ms for run in made.steps.values()} == {2.0}
    assert list(made.steps) == list(STEPS)


def test_a_new_step_slots_in_with_a_fact() -> None:
    def shout(draft: Draft) -> Draft:
        return replace(draft, facts={**draft.facts, "loud": draft.title.upper()})

    steps = {**STEPS, "loud": Step("loud", 1, "shouts", frozenset({"facts"}), shout)}
    assert enrich_article(Article(id="a", title="Ferry"), timer=lambda: 0.0, steps=steps).facts == {"loud": "FERRY"}


def test_dropped_characters_are_counted() -> None:
    made = enrich(title="Fer\x00ry", content_text=f"\u202e{ENGLISH}\ufffe")
    assert made.title == "Ferry"
    assert made.dropped_chars == 3


def test_a_supplied_summary_always_wins() -> None:
    made = enrich(summary="What the\npublisher said.", content_text=ENGLISH)
    assert (made.summary, made.summary_by) == ("What the publisher said.", "publisher")


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (ENGLISH, "The ferry came back on Tuesday morning, the harbour office said. Many people had waited."),
        (
            "PARIS (AFP) – " + ENGLISH,
            "The ferry came back on Tuesday morning, the harbour office said. Many people had waited.",
        ),
        (
            "NEW HAVEN, May 3 (Reuters) - It sailed at dawn today. Then it rained.",
            "It sailed at dawn today. Then it rained.",
        ),
        (
            "“Nobody told us to be quick,” said the pilot.\n\n" + ENGLISH,
            "The ferry came back on Tuesday morning, the harbour office said. Many people had waited.",
        ),
        (
            "By Nell Astley\n\n1 May 2026\n\n" + ENGLISH,
            "The ferry came back on Tuesday morning, the harbour office said. Many people had waited.",
        ),
        ("Only a headline", "Only a headline"),
        ("", ""),
        ("Word " * 100, "Word " * 62 + "Word…"),
        (f"{'Long ' * 40}end. {'Long ' * 40}end.", f"{'Long ' * 40}end."),
        ("今天下雨。明天晴。后天不知道。", "今天下雨。明天晴。"),
    ],
)
def test_the_lead(text: str, summary: str) -> None:
    made = enrich(content_text=text)
    assert made.summary == summary
    assert len(made.summary) <= 320


@pytest.mark.parametrize(
    ("lang", "words", "minutes"), [("en", 228, 1), ("en", 229, 2), ("de", 359, 3), ("xx", 200, 1), ("ar", 139, 2)]
)
def test_reading_minutes_round_up_at_the_speed_of_the_language(lang: str, words: int, minutes: int) -> None:
    made = enrich(language=lang, content_text="word " * words)
    assert (made.words, made.reading_minutes) == (words, minutes)


def test_chinese_is_read_by_characters() -> None:
    made = enrich(language="zh", content_text="今天下雨" * 64)
    assert (made.words, made.chars_cjk, made.reading_minutes) == (256, 256, 2)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("L'été à la Maison-Blanche : ß & Ø", "l-ete-a-la-maison-blanche-ss-o"),
        ("云桥市议会通过新规", "云桥市议会通过新规"),
        ("İstanbul’da", "istanbul-da"),
        ("!!!", "a-1"),
        ("word " * 30, "-".join(["word"] * 16)),
        ("x" * 79 + " yz", "x" * 79),
        ("字" * 100, "字" * 80),
    ],
)
def test_slug(title: str, slug: str) -> None:
    assert enrich(title=title).slug == slug


def test_the_address_without_tracking_and_its_key() -> None:
    made = enrich(url="https://www.n.example/s/?utm_source=x&id=4#top")
    assert (made.url, made.url_key) == ("https://www.n.example/s/?id=4", "n.example/s?id=4")
    assert enrich(canonical_url="https://n.example/c").url == "https://n.example/c"
    assert enrich().url is None


def test_stated_sections_win_over_found_ones() -> None:
    page = f"Harbour Courier\n\nWorld\n\nFerry\n\n{ENGLISH}\n\n{ENGLISH}"
    assert enrich(content_text=page).sections == ("World",)
    assert enrich(content_text=page, sections=["Ports"]).sections == ("Ports",)


def test_direction_follows_the_script() -> None:
    made = enrich(content_text="عادت العبارة صباح الثلاثاء بعد ثلاثة أيام من التوقف، حسب مكتب الميناء.")
    assert (made.lang, made.script, made.direction) == ("ar", "Arab", "rtl")


def test_a_long_live_blog_is_described_by_its_first_64_kb() -> None:
    long = "".join(f"<p>{ENGLISH}</p>" for _ in range(4_500))
    made = enrich(content_html=long)
    assert len(made.body_html) > 400_000
    assert 10_000 < made.words < 13_000
    assert made.lang == "en"
    assert [run.skipped for run in made.steps.values() if run.skipped] == []
