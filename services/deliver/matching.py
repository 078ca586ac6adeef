"""Which articles an endpoint's filter wants, and why. Pure.

Values are compared by slug, languages by prefix: `pt` wants `pt-BR`, `pt-BR` does not want `pt`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from schemas.article import Article
from schemas.enrichment import Enrichment
from schemas.feed import slug
from schemas.subscription import Filter

ALL = ("all",)


class Facets(NamedTuple):
    """What filters ask of an article: slugs, in the order of the article; the language in lower case."""

    section: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    language: str = "und"
    source: tuple[str, ...] = ()
    author: tuple[str, ...] = ()


Wants = Callable[[Facets], tuple[str, ...] | None]
"""Returns why an article is wanted (`section:actualites`; `all` for an empty filter), or None: it is not."""


def facets_of(article: Article, enrichment: Enrichment | None) -> Facets:
    """Read an article once for all filters. What enrichment found counts like what was stated."""
    sections = enrichment.sections if enrichment is not None and enrichment.sections else article.sections
    site = enrichment.site if enrichment is not None else None
    source = article.source.name if article.source is not None else site
    lang = enrichment.lang if enrichment is not None else article.language or "und"
    return Facets(
        section=_slugs(sections),
        tag=_slugs(article.tags),
        language=lang.replace("_", "-").lower(),
        source=_slugs((source,) if source else ()),
        author=_slugs(tuple(author.name for author in article.authors)),
    )


def compile_filter(wanted: Filter) -> Wants:
    """Prepare a filter: every stated field must match, any one of its values does."""
    fields = (("section", wanted.section), ("tag", wanted.tag), ("source", wanted.source), ("author", wanted.author))
    return _compile(fields, wanted.language)


@lru_cache(maxsize=65_536)
def _compile(fields: tuple[tuple[str, tuple[str, ...]], ...], spoken: tuple[str, ...]) -> Wants:
    named = [(field, frozenset(map(slug, values))) for field, values in fields if values]
    languages = tuple(value.replace("_", "-").lower() for value in spoken)
    if not named and not languages:
        return lambda _facets: ALL

    def test(facets: Facets) -> tuple[str, ...] | None:
        why: list[str] = []
        for field, slugs in named:
            found = [f"{field}:{value}" for value in getattr(facets, field) if value in slugs]
            if not found:
                return None
            why += found
        if languages:
            found = [f"language:{lang}" for lang in languages if f"{facets.language}-".startswith(f"{lang}-")]
            if not found:
                return None
            why += found
        return tuple(why)

    return test


def _slugs(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for name in names if (found := slug(name))))
