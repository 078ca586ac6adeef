"""structure: flat text into paragraphs, subheads and lists; navigation and repeated headlines go, and are noted."""

from dataclasses import replace

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.pages import read_flat_page


def run(draft: Draft) -> Draft:
    """Read the text of an article that came without HTML."""
    if draft.stated_html is not None or not draft.stated_text:
        return draft
    page = read_flat_page(draft.stated_text, draft.title)
    return replace(draft, site=page.site, section=page.section, parts=page.blocks, removed=page.removed)


STEP = Step(
    name="structure",
    version=1,
    says="flat text: site, section, paragraphs, subheads, lists; drops navigation and the repeated headline",
    writes=frozenset({"site", "section", "parts", "removed"}),
    run=run,
)
