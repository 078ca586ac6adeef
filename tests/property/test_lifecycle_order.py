"""P2: events that state their revision end in the same state in whatever order, and however often, they come."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from schemas.article import RetractionKind
from schemas.lifecycle import ArticleState, Submission
from services.ingest.core import decide
from tests.unit.events import content, retraction

REVISIONS = st.integers(1, 6)
CONTENTS = st.builds(
    lambda revision, reinstate: content(f"text of {revision}", revision, reinstate=reinstate), REVISIONS, st.booleans()
)
RETRACTIONS = st.builds(
    lambda revision, kind, reason: retraction(revision, kind, reason=reason),
    REVISIONS,
    st.sampled_from(RetractionKind),
    st.sampled_from([None, "error", "court order"]),
)
EVENTS = st.lists(CONTENTS | RETRACTIONS, min_size=1, max_size=8)


def end_of(events: Sequence[Submission]) -> tuple[ArticleState, dict[int, str]]:
    state, kept = ArticleState(), dict[int, str]()
    for event in events:
        stated = event.stated_revision
        assert stated is not None
        decision = decide(state, event, kept.get(stated) if event.article else None)
        assert decision.outcome != "conflict"
        assert decision.revision == stated
        if decision.outcome == "repeat":
            assert decision.state == state
        elif event.article:
            kept[stated] = event.content_hash
        state = decision.state
    return state, kept


@given(EVENTS, st.data())
def test_any_order_and_repetition_ends_in_the_same_state(events: list[Submission], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = data.draw(st.permutations([*events, *again]))
    assert end_of(shuffled) == end_of(events)


@given(EVENTS)
def test_the_end_is_what_the_highest_numbers_say(events: list[Submission]) -> None:
    state, kept = end_of(events)
    contents = [event for event in events if event.article]
    taken = [event.retraction for event in events if event.retraction]
    assert state.newest == max((event.stated_revision or 0 for event in contents), default=0)
    assert state.newest_hash == kept.get(state.newest)
    assert state.retracted == max((each.revision or 0 for each in taken), default=0)
    back = max((event.stated_revision or 0 for event in contents if event.reinstate), default=0)
    assert state.is_retracted is (bool(taken) and back <= state.retracted)
    strongest = max(
        (each for each in taken),
        key=lambda each: (each.revision or 0, each.kind is RetractionKind.TAKEDOWN, each.reason or ""),
        default=None,
    )
    assert (state.retraction_kind, state.retraction_reason) == (
        (strongest.kind, strongest.reason) if strongest else (None, None)
    )


class InOrderOfArrival(RuleBasedStateMachine):
    """Events with and without revisions, against the rules told in numbers: nothing ever shrinks."""

    events: Bundle[Submission] = Bundle("events")

    def __init__(self) -> None:
        super().__init__()
        self.state = ArticleState()
        self.before = self.state
        self.kept: dict[int, str] = {}

    @rule(target=events, title=st.sampled_from("ab"), revision=st.none() | REVISIONS, reinstate=st.booleans())
    def publish(self, title: str, revision: int | None, *, reinstate: bool) -> Submission:
        return self.tell(content(title, revision, reinstate=reinstate))

    @rule(target=events, revision=st.none() | REVISIONS, kind=st.sampled_from(RetractionKind))
    def retract(self, revision: int | None, kind: RetractionKind) -> Submission:
        event = self.tell(retraction(revision, kind))
        if revision is None:
            assert self.state.is_retracted
            assert self.state.retraction_kind is kind
        return event

    @rule(event=events)
    def repeat_the_last_kind(self, event: Submission) -> None:
        self.tell(event)

    def tell(self, event: Submission) -> Submission:
        stated = event.stated_revision
        kept = self.kept.get(stated) if stated is not None and event.article else None
        decision = decide(self.state, event, kept)
        if decision.outcome in {"repeat", "conflict"}:
            assert decision.state == self.state
        elif event.article:
            assert self.kept.setdefault(decision.revision, event.content_hash) == event.content_hash
        if stated is None and decision.outcome != "repeat":
            assert decision.revision > max(self.state.newest, self.state.retracted, self.state.reinstated)
        self.before, self.state = self.state, decision.state
        return event

    @invariant()
    def numbers_only_grow(self) -> None:
        assert self.state.newest >= self.before.newest
        assert self.state.retracted >= self.before.retracted
        assert self.state.reinstated >= self.before.reinstated
        assert self.state.newest == max(self.kept, default=0)


TestInOrderOfArrival = InOrderOfArrival.TestCase
