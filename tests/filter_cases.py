"""Hypothesis strategies for filters and for what they ask, out of one small world, so that they meet."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from services.filters import Subject
from services.filters.fields import HAS, term
from services.filters.nodes import Everything, Node, every, negate, some

NAMES = ("world", "work", "actualités", "RIA Novosti", "政治", "x")
LANGUAGES = ("fr", "fr-CA", "pt", "pt-BR", "zh-Hans-CN", "und")
WORDS = ("climate", "clima", "summit", "l'eau", "état", "東京都", "京都", "서울에서", "a", "1,541", "น้ำท่วม")
IDS = ("a-1", "urn:x:1", "b*")
DAY = datetime(2026, 1, 1, tzinfo=UTC)

instants = st.integers(-800, 800).map(lambda days: DAY + timedelta(days=days, hours=days % 24))
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)


def _some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


_slugs = ("world", "work", "actualites", "ria-novosti", "政治", "x")
subjects = st.builds(
    Subject,
    id=st.sampled_from(IDS),
    section=_some(_slugs),
    tag=_some(_slugs),
    language=st.sampled_from(LANGUAGES).map(str.lower),
    source=_some(_slugs),
    author=_some(_slugs),
    has=_some(HAS),
    title=texts,
    summary=texts,
    body_html=texts.map(lambda text: f"<p>{text}</p>"),
    published=st.none() | instants,
    updated=st.none() | instants,
    urgency=st.none() | st.integers(1, 9),
    words=st.integers(0, 5_000),
)


def _dates() -> st.SearchStrategy[str]:
    return instants.flatmap(
        lambda at: st.sampled_from((f"{at:%Y}", f"{at:%Y-%m}", f"{at:%Y-%m-%d}", f"{at:%Y-%m-%dT%H:%MZ}"))
    )


def _spans(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signed = st.tuples(st.sampled_from(("", ">=", "<=")), values).map("".join)
    return signed | values.map("{}..".format) | values.map("..{}".format)


terms = st.one_of(
    st.tuples(st.sampled_from(("section", "tag", "source", "author")), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("language"), st.sampled_from(LANGUAGES), st.just(False)),  # noqa: FBT003
    st.tuples(st.sampled_from(("text", "title")), st.sampled_from(WORDS), st.booleans()),
    st.tuples(
        st.sampled_from(("text", "title")),
        st.sampled_from(("climate summit", "état l'eau", "東京", "cli", "都")),
        st.booleans(),
    ),
    st.tuples(st.just("has"), st.sampled_from(HAS), st.just(False)),  # noqa: FBT003
    st.tuples(st.just("id"), st.sampled_from((*IDS, "urn:")), st.booleans()),
    st.tuples(st.sampled_from(("published", "updated")), _spans(_dates()), st.just(False)),  # noqa: FBT003
    st.tuples(st.just("urgency"), _spans(st.integers(1, 8).map(str)), st.just(False)),  # noqa: FBT003
    st.tuples(st.just("words"), _spans(st.integers(1, 5_000).map(str)), st.just(False)),  # noqa: FBT003
).map(lambda made: term(made[0], made[1], prefix=made[2]))

nodes: st.SearchStrategy[Node] = st.recursive(
    st.just(Everything()) | terms,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=4).map(every),
        st.lists(parts, min_size=1, max_size=4).map(some),
        parts.map(negate),
    ),
    max_leaves=12,
)
