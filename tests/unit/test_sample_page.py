"""The shared sample page, where it lies beside the repository. Its text is not ours to copy."""

import re
from pathlib import Path

import pytest

from schemas.article import Article
from schemas.enrichment import Enrichment
from services.enrich.core import enrich_article
from services.ingest.formats.page import read_page_text
from services.text.markup import Block, blocks_of

SAMPLE = Path(__file__).parents[3] / "shared" / "samples" / "news-page-fr.txt"
if not SAMPLE.exists():
    pytest.skip("the sample page is not here", allow_module_level=True)
PAGE = SAMPLE.read_text("utf-8")
NAVIGATION = "Retour aux actualités »"


def enriched(page: str) -> Enrichment:
    return enrich_article(Article.model_validate(read_page_text(page)), timer=lambda: 0.0)


def blocks(made: Enrichment) -> list[Block]:
    return blocks_of(made.body_html)


def test_headline_site_and_section() -> None:
    made = enriched(PAGE)
    assert made.title.startswith(
        "Nous ne pouvons pas faire de compromis, et nous ne le ferons pas. Qu'ont dit les États-Unis"
    )
    assert made.title.endswith("à la Russie\u00a0?")
    assert (made.site, made.sections) == ("Bbabo NET", ("Actualités",))


def test_language() -> None:
    made = enriched(PAGE)
    assert (made.lang, made.script, made.direction) == ("fr", "Latn", "ltr")
    assert made.lang_p > 0.99


def test_24_blocks_with_2_subheads_in_their_places() -> None:
    found = blocks(enriched(PAGE))
    assert [block.kind for block in found].count("p") == 22
    assert [(place, block.text) for place, block in enumerate(found) if block.kind == "h2"] == [
        (11, "Ce que les États-Unis ont proposé"),
        (20, "Ce que l'OTAN a proposé"),
    ]
    assert len(found) == 24
    assert found[0].text.startswith("Les États-Unis et l'OTAN ont refusé")
    assert found[-1].text.endswith("en Europe de l'Est.")


def test_navigation_and_the_repeated_headline_are_gone_and_noted() -> None:
    made = enriched(PAGE)
    assert made.removed == (NAVIGATION, made.title)
    assert not any(gone in made.body_html for gone in made.removed)


def test_one_lost_space_is_given_back_and_nothing_else_changes() -> None:
    given = [line for line in PAGE.split("\n") if line.strip() and not line.startswith("Retour aux")][3:-1]
    found = [block.text for block in blocks(enriched(PAGE))]
    changed = [(before, after) for before, after in zip(given, found, strict=True) if before != after]
    assert len(changed) == 1
    before, after = changed[0]
    assert before.replace('"proportionnellement".La principale', '"proportionnellement". La principale') == after


def test_counts() -> None:
    made = enriched(PAGE)
    assert abs(made.words - 1_077) <= 15
    assert made.reading_minutes == 6
    assert abs(made.sentences - 40) <= 2


def test_summary_and_slug() -> None:
    made = enriched(PAGE)
    assert made.summary.startswith("Les États-Unis et l'OTAN ont refusé")
    assert made.summary.endswith("avec Moscou.")
    assert len(made.summary) == 303
    assert made.slug == "nous-ne-pouvons-pas-faire-de-compromis-et-nous-ne-le-ferons-pas-qu-ont-dit-les"


def test_nothing_is_invented() -> None:
    fields = read_page_text(PAGE)
    assert set(fields) == {"id", "title", "content_text", "sections", "source"}


@pytest.mark.parametrize(
    "page",
    [re.sub(r"\n+", "\n", PAGE), PAGE.replace(f"{NAVIGATION}\n\n", ""), PAGE.replace("\n", "\r\n"), f"\ufeff{PAGE}"],
    ids=["single line ends", "no navigation", "CRLF", "byte order mark"],
)
def test_the_same_comes_out(page: str) -> None:
    ours, first = enriched(page), enriched(PAGE)
    alike = {"title", "body_html", "summary", "site", "sections", "lang", "words", "sentences", "slug"}
    assert ours.model_dump(include=alike) == first.model_dump(include=alike)


def test_a_second_run_changes_nothing() -> None:
    first = enriched(PAGE)
    again = enrich_article(Article(id="x", title=first.title, content_html=first.body_html), timer=lambda: 0.0)
    alike = {"title", "body_html", "summary", "lang", "words", "reading_minutes", "sentences", "slug"}
    assert again.model_dump(include=alike) == first.model_dump(include=alike)
