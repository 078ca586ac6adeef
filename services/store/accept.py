"""One transaction that takes events in: revision, article, event, work and outbox row, or none of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from schemas.article import Article, RetractionKind
from schemas.delivery import WorkState
from schemas.feed import slug
from schemas.jobs import Accepted
from schemas.lifecycle import ArticleState, Decision, Receipt, Submission
from schemas.topics import ACCEPTED
from services.store.columns import document, storable
from services.store.ledger import Ledger
from services.store.outbox_rows import Message, add, thin
from services.store.sql import listed, upsert
from services.store.statement import Statement
from services.store.supersede import supersede
from services.store.tables import article, event, revision, term, work

Decide = Callable[[ArticleState, Submission, str | None], Decision]
"""state, submission, hash of the content already kept under the stated revision (None: none) → decision."""

_KEYS = Statement(
    select(event.c.event_key, event.c.id, event.c.article_id, event.c.revision).where(
        event.c.event_key.in_(listed("ids"))
    )
)
_ARTICLES = Statement(
    select(article).where(article.c.id.in_(listed("ids"))).order_by(article.c.id).with_for_update(key_share=True)
)
_REVISIONS = Statement(
    select(revision.c.article_id, revision.c.revision, revision.c.content_hash, revision.c.event_id).where(
        revision.c.article_id.in_(listed("ids")),
        or_(revision.c.revision.in_(listed("stated")), revision.c.revision == bindparam("none")),
    )
)
_CHANGE = Statement(update(article).where(article.c.id == bindparam("article_id")))
_ADD_ARTICLES = Statement(insert(article))
_ADD_REVISIONS = Statement(insert(revision))
_ADD_EVENTS = Statement(insert(event))
_ADD_WORK = Statement(insert(work))
_FORGET_TERMS = Statement(delete(term).where(term.c.article_id.in_(listed("ids"))))
_ADD_TERMS = Statement(upsert(term).on_conflict_do_nothing())

_STATE = (
    "newest",
    "newest_hash",
    "retracted",
    "retraction_kind",
    "retraction_reason",
    "retracted_at",
    "reinstated",
)


@dataclass
class _Known:
    """An article as the transaction finds and changes it."""

    id: str
    state: ArticleState = field(default_factory=ArticleState)
    version: int = 0
    shown: int = 0
    retraction_event_id: str | None = None
    first_accepted_at: datetime | None = None
    new: bool = True
    changed: bool = False
    newest: Article | None = None  # newer content that came in this transaction
    superseding: bool = False

    @property
    def status(self) -> str:
        if self.state.is_retracted:
            return "takedown" if self.state.retraction_kind is RetractionKind.TAKEDOWN else "withdrawn"
        return "published" if self.shown > self.state.retracted else "received"

    def row(self, now: datetime) -> dict[str, Any]:
        kept = {name: getattr(self.state, name) for name in _STATE}
        return kept | {
            "article_id": self.id,
            "version": self.version,
            "shown": self.shown,
            "status": self.status,
            "retraction_event_id": self.retraction_event_id,
            "first_accepted_at": self.first_accepted_at or now,
            "changed_at": now,
        }


def state_of(row: Any) -> ArticleState:
    """Read an article row's lifecycle."""
    kind = row.retraction_kind
    return ArticleState.model_construct(
        newest=row.newest,
        newest_hash=row.newest_hash,
        retracted=row.retracted,
        retraction_kind=None if kind is None else RetractionKind(kind),
        retraction_reason=row.retraction_reason,
        retracted_at=row.retracted_at,
        reinstated=row.reinstated,
    )


