"""render: blocks of text into HTML, every character escaped."""

from dataclasses import replace

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.markup import to_html


def run(draft: Draft) -> Draft:
    """Write what `structure` found. Without it, sanitize makes plain paragraphs."""
    return draft if draft.parts is None else replace(draft, rendered_html=to_html(draft.parts))


STEP = Step(
    name="render",
    version=1,
    says="paragraphs, subheads and lists as HTML",
    writes=frozenset({"rendered_html"}),
    run=run,
)
