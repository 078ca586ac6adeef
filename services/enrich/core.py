"""Decide what to say about each article. Pure: no clock, no network, no database.

    Article ─▶ Draft ─▶ every step that is on, in order ─▶ Enrichment

The same article always gives the same enrichment, but for the milliseconds in `steps`. A second run over
what the first one made changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from schemas.article import Article
from schemas.enrichment import Enrichment, StepRun
from services.enrich.draft import Draft
from services.enrich.steps import STEPS, Step

Timer = Callable[[], float]
"""Seconds of CPU so far. An argument, as nothing here may read a clock."""


class Failed(NamedTuple):
    """An article that cannot be enriched, as a step that cannot be off failed on it. A retry does not help."""

    cause: str
    detail: str


class StepFailed(Exception):  # noqa: N818 - named after what happened
    """A step that is always on raised."""


def enrich_article(
    article: Article, *, off: frozenset[str] = frozenset(), timer: Timer, steps: Mapping[str, Step] = STEPS
) -> Enrichment:
    """Run every step that is not in `off`. A step that raises is skipped, and `steps` says why.

    Raises StepFailed if it is one that cannot be off.
    """
    draft = Draft(article=article)
    runs: dict[str, StepRun] = {}
    for name, step in steps.items():
        if name in off and not step.always_on:
            continue
        begun = timer()
        skipped = None
        try:
            draft = step.run(draft)
        except Exception as error:
            if step.always_on:
                raise StepFailed(f"{name}: {_said(error)}") from error
            skipped = _said(error)
        runs[name] = StepRun(v=step.version, ms=round((timer() - begun) * 1_000, 3), skipped=skipped)
    return _enrichment(draft, runs)


def enrich_batch(
    articles: Sequence[Article], *, off: frozenset[str] = frozenset(), timer: Timer, steps: Mapping[str, Step] = STEPS
) -> list[Enrichment | Failed]:
    """Enrich each by itself, in order; one that fails holds back no neighbour."""
    done: list[Enrichment | Failed] = []
    for article in articles:
        try:
            done.append(enrich_article(article, off=off, timer=timer, steps=steps))
        except StepFailed as error:
            done.append(Failed("step failed", str(error)))
    return done


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _enrichment(draft: Draft, runs: dict[str, StepRun]) -> Enrichment:
    stated = draft.article.sections
    return Enrichment(
        title=draft.title,
        body_html=draft.body_html,
        summary=draft.summary,
        summary_by=draft.summary_by,
        site=draft.site,
        sections=stated or ((draft.section,) if draft.section else ()),
        lang=draft.lang,
        lang_p=draft.lang_p,
        script=draft.script,
        direction=draft.direction,
        words=draft.words,
        chars_cjk=draft.chars_cjk,
        reading_minutes=draft.reading_minutes,
        sentences=sum(len(group) for group in draft.sentences),
        slug=draft.slug,
        url=draft.url,
        url_key=draft.url_key,
        removed=draft.removed,
        dropped_chars=sum(draft.dropped.values()),
        facts=dict(draft.facts),
        steps=runs,
    )
