"""The steps of enrichment, in order. To add one: a file with its `STEP`, one line here, the inherited tests.

    article ─▶ clean_text ─▶ structure ─▶ render | html_prepass ─▶ sanitize ─▶ urls ─▶ language ─▶ counts
            ─▶ sentences ─▶ summary ─▶ slug ─▶ enrichment

A step is pure: it reads the draft and returns a copy with its own fields set (`writes`). A step that is
switched off, or raises, leaves them as they were; what it needs of an earlier step that is off it does
without. `sanitize` is the last that writes HTML.
"""

from types import MappingProxyType

from services.enrich.steps import (
    clean_text,
    counts,
    html_prepass,
    language,
    render,
    sanitize,
    sentences,
    slug,
    structure,
    summary,
    urls,
)
from services.enrich.steps.step import Step

__all__ = ["ALWAYS_ON", "STEPS", "Step"]

STEPS = MappingProxyType(
    {
        step.name: step
        for step in (
            clean_text.STEP,
            structure.STEP,
            render.STEP,
            html_prepass.STEP,
            sanitize.STEP,
            urls.STEP,
            language.STEP,
            counts.STEP,
            sentences.STEP,
            summary.STEP,
            slug.STEP,
        )
    }
)
"""Every step by name, in the order in which they run."""

ALWAYS_ON = frozenset(name for name, step in STEPS.items() if step.always_on)
