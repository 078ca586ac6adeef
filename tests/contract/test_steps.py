"""What every step of enrichment promises. A new step inherits these by its line in STEPS."""

from dataclasses import fields, replace

import pytest

from schemas.article import Article
from services.enrich.core import enrich_article
from services.enrich.draft import Draft
from services.enrich.steps import ALWAYS_ON, STEPS, Step

TEXT = (
    "The ferry came back on Tuesday morning after three days, the harbour office said. Many people had waited.\n\n"
    "What comes next\n\n"
    "A second ship is being painted, and will follow in the spring if the weather allows it, according to the plan."
)
ARTICLES = {
    "text": Article(
        id="a-1", title="Ferry returns\x00", content_text=TEXT, url="https://n.example/s?utm_source=x&id=4"
    ),
    "html": Article(
        id="a-2",
        title="Le bac revient",
        content_html='<p onclick="x()">Le bac a repris mardi matin, dit la mairie.</p><img src="/p.jpg"><script>x()</script>',
        url="https://n.example/s",
        summary="Le bac est là.",
        language="fr",
        sections=("Transports",),
    ),
    "headline alone": Article(id="a-3", title="Ferry"),
    "nothing to hold on to": Article(id="…", title="…", content_text=" \n ", canonical_url="ftp://x"),
    "right to left": Article(id="a-5", title="العبارة تعود", content_text="عادت العبارة صباح الثلاثاء بعد ثلاثة أيام."),
    "too deep": Article(id="a-6", title="Deep", content_html="<div>" * 500 + "words in the depth"),
}
every_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
every_article = pytest.mark.parametrize("article", ARTICLES.values(), ids=ARTICLES)


def ran(article: Article, until: Step) -> Draft:
    draft = Draft(article=article)
    for step in STEPS.values():
        if step is until:
            break
        draft = step.run(draft)
    return draft


@every_step
@every_article
def test_it_sets_its_own_fields_only_and_mutates_nothing(step: Step, article: Article) -> None:
    before = ran(article, step)
    copy, said = replace(before), article.model_dump_json()
    after = step.run(before)
    changed = {field.name for field in fields(Draft) if getattr(after, field.name) != getattr(before, field.name)}
    assert changed <= step.writes
    assert before == copy
    assert article.model_dump_json() == said


@every_step
@every_article
def test_it_gives_the_same_answer_again(step: Step, article: Article) -> None:
    before = ran(article, step)
    once = step.run(before)
    assert step.run(before) == once
    assert step.run(once) == once


def test_no_two_steps_write_one_field_and_every_field_has_its_step() -> None:
    written = [name for step in STEPS.values() for name in step.writes]
    assert len(written) == len(set(written))
    assert set(written) == {field.name for field in fields(Draft)} - {"article", "facts"}


@every_step
def test_it_says_what_it_is(step: Step) -> None:
    assert STEPS[step.name] is step
    assert step.version >= 1
    assert step.says


@every_step
@every_article
def test_it_can_be_off_and_the_others_do_without_it(step: Step, article: Article) -> None:
    made = enrich_article(article, off=frozenset({step.name}), timer=lambda: 0.0)
    assert (step.name in made.steps) is step.always_on
    assert [run.skipped for run in made.steps.values() if run.skipped] == []
    assert "<script" not in made.body_html


def test_what_guards_readers_cannot_be_off() -> None:
    assert {"clean_text", "sanitize"} == ALWAYS_ON


def test_with_all_steps_off_an_article_still_has_its_words() -> None:
    made = enrich_article(ARTICLES["text"], off=frozenset(STEPS), timer=lambda: 0.0)
    assert made.title == "Ferry returns"
    assert made.body_html.startswith("<p>The ferry came back")
    assert set(made.steps) == ALWAYS_ON
