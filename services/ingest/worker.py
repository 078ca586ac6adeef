"""Read `article.inbox`: whole events from producers who prefer the queue. All I/O of this stage is here."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import structlog

from schemas.dead_letter import DeadLetter
from schemas.jobs import Accepted, OutboxRow
from schemas.lifecycle import ArticleState, Decision, Submission
from schemas.refusal import Fault, Refusal
from services.bus import Batch, Entry
from services.ingest.core import arrived, decide, read_entry

_log = structlog.stdlib.get_logger("wireroom.ingest")
_MAX_RAW = 1024 * 1024  # bytes of a hopeless entry that are kept
Decide = Callable[[ArticleState, Submission, str | None], Decision]


class TakesIn(Protocol):
    """The store's part: articles."""

    async def accept(
        self, submissions: Sequence[Submission], decide: Decide, now: datetime, new_id: Callable[[], str]
    ) -> list[Accepted]:
        """Commit them in one transaction."""
        ...


class KeepsDead(Protocol):
    """The store's part: what could not be accepted."""

    async def add(self, letters: Sequence[DeadLetter]) -> object:
        """Keep them."""
        ...


class Inbox(Protocol):
    """The store, as far as the inbox needs it."""

    @property
    def articles(self) -> TakesIn: ...  # noqa: D102
    @property
    def dead_letters(self) -> KeepsDead: ...  # noqa: D102


class Publishes(Protocol):
    """The relay. Never raises: what fails stays for the sweeper."""

    async def publish(self, rows: Sequence[OutboxRow]) -> object: ...  # noqa: D102


class _Read(NamedTuple):
    entry: Entry
    verdict: Submission | Refusal


async def ingest_inbox(
    batch: Batch,
    *,
    store: Inbox,
    relay: Publishes,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    check_room: Callable[[], None] = lambda: None,
    received: Callable[[str, int], None] = lambda _origin, _count: None,
    rejected: Callable[[str], None] = lambda _cause: None,
) -> None:
    """Take in every entry at least once, and commit its event exactly once.

    Each entry is judged alone. The good ones are committed in ONE transaction; then the bad ones become
    dead letters with cause and bytes. The bus acknowledges when this returns. A crash before that
    repeats the batch: a committed event is known by its key (the producer's event id, else the entry's
    id); of the bad ones a second dead letter may be written, which is better than none. Raises only
    when the store cannot: a later try helps.
    """
    check_room()
    now = clock()
    read = [_Read(entry, read_entry(entry.fields, entry.data, entry.problem, entry.id)) for entry in batch.entries]
    good = [(one.entry, arrived(one.verdict, now)) for one in read if isinstance(one.verdict, Submission)]
    dead = [_dead(one.entry, one.verdict, now) for one in read if isinstance(one.verdict, Refusal)]
    accepted = await store.articles.accept([submission for _, submission in good], decide, now, new_id) if good else []
    dead += [
        _dead(entry, _taken(one), now, one.receipt.article_id)
        for (entry, _), one in zip(good, accepted, strict=True)
        if one.receipt.outcome == "conflict"
    ]
    if dead:
        await store.dead_letters.add(dead)
    await relay.publish([row for one in accepted for row in one.rows])
    received("stream", len(good))
    for letter in dead:
        rejected(letter.cause)
    _log.info("inbox read", entries=len(batch.entries), taken=len(good), dead=len(dead))


def _taken(accepted: Accepted) -> Refusal:
    what = f"{accepted.receipt.revision} is known with other content; send the change as a higher revision"
    return Refusal(errors=(Fault(where="/revision", what=what),), cause="conflict")


def _dead(entry: Entry, refusal: Refusal, now: datetime, article_id: str | None = None) -> DeadLetter:
    return DeadLetter(
        stage="ingest",
        cause=refusal.cause,
        detail=f"entry {entry.id}: {refusal.text()}"[:4_000],
        at=now,
        article_id=article_id,
        raw=entry.raw()[:_MAX_RAW],
    )
