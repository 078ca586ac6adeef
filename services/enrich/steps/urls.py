"""urls: the story's address to publish, and the key to compare it by."""

from dataclasses import replace

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.addresses import comparable, publishable


def run(draft: Draft) -> Draft:
    """Take the stated address, else the canonical one. An article without a link gets none."""
    url = publishable(draft.article.url or "") or publishable(draft.article.canonical_url or "")
    return draft if url is None else replace(draft, url=url, url_key=comparable(url))


STEP = Step(
    name="urls",
    version=1,
    says="the address without tracking, and its key without scheme, www and order of parameters",
    writes=frozenset({"url", "url_key"}),
    run=run,
)
