"""The filter language for generated filters and articles: forms, index and hostile lines."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.feed import slug
from services.filters import FilterError, FilterIndex, Query, Subject, from_json, parse
from services.filters.nodes import Node
from services.text.words import phrase, words
from tests.filter_cases import nodes, subjects


@given(nodes)
def test_line_and_json_read_back_as_the_same_filter(node: Node) -> None:
    query = Query(node)
    assert parse(str(query)) == query
    assert str(parse(str(query))) == str(query)
    assert from_json(query.to_json()) == query


@given(nodes, nodes, subjects)
def test_the_connectives_mean_what_they_say(one: Node, other: Node, subject: Subject) -> None:
    def holds(node: Node) -> bool:
        return Query(node).test(subject) is not None

    def line(text: str) -> bool:
        return parse(text).test(subject) is not None

    first, second = str(Query(one)) or "*", str(Query(other)) or "*"
    assert line(f"({first}) ({second})") == line(f"({first}) AND ({second})") == (holds(one) and holds(other))
    assert line(f"({first}) OR ({second})") == (holds(one) or holds(other))
    assert line(f"-({first})") == line(f"NOT ({first})") == (not holds(one))


_changes = st.lists(st.tuples(st.integers(0, 30), st.none() | nodes), max_size=10)


@settings(max_examples=300)
@given(st.lists(nodes, max_size=30), _changes, st.lists(subjects, min_size=1, max_size=4))
def test_the_index_finds_what_trying_every_filter_finds(
    asked: list[Node], changes: list[tuple[int, Node | None]], articles: list[Subject]
) -> None:
    index = FilterIndex[int]()
    kept: dict[int, Query] = {}
    for n, node in [*enumerate(asked), *changes]:
        if node is None:
            index.remove(n)
            kept.pop(n, None)
        else:
            kept[n] = Query(node)
            index.put(n, kept[n])
    assert len(index) == len(kept)
    for article in articles:
        by_hand = {n: why for n, query in kept.items() if (why := query.test(article)) is not None}
        assert index.match(article) == by_hand
    for n in kept:
        index.remove(n)
    assert (len(index), index.match(articles[0]), index._files, index._lengths) == (0, {}, {}, {})


@given(
    st.text(
        alphabet=st.sampled_from(list('ab"()*:-<>=.,\\ \n\tORANDsection:language:published:20261zé政“（ק')), max_size=60
    )
)
def test_any_line_is_read_or_refused_with_a_place_in_it(line: str) -> None:
    refused: FilterError | None = None
    try:
        query = parse(line)
    except FilterError as error:
        refused = error
    else:
        assert parse(str(query)) == query
        query.test(Subject())
    assert refused is None or (refused.column is not None and 1 <= refused.column <= len(line) + 1)
    assert refused is None or "^" in refused.pointed()


@given(st.text(max_size=40))
def test_any_text_in_quotes_is_found_in_itself(text: str) -> None:
    said = phrase(text)
    if not said.words:
        return
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    for mark in "“”„＂":
        quoted = quoted.replace(mark, f"\\{mark}")
    query = parse(f'"{quoted}"')
    assert query.test(Subject(title=text)) is not None
    assert query.test(Subject(summary=f"before {text} after")) is not None


@given(st.text(max_size=40))
def test_words_are_bare_and_of_one_form(text: str) -> None:
    for word in words(text):
        assert word
        assert word.split() == [word]
        assert not set(word) & set(":*/\x1f")
    assert words(text.upper().lower()) is not None
    assert slug(slug(text)) == slug(text)
