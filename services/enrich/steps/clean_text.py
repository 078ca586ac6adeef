"""clean_text: every text NFC and XML-safe. Cannot be off: one bad character would break a whole feed."""

from collections import Counter
from dataclasses import replace

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.characters import Form, clean


def run(draft: Draft) -> Draft:
    """Clean title, summary and body; count what was taken out, by kind."""
    article = draft.article
    dropped: Counter[str] = Counter()

    def cleaned(text: str, form: Form) -> str:
        result = clean(text, form)
        dropped.update(result.dropped)
        return result.text

    return replace(
        draft,
        title=cleaned(article.title, "title"),
        stated_summary=cleaned(article.summary or "", "title"),
        stated_text=None if article.content_text is None else cleaned(article.content_text, "text"),
        stated_html=None if article.content_html is None else cleaned(article.content_html, "html"),
        dropped=dict(dropped),
    )


STEP = Step(
    name="clean_text",
    version=1,
    says="NFC and XML-safe text; what was taken out is counted",
    writes=frozenset({"title", "stated_summary", "stated_text", "stated_html", "dropped"}),
    run=run,
    always_on=True,
)
