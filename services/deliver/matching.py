"""An endpoint's filter as a query of the filter language. Pure.

Lists of values are the older form and stay valid as they are: a value without letter or digit matches nothing,
where the language would refuse it.
"""

from functools import lru_cache

from schemas.feed import slug
from schemas.subscription import Filter
from services.filters import Query, parse
from services.filters.nodes import Everything, NameField, Node, OneOf, Speaks, every, negate

_NEVER = negate(Everything())


def query_of(wanted: Filter) -> Query:
    """Prepare a filter: of lists every stated field must match, any one of its values does.

    Raises FilterError for a line that `services.filters` never read.
    """
    if wanted.line is not None:
        return parse(wanted.line)
    return _of_lists(wanted.section, wanted.tag, wanted.source, wanted.author, wanted.language)


@lru_cache(maxsize=4_096)
def _of_lists(*lists: tuple[str, ...]) -> Query:
    section, tag, source, author, language = lists
    parts = [_named("section", section), _named("tag", tag), _named("source", source), _named("author", author)]
    if language:
        parts.append(Speaks(tuple(value.replace("_", "-").lower() for value in language)))
    return Query(every(parts))


def _named(field: NameField, values: tuple[str, ...]) -> Node:
    if not values:
        return Everything()
    slugs = tuple(dict.fromkeys(found for value in values if (found := slug(value))))
    return OneOf(field, slugs) if slugs else _NEVER
