"""Submissions for tests, made the way producers make them: as JSON."""

import json
from typing import Any

from schemas.article import RetractionKind
from schemas.lifecycle import Submission
from schemas.refusal import Refusal
from services.ingest.core import read_event


def submitted(event: dict[str, Any]) -> Submission:
    """What ingest makes of it; it must be accepted."""
    read = read_event(json.dumps(event).encode())
    assert not isinstance(read, Refusal), read.text()
    return read


def content(title: str, revision: int | None = None, *, article_id: str = "x", reinstate: bool = False) -> Submission:
    """An article with this title."""
    return submitted({"id": article_id, "title": title, "revision": revision, "reinstate": reinstate})


def retraction(
    revision: int | None = None,
    kind: RetractionKind = RetractionKind.WITHDRAW,
    *,
    article_id: str = "x",
    reason: str | None = None,
) -> Submission:
    """A retraction."""
    said = {"id": article_id, "revision": revision, "kind": kind, "reason": reason}
    return submitted({"type": "article.retracted", "time": "2024-05-01T10:00:00Z", "data": said})
