"""language: which one, in which script, written in which direction."""

from dataclasses import replace

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.language import judge


def run(draft: Draft) -> Draft:
    """Judge title and body; a declared language is a prior (see `services.text.language.judge`)."""
    found = judge(draft.title, draft.text, draft.article.language)
    return replace(draft, lang=found.lang, lang_p=found.p, script=found.script, direction=found.direction)


STEP = Step(
    name="language",
    version=1,
    says="language with its probability, script, direction; a declared one stays unless the body clearly differs",
    writes=frozenset({"lang", "lang_p", "script", "direction"}),
    run=run,
)
