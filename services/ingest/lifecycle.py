"""What a submission does to an article: the lifecycle rules. Pure.

Every number in `ArticleState` only grows, and what stands beside a number (hash, kind, reason) belongs to
the highest one. So events that state their revision end in the same state in whatever order, and however
often, they come. Events without a revision mean "whatever comes next" and depend on the order of arrival.
"""

from schemas.article import Article, Retraction, RetractionKind
from schemas.event import EventType
from schemas.lifecycle import ArticleState, Decision, Submission


def decide(state: ArticleState, submission: Submission, stored_hash: str | None) -> Decision:
    """Judge one submission against what is known of its article.

    `stored_hash` is the content hash already kept for the stated revision (None: none, or none stated).
    A repeat or a conflict leaves the state as it is; on all else `Decision.state` is what to keep.
    """
    if submission.retraction is not None:
        return _retract(state, submission, submission.retraction)
    assert submission.article is not None, "a submission carries an article or a retraction"
    return _publish(state, submission, submission.article, stored_hash)


def _publish(state: ArticleState, submission: Submission, article: Article, stored_hash: str | None) -> Decision:
    same = submission.content_hash
    if article.revision is None:
        if state.newest and same == state.newest_hash and not (submission.reinstate and state.is_retracted):
            return _nothing(state, "repeat", state.newest, submission)
        revision = _highest(state) + 1
    else:
        revision = article.revision
        if stored_hash is not None and stored_hash != same:
            return _nothing(state, "conflict", revision, submission)
        # The same content may come again to reinstate; ignoring it would make the end depend on the order.
        if stored_hash == same and not (submission.reinstate and revision > state.reinstated):
            return _nothing(state, "repeat", revision, submission)
    after = state.model_copy(
        update={
            "newest": max(state.newest, revision),
            "newest_hash": same if revision > state.newest else state.newest_hash,
            "reinstated": max(state.reinstated, revision) if submission.reinstate else state.reinstated,
        }
    )
    behind = revision < state.newest or (revision <= state.retracted and after.is_retracted)
    return Decision(
        outcome="stale" if behind else "accepted",
        revision=revision,
        type=_named(state, after, submission.type, newer=revision > state.newest),
        state=after,
    )


def _named(state: ArticleState, after: ArticleState, stated: EventType, *, newer: bool) -> EventType:
    """Name the event: a bare article says "published", but where one is known and shown it is an update."""
    returns = state.is_retracted and not after.is_retracted
    if stated is EventType.PUBLISHED and state.newest and newer and not returns:
        return EventType.UPDATED
    return stated


def _retract(state: ArticleState, submission: Submission, retraction: Retraction) -> Decision:
    stated = _words(retraction.kind, retraction.reason)
    known = _words(state.retraction_kind, state.retraction_reason)
    if retraction.revision is None:
        if state.is_retracted and stated == known:
            return _nothing(state, "repeat", state.retracted, submission)
        revision = _highest(state) + 1
    else:
        revision = retraction.revision
    if (revision, stated) == (state.retracted, known):
        return _nothing(state, "repeat", revision, submission)
    if (revision, stated) < (state.retracted, known):
        return Decision(outcome="stale", revision=revision, type=EventType.RETRACTED, state=state)
    after = state.model_copy(
        update={
            "retracted": revision,
            "retraction_kind": retraction.kind,
            "retraction_reason": retraction.reason or None,
            "retracted_at": submission.occurred_at,
        }
    )
    return Decision(
        outcome="accepted" if after.is_retracted else "stale",
        revision=revision,
        type=EventType.RETRACTED,
        state=after,
    )


def _words(kind: RetractionKind | None, reason: str | None) -> tuple[bool, str]:
    """Ranks two retractions of one revision: a takedown wins, then the greater reason."""
    return (kind is RetractionKind.TAKEDOWN, reason or "")


def _highest(state: ArticleState) -> int:
    return max(state.newest, state.retracted, state.reinstated)


def _nothing(state: ArticleState, outcome: str, revision: int, submission: Submission) -> Decision:
    return Decision.model_validate({"outcome": outcome, "revision": revision, "type": submission.type, "state": state})
