"""slug: the headline as it can stand in an address. Unicode stays; a transliterated one nobody can read."""

from dataclasses import replace

from schemas.feed import slug as spelled
from services.enrich.draft import Draft
from services.enrich.steps.step import Step

LONGEST = 80  # characters


def run(draft: Draft) -> Draft:
    """Spell the title; a title without letters or digits leaves it to the article's id."""
    return replace(draft, slug=shortened(spelled(draft.title)) or shortened(spelled(draft.article.id)))


def shortened(slug: str) -> str:
    """Cut at a word; one that is all one word, as in Chinese, at a character."""
    if len(slug) <= LONGEST:
        return slug
    cut = slug[:LONGEST] if slug[LONGEST] == "-" else slug[:LONGEST].rpartition("-")[0]
    return (cut if len(cut) > LONGEST // 4 else slug[:LONGEST]).rstrip("-")


STEP = Step(
    name="slug",
    version=1,
    says="the headline for addresses: letters and digits of any script, hyphens, at most 80 characters",
    writes=frozenset({"slug"}),
    run=run,
)
