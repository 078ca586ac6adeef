"""sentences: where they end, paragraph by paragraph."""

from dataclasses import replace

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.sentences import split


def run(draft: Draft) -> Draft:
    """Split the paragraphs up to the cap on text. Subheads, lists and captions are no sentences."""
    left = len(draft.text)
    found: list[tuple[str, ...]] = []
    for block in draft.blocks:
        if left <= 0:
            break
        if block.kind == "p":
            found.append(tuple(split(block.text[:left], draft.lang)))
        left -= len(block.text) + 1
    return replace(draft, sentences=tuple(found))


STEP = Step(
    name="sentences",
    version=1,
    says="sentences of each paragraph, aware of abbreviations, initials and ordinals",
    writes=frozenset({"sentences"}),
    run=run,
)
