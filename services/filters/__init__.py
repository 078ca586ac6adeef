"""The filter language: which articles a feed or an endpoint wants, as a line that a person can type. Pure.

    line | JSON ─▶ parse | from_json ─▶ Query ─┬▶ test(Subject) ─▶ why it matches, or None
    article | entry ─▶ subject_of ─▶ Subject ──┴▶ FilterIndex.match ─▶ every filter that matches, and why

docs/filters.md is the reference.
"""

from services.filters.errors import FilterError
from services.filters.index import FilterIndex
from services.filters.query import ALL, Query, from_json, parse
from services.filters.subject import Subject, subject_of, subject_of_entry

__all__ = [
    "ALL",
    "FilterError",
    "FilterIndex",
    "Query",
    "Subject",
    "from_json",
    "parse",
    "subject_of",
    "subject_of_entry",
]
