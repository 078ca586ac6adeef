"""The lifecycle, rule by rule."""

from collections.abc import Sequence

import pytest

from schemas.article import RetractionKind
from schemas.event import EventType
from schemas.lifecycle import ArticleState, Decision, Submission
from schemas.refusal import Refusal
from services.ingest.core import decide, read_event
from tests.unit.events import content, retraction


class Told:
    """One article as a store would keep it."""

    def __init__(self) -> None:
        self.state = ArticleState()
        self.hashes: dict[int, str] = {}

    def tell(self, submission: Submission) -> Decision:
        stated = submission.stated_revision
        decision = decide(self.state, submission, None if stated is None else self.hashes.get(stated))
        if decision.outcome in {"repeat", "conflict"}:
            assert decision.state == self.state
        elif submission.article is not None:
            self.hashes.setdefault(decision.revision, submission.content_hash)
        self.state = decision.state
        return decision


def outcomes(events: Sequence[Submission]) -> list[tuple[str, int, str]]:
    told = Told()
    return [(one.outcome, one.revision, one.type.rpartition(".")[2]) for one in map(told.tell, events)]


T = True


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([content("a")], [("accepted", 1, "published")]),
        ([content("a"), content("a")], [("accepted", 1, "published"), ("repeat", 1, "published")]),
        ([content("a"), content("b")], [("accepted", 1, "published"), ("accepted", 2, "updated")]),
        ([content("a"), content("b"), content("a")][1:], [("accepted", 1, "published"), ("accepted", 2, "updated")]),
        ([content("a", 5), content("b")], [("accepted", 5, "published"), ("accepted", 6, "updated")]),
        ([content("a", 5), content("a", 5)], [("accepted", 5, "published"), ("repeat", 5, "published")]),
        ([content("a", 5), content("b", 5)], [("accepted", 5, "published"), ("conflict", 5, "published")]),
        ([content("a", 5), content("b", 3)], [("accepted", 5, "published"), ("stale", 3, "published")]),
        ([content("a", 5), content("a", 7)], [("accepted", 5, "published"), ("accepted", 7, "updated")]),
        ([retraction(), content("a")], [("accepted", 1, "retracted"), ("accepted", 2, "published")]),
        ([retraction(5), content("a", 5)], [("accepted", 5, "retracted"), ("stale", 5, "published")]),
        (
            [content("a"), retraction(), retraction()],
            [("accepted", 1, "published"), ("accepted", 2, "retracted"), ("repeat", 2, "retracted")],
        ),
        (
            [content("a"), retraction(), content("a")],
            [("accepted", 1, "published"), ("accepted", 2, "retracted"), ("repeat", 1, "published")],
        ),
        (
            [content("a"), retraction(), content("a", reinstate=T)],
            [("accepted", 1, "published"), ("accepted", 2, "retracted"), ("accepted", 3, "published")],
        ),
        (
            [content("a", reinstate=T), content("a", reinstate=T)],
            [("accepted", 1, "published"), ("repeat", 1, "published")],
        ),
        ([content("a", 1), content("a", 1, reinstate=T)], [("accepted", 1, "published"), ("accepted", 1, "published")]),
        (
            [content("a", 1), retraction(3), content("b", 2, reinstate=T)],
            [("accepted", 1, "published"), ("accepted", 3, "retracted"), ("stale", 2, "updated")],
        ),
        ([retraction(4), retraction(4)], [("accepted", 4, "retracted"), ("repeat", 4, "retracted")]),
        ([retraction(4), retraction(2)], [("accepted", 4, "retracted"), ("stale", 2, "retracted")]),
        (
            [retraction(4), retraction(4, RetractionKind.TAKEDOWN)],
            [("accepted", 4, "retracted"), ("accepted", 4, "retracted")],
        ),
        (
            [retraction(4, RetractionKind.TAKEDOWN), retraction(4)],
            [("accepted", 4, "retracted"), ("stale", 4, "retracted")],
        ),
        ([content("a", 9, reinstate=T), retraction(4)], [("accepted", 9, "published"), ("stale", 4, "retracted")]),
    ],
)
def test_what_becomes_of_each_event(events: list[Submission], expected: list[tuple[str, int, str]]) -> None:
    assert outcomes(events) == expected


@pytest.mark.parametrize(
    ("events", "retracted"),
    [
        ([content("a", 1), retraction(1)], True),
        ([retraction(1), content("a", 1)], True),
        ([retraction(1), content("b", 2)], True),
        ([retraction(1), content("b", 2, reinstate=T)], False),
        ([content("b", 2, reinstate=T), retraction(1)], False),
        ([content("b", 2, reinstate=T), retraction(2)], True),
        ([content("b", 2, reinstate=T), retraction()], True),
        ([retraction(), content("b", reinstate=T)], False),
        ([retraction(), content("b", reinstate=T), retraction(), content("b")], True),
    ],
)
def test_a_retraction_wins_until_a_higher_revision_reinstates(events: list[Submission], *, retracted: bool) -> None:
    told = Told()
    for event in events:
        told.tell(event)
    assert told.state.is_retracted is retracted


def test_a_takedown_and_then_the_greater_reason_win_a_tie() -> None:
    told = Told()
    for reason in ("b", "c", "a"):
        told.tell(retraction(3, reason=reason))
    assert (told.state.retraction_kind, told.state.retraction_reason) == (RetractionKind.WITHDRAW, "c")
    told.tell(retraction(3, RetractionKind.TAKEDOWN, reason="a"))
    assert (told.state.retraction_kind, told.state.retraction_reason) == (RetractionKind.TAKEDOWN, "a")


def test_a_stated_update_of_an_unknown_article_stays_an_update() -> None:
    read = read_event(b'{"type":"article.updated","data":{"id":"a","title":"t"}}')
    assert not isinstance(read, Refusal)
    assert decide(ArticleState(), read, None).type is EventType.UPDATED
