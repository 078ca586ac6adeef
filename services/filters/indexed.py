"""A subject as the search index keeps it: small enough to ask 100,000 of them in a second or two. Pure.

entry ─▶ subject ─▶ index ─▶ (facets, words) in SQL ─▶ recall ─▶ the same subject, without its text
                             └▶ evaluate: which of many match a filter, and why; for the process pool
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from schemas.jobs import Indexed
from services.filters.nodes import Why, every
from services.filters.query import Query, parse
from services.filters.subject import GAP, Subject

LONGEST: Final = 200
"""Characters of a word that are kept: PostgreSQL takes no lexeme of 2 KB, and nobody types one."""

MOST: Final = 600_000
"""Bytes of words that are kept: PostgreSQL's tsvector ends at 1 MB."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TOO_LONG = re.compile(f"([^{GAP}]{{{LONGEST}}})[^{GAP}]+")


def index(subject: Subject) -> Indexed:
    """Read a subject for the index; its words are found here, once."""
    title_line = _bounded(subject.title_line)
    words = _bounded(subject.text_line)
    facets = [
        subject.id,
        subject.section,
        subject.tag,
        subject.language,
        subject.source,
        subject.author,
        subject.has,
        subject.title,
        len(title_line),
        _count(subject.published),
        _count(subject.updated),
        subject.urgency,
        subject.words,
    ]
    return Indexed(orjson.dumps(facets), words)


def recall(facets: bytes, words: str) -> Subject:
    """Give the subject back. With "" for the words it may be asked for anything but words."""
    known: list[Any] = orjson.loads(facets)
    article_id, section, tag, language, source, author, has, title, cut, published, updated, urgency, length = known
    subject = Subject(
        id=article_id,
        section=tuple(section),
        tag=tuple(tag),
        language=language,
        source=tuple(source),
        author=tuple(author),
        has=tuple(has),
        title=title,
        published=_instant(published),
        updated=_instant(updated),
        urgency=urgency,
        words=length,
    )
    vars(subject).update(title_line=words[:cut], text_line=words)  # what is cached there is not read from the text
    return subject


def narrowed(line: str, bound: str | None) -> Query:
    """Read a filter that lets through no more than `bound` does. None: no bound. Raises FilterError."""
    query = parse(line)
    return query if bound is None else Query(every((query.root, parse(bound).root)))


def evaluate(query: Query, rows: Sequence[tuple[bytes, str]]) -> list[Why]:
    """Ask a filter of each row: why it matches, or None."""
    return [query.test(_once(recall(facets, words))) for facets, words in rows]


class _Line:
    """Words as a line of them: to look for one or two costs a hundredth of making a set of all."""

    def __init__(self, line: str) -> None:
        self._line = line

    def __contains__(self, word: str) -> bool:
        return f"{GAP}{word}{GAP}" in self._line


def _once(subject: Subject) -> Subject:
    """Make it ready for a single filter."""
    vars(subject).update(title_words=_Line(subject.title_line), text_words=_Line(subject.text_line))
    return subject


def _bounded(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    line = _TOO_LONG.sub(r"\1", line)
    if len(line) * 4 <= MOST or len(raw := line.encode("utf-8", "replace")) <= MOST:
        return line
    cut = raw[:MOST].decode("utf-8", "ignore")
    return cut[: cut.rindex(GAP) + 1]


def _count(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _instant(count: int | None) -> datetime | None:
    return None if count is None else _EPOCH + timedelta(microseconds=count)