class _Acceptance:
    """What one transaction knows, and what it will write."""

    def __init__(self, connection: Connection, submissions: Sequence[Submission], now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.ledger = Ledger(connection)
        ids = {storable(submission.article_id) for submission in submissions}
        self.articles = {name: _Known(name) for name in ids}
        for row in _ARTICLES.find(connection, sorted(ids)):
            self.articles[row.id] = _Known(
                row.id,
                state_of(row),
                row.version,
                row.shown,
                row.retraction_event_id,
                row.first_accepted_at,
                new=False,
            )
        keys = [storable(submission.event_key) for submission in submissions if submission.event_key is not None]
        self.keys = {row[0]: (row[1], row[2], row[3]) for row in _KEYS.find(connection, keys)}
        known = [each for each in self.articles.values() if not each.new]
        numbers = {each.state.newest for each in known}
        numbers |= {stated for submission in submissions if (stated := submission.stated_revision) is not None}
        self.revisions: dict[tuple[str, int], tuple[str, str]] = {}  # → content hash, event id
        if known and numbers:
            for row in _REVISIONS.find(connection, [each.id for each in known], stated=sorted(numbers), none=-1):
                self.revisions[row[0], row[1]] = (row[2], row[3])
        self.revision_rows: list[dict[str, Any]] = []
        self.event_rows: list[dict[str, Any]] = []
        self.work_rows: list[dict[str, Any]] = []
        self.messages: list[Message] = []

    def take(self, submission: Submission, decide: Decide, new_id: Callable[[], str]) -> Receipt:
        """Decide about one submission and note what it writes."""
        known = self.articles[storable(submission.article_id)]
        key = None if submission.event_key is None else storable(submission.event_key)
        if key is not None and (seen := self.keys.get(key)) is not None:
            return _receipt("repeat", submission, seen[1], seen[2], seen[0])
        stated = submission.stated_revision
        kept = None if stated is None else self.revisions.get((known.id, stated))
        decision = decide(known.state, submission, kept and kept[0])
        if decision.outcome in {"repeat", "conflict"}:
            return _receipt(
                decision.outcome, submission, known.id, decision.revision, self._standing(known, submission, decision)
            )
        event_id = new_id()
        known.state = decision.state
        known.version += 1
        known.changed = True
        known.first_accepted_at = known.first_accepted_at or self.now
        if submission.article is None:
            if decision.outcome == "accepted" or known.retraction_event_id is None:
                known.retraction_event_id = event_id
            known.superseding = True
        else:
            self._keep(known, submission, submission.article, decision, event_id)
        self._enter(known, submission, decision, event_id, key)
        return _receipt(decision.outcome, submission, known.id, decision.revision, event_id)

    def _standing(self, known: _Known, submission: Submission, decision: Decision) -> str:
        """Name the event that a repeat or conflict is answered with."""
        content = self.revisions.get((known.id, decision.revision))
        if submission.article is None:
            return known.retraction_event_id or ""
        return content[1] if content else known.retraction_event_id or ""

    def _keep(self, known: _Known, submission: Submission, content: Article, decision: Decision, event_id: str) -> None:
        """Note a revision's content."""
        number = decision.revision
        if (known.id, number) in self.revisions:
            return  # `decide` took the same content again, as a new event
        numbered = content if content.revision == number else content.model_copy(update={"revision": number})
        self.revisions[known.id, number] = (submission.content_hash, event_id)
        self.revision_rows.append(
            {
                "article_id": known.id,
                "revision": number,
                "content_hash": submission.content_hash,
                "content": document(numbered),
                "event_id": event_id,
                "accepted_at": self.now,
                "published_at": content.published_at,
                "embargo_until": content.embargo_until,
                "expires_at": content.expires_at,
                "facts": 1,
                "expired": 0,
            }
        )
        if number == decision.state.newest:
            known.newest = numbered

    def _enter(self, known: _Known, submission: Submission, decision: Decision, event_id: str, key: str | None) -> None:
        """Note the event, its work and its message."""
        if key is not None:
            self.keys[key] = (event_id, known.id, decision.revision)
        counts = self.ledger.accepted(event_id, enrich=WorkState.WAITING)
        self.event_rows.append(
            {
                "id": event_id,
                "type": decision.type.value,
                "article_id": known.id,
                "revision": decision.revision,
                "facts": 1,
                "accepted_at": self.now,
                "occurred_at": submission.occurred_at,
                "origin": submission.origin,
                "traceparent": submission.traceparent,
                "event_key": key,
                **counts,
            }
        )
        self.work_rows.append(work_row(event_id, "enrich", self.now))
        body = thin(event_id, known.id, decision.revision, 1, submission.traceparent)
        self.messages.append(Message(ACCEPTED.name, body, event_id))

    def write(self) -> dict[str, list[Any]]:
        """Write everything noted; returns the outbox rows by event id."""
        changed = [known for known in self.articles.values() if known.changed]
        if not changed:
            return {}
        connection = self.connection
        if fresh := [known.row(self.now) for known in changed if known.new]:
            _ADD_ARTICLES.many(connection, [{"id": row.pop("article_id"), **row} for row in fresh])
        if old := [known.row(self.now) for known in changed if not known.new]:
            _CHANGE.many(connection, old)
        _ADD_REVISIONS.many(connection, self.revision_rows)
        _ADD_EVENTS.many(connection, self.event_rows)
        _ADD_WORK.many(connection, self.work_rows)
        self._terms([known for known in changed if known.newest is not None])
        rows = add(connection, self.messages, self.now)
        for known in sorted((known for known in changed if known.superseding), key=lambda known: known.id):
            supersede(connection, self.ledger, known.id, known.state, self.now)
        self.ledger.settle()
        return {row.event_id or "": [row] for row in rows}

    def _terms(self, renewed: list[_Known]) -> None:
        if old := [known.id for known in renewed if not known.new]:
            _FORGET_TERMS.over(self.connection, old)
        rows = [
            {"kind": kind, "slug": name, "article_id": known.id}
            for known in renewed
            if known.newest is not None
            for kind, name in terms_of(known.newest)
        ]
        _ADD_TERMS.many(self.connection, rows)


def work_row(
    event_id: str, stage: str, now: datetime, state: WorkState = WorkState.WAITING, not_before: datetime | None = None
) -> dict[str, Any]:
    """Make a row of work that nobody has tried yet."""
    return {
        "event_id": event_id,
        "stage": stage,
        "state": state.value,
        "tries": 0,
        "not_before": not_before,
        "since": now,
    }


def terms_of(content: Article) -> set[tuple[str, str]]:
    """Name what a list can be filtered by."""
    terms = {("section", slug(name)) for name in content.sections}
    terms |= {("tag", slug(name)) for name in content.tags}
    terms |= {("author", slug(author.name)) for author in content.authors}
    if content.source is not None:
        terms.add(("source", slug(content.source.name)))
    if content.language is not None:
        terms.add(("lang", content.language.replace("_", "-").split("-")[0].lower()))
    return {(kind, name) for kind, name in terms if name}


def _receipt(outcome: Any, submission: Submission, article_id: str, number: int, event_id: str) -> Receipt:
    return Receipt.model_construct(
        outcome=outcome,
        article_id=article_id,
        revision=number,
        event_id=event_id,
        warnings=submission.warnings,
    )


def accept(
    connection: Connection,
    submissions: Sequence[Submission],
    decide: Decide,
    now: datetime,
    new_id: Callable[[], str],
) -> list[Accepted]:
    """Take submissions in, in order, each judged by itself; one answer for each."""
    acceptance = _Acceptance(connection, submissions, now)
    receipts = [acceptance.take(submission, decide, new_id) for submission in submissions]
    rows = acceptance.write()
    return [
        Accepted(receipt, rows.get(receipt.event_id, []) if receipt.outcome in {"accepted", "stale"} else [])
        for receipt in receipts
    ]
