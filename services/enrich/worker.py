"""Read accepted events, record what is known of each article. All I/O of this stage is here.

article.accepted ─▶ load ─▶ steps (process pool) ─▶ record ─▶ article.enriched
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from datetime import datetime
from typing import NamedTuple

import structlog
from pydantic import ValidationError

from schemas.article import Article
from schemas.dead_letter import DeadLetter
from schemas.enrichment import Enrichment
from schemas.event import ThinEvent
from schemas.jobs import Enriched, EnrichJob
from services.bus.entry import Batch, Entry
from services.enrich.chunk import enrich_chunk
from services.enrich.core import Failed
from services.enrich.ports import Processes, Publishes, Store

_log = structlog.get_logger(__name__)

CHUNK = 4  # articles in one task: few, so that a batch spreads over the processes
CHUNK_BYTES = 32 * 1024
DEADLY = 2  # processes that an article may end before it is given up


class _Work(NamedTuple):
    event_id: str
    article: Article


async def enrich_articles(
    batch: Batch,
    *,
    store: Store,
    relay: Publishes,
    pool: Processes,
    off: frozenset[str],
    clock: Callable[[], datetime],
) -> None:
    """Enrich each accepted revision at least once; record it exactly once.

    The bus acknowledges the batch when this returns. By then ONE transaction holds its enrichments, the
    next stages' work and outbox rows; a crash before that repeats the batch, and what is settled is not
    loaded again. A retraction is passed on as it is. An article whose chunk ended its process is tried
    again alone; one that ends two processes by itself becomes a dead letter (`poison`), as does an
    unreadable message, and neither holds back a neighbour. Raises only if a later try may help (SQL gone).
    """
    events, dead = _read(batch.entries, clock())
    jobs = await store.enrichments.load([event.event_id for event in events]) if events else {}
    done = [Enriched(event_id, None) for event_id, job in jobs.items() if job.article is None]
    work = [_Work(event_id, job.article) for event_id, job in jobs.items() if job.article is not None]
    found = await asyncio.gather(*(_enrich(chunk, pool, off) for chunk in _chunks(work, pool.workers)))
    for each, said in (pair for chunk in found for pair in chunk):
        if isinstance(said, Failed):
            dead.append(_given_up(jobs[each.event_id], said, clock()))
        else:
            done.append(Enriched(each.event_id, said))
    rows = await store.enrichments.record(done, clock()) if done else []
    if dead:
        await store.work.give_up(dead, clock())
        _log.error(
            "enrich.given_up", causes=[letter.cause for letter in dead], articles=[letter.article_id for letter in dead]
        )
    await relay.publish(rows)  # lost in a crash? the sweeper finds the rows


async def _enrich(
    chunk: Sequence[_Work], pool: Processes, off: frozenset[str]
) -> list[tuple[_Work, Enrichment | Failed]]:
    try:
        said = await _run(chunk, pool, off)
    except BrokenExecutor:
        return [(each, await _enrich_alone(each, pool, off, ended=1 if len(chunk) == 1 else 0)) for each in chunk]
    return list(zip(chunk, said, strict=True))


async def _enrich_alone(work: _Work, pool: Processes, off: frozenset[str], *, ended: int) -> Enrichment | Failed:
    why = "ended its process"
    while ended < DEADLY:
        try:
            return (await _run([work], pool, off))[0]
        except BrokenExecutor as error:
            ended += 1
            why = str(error)
    return Failed("poison", f"ended {DEADLY} processes, the last one alone: {why}")


async def _run(chunk: Sequence[_Work], pool: Processes, off: frozenset[str]) -> list[Enrichment | Failed]:
    return await asyncio.wrap_future(pool.submit(enrich_chunk, [each.article for each in chunk], off))


def _chunks(work: Sequence[_Work], workers: int) -> Iterator[list[_Work]]:
    """Cut a batch: one article per process while they last, then a few together, long ones alone."""
    most = min(CHUNK, max(1, len(work) // max(workers, 1)))
    chunk: list[_Work] = []
    size = 0
    for each in work:
        weight = len(each.article.content_html or "") + len(each.article.content_text or "")
        if chunk and (len(chunk) >= most or size + weight > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += weight
    if chunk:
        yield chunk


def _read(entries: Sequence[Entry], now: datetime) -> tuple[list[ThinEvent], list[DeadLetter]]:
    events: list[ThinEvent] = []
    dead: list[DeadLetter] = []
    for entry in entries:
        try:
            events.append(ThinEvent.model_validate_json(entry.data or b""))
        except ValidationError as error:
            detail = f"{entry.id}: {error.error_count()} faults, the first: {error.errors()[0]['msg']}"
            dead.append(DeadLetter(stage="enrich", cause="unreadable", detail=detail, at=now, raw=entry.raw()))
    return events, dead


def _given_up(job: EnrichJob, failed: Failed, at: datetime) -> DeadLetter:
    return DeadLetter(
        stage="enrich",
        cause=failed.cause,
        detail=failed.detail,
        at=at,
        event_id=job.event.event_id,
        article_id=job.event.article_id,
    )
