"""What enrichment leaves: work for feeds and webhooks, now, at an embargo's end, or when an article expires."""

from datetime import timedelta

from schemas.enrichment import Enrichment, StepRun
from schemas.event import EventType
from schemas.jobs import Enriched
from tests.stores import START, Newsroom, article, published, retracted

HOUR = timedelta(hours=1)
MADE = Enrichment(title="Bonjour", lang="fr", facts={"a": [1, None]}, steps={"x": StepRun(v=1, ms=0.5)})


async def test_only_events_whose_enrichment_waits_are_loaded(room: Newsroom) -> None:
    first = await room.take(published(article(revision=3), traceparent="00-ab"))
    gone = await room.take(retracted("b1"))
    jobs = await room.store.enrichments.load([first, gone, "unknown"])
    assert jobs[first].article == article(revision=3)
    assert (jobs[first].event.traceparent, jobs[first].event.revision) == ("00-ab", 3)
    assert (jobs[gone].article, jobs[gone].type) == (None, EventType.RETRACTED)
    await room.enrich(first)
    assert list(await room.store.enrichments.load([first, gone])) == [gone]


async def test_recording_passes_the_event_on_to_both_stages_once(room: Newsroom) -> None:
    event_id = await room.take(published(article()))
    rows = await room.store.enrichments.record([Enriched(event_id, MADE)], room.now)
    assert [(row.stream, row.event_id) for row in rows] == [("article.enriched", event_id)]
    assert await room.store.enrichments.record([Enriched(event_id, MADE)] * 2, room.now) == []
    stored = await room.store.articles.get("a1")
    assert stored is not None
    assert (stored.enrichment, stored.status) == (MADE, "published")
    stats = await room.store.stats(room.now)
    assert {name: stage.waiting for name, stage in stats.stages.items()} == {"enrich": 0, "syndicate": 1, "deliver": 1}
    assert stats.outbox.rows == 1
    assert await room.sums() == {"accepted": 1, "waiting": 1}


async def test_the_version_grows_with_every_change_that_may_show(room: Newsroom) -> None:
    versions: list[int] = []

    async def note() -> None:
        stored = await room.store.articles.get("a1")
        assert stored is not None
        versions.append(stored.version)

    first = await room.take(published(article(embargo_until=START + HOUR)))
    await note()
    await room.enrich(first)
    await note()
    room.later(hours=2)
    await room.store.outbox.due(room.now, 10)
    await note()
    await room.take(retracted())
    await note()
    assert versions == sorted(set(versions))


async def test_an_embargoed_article_is_held_and_nothing_of_it_is_loaded_before_its_instant(room: Newsroom) -> None:
    event_id = await room.take(published(article(embargo_until=START + HOUR)))
    assert await room.store.enrichments.record([Enriched(event_id, MADE)], room.now) == []
    assert await room.store.feeds.load([event_id]) == {}
    assert await room.store.deliveries.load([event_id]) == {}
    room.later(minutes=59)
    assert await room.store.outbox.due(room.now, 10) == []
    assert await room.sums() == {"accepted": 1, "held": 1}
    stored = await room.store.articles.get("a1")
    assert stored is not None
    assert stored.status == "embargoed"


async def test_an_embargo_ends_when_its_row_falls_due(room: Newsroom) -> None:
    event_id = await room.take(published(article(embargo_until=START + HOUR)))
    await room.enrich(event_id)
    room.later(hours=1)
    [row] = await room.store.outbox.due(room.now, 10)
    assert (row.stream, row.event_id) == ("article.enriched", event_id)
    assert await room.sums() == {"accepted": 1, "waiting": 1}
    job = (await room.store.feeds.load([event_id]))[event_id]
    assert job.shown is not None
    assert list(await room.store.deliveries.load([event_id])) == [event_id]
    stored = await room.store.articles.get("a1")
    assert stored is not None
    assert stored.status == "published"


async def test_an_embargoed_correction_leaves_what_shows_as_it_is(room: Newsroom) -> None:
    first = await room.take(published(article(title="Old")))
    second = await room.take(published(article(title="New", embargo_until=START + HOUR)))
    await room.enrich(first, second)
    job = (await room.store.feeds.load([first]))[first]
    assert job.shown is not None
    assert (job.shown.revision, job.shown.enrichment.title) == (1, "Old")
    room.later(hours=1)
    await room.store.outbox.due(room.now, 10)
    later = (await room.store.feeds.load([second]))[second]
    assert later.shown is not None
    assert (later.shown.revision, later.shown.enrichment.title) == (2, "New")
    assert later.version > job.version


async def test_an_embargoed_revision_dates_nothing_before_its_instant(room: Newsroom) -> None:
    hidden = await room.take(published(article(title="X", published_at=START - HOUR, embargo_until=START + HOUR)))
    room.later(minutes=1)
    seen = await room.take(published(article(title="Y", published_at=START - timedelta(minutes=5))))
    await room.enrich(hidden, seen)
    job = (await room.store.feeds.load([seen]))[seen]
    assert (job.first_published, job.first_accepted_at) == (START - timedelta(minutes=5), room.now)
    room.later(hours=1)
    await room.store.outbox.due(room.now, 10)
    job = (await room.store.feeds.load([hidden]))[hidden]
    assert (job.first_published, job.first_accepted_at) == (START - HOUR, START + timedelta(minutes=1))


async def test_what_was_embargoed_dates_from_the_embargos_end(room: Newsroom) -> None:
    event_id = await room.take(published(article(embargo_until=START + HOUR)))
    await room.enrich(event_id)
    room.later(hours=3)  # the sweeper was late
    await room.store.outbox.due(room.now, 10)
    job = (await room.store.feeds.load([event_id]))[event_id]
    assert job.shown is not None
    assert (job.shown.accepted_at, job.first_accepted_at) == (START + HOUR, START + HOUR)


async def test_an_embargo_that_has_passed_holds_nothing(room: Newsroom) -> None:
    event_id = await room.take(published(article(embargo_until=START)))
    [row] = await room.store.enrichments.record([Enriched(event_id, MADE)], room.now)
    assert row.event_id == event_id


async def test_a_revision_that_brings_an_article_back_shows_only_once_it_is_open(room: Newsroom) -> None:
    first = await room.through(published(article(title="Old", revision=1)))
    gone = await room.take(retracted(revision=2))
    back = await room.take(published(article(title="Back", revision=3, embargo_until=START + HOUR), reinstate=True))
    await room.enrich(first, gone, back)
    job = (await room.store.feeds.load([gone]))[gone]
    assert job.state.is_retracted  # to readers, until the embargo ends
    room.later(hours=1)
    await room.store.outbox.due(room.now, 10)
    job = (await room.store.feeds.load([back]))[back]
    assert not job.state.is_retracted
    assert job.shown is not None
    assert job.shown.revision == 3


async def test_expiry_is_one_more_event_that_falls_due_and_partners_hear_nothing_of_it(room: Newsroom) -> None:
    event_id = await room.through(published(article(expires_at=START + HOUR)))
    assert await room.sums() == {"accepted": 2, "done": 1, "held": 1}
    room.later(hours=1)
    [row] = [row for row in await room.store.outbox.due(room.now, 10) if row.stream == "article.enriched"]
    assert row.event_id not in {event_id, None}
    assert row.event_id is not None
    job = (await room.store.feeds.load([row.event_id]))[row.event_id]
    assert (job.type, job.expired, job.event.facts) == (EventType.EXPIRED, True, 2)
    assert await room.store.deliveries.load([row.event_id]) == {}
    await room.syndicate(row.event_id, left=True)
    assert await room.sums() == {"accepted": 2, "done": 2}
    stored = await room.store.articles.get("a1")
    assert stored is not None
    assert stored.status == "expired"


async def test_an_article_that_comes_too_late_is_expired_at_once(room: Newsroom) -> None:
    event_id = await room.take(published(article(expires_at=START - HOUR)))
    await room.enrich(event_id)
    job = (await room.store.feeds.load([event_id]))[event_id]
    assert job.expired
    assert await room.sums() == {"accepted": 1, "waiting": 1}


async def test_a_newer_revision_without_expiry_outlives_the_older_ones_expiry(room: Newsroom) -> None:
    first = await room.take(published(article(expires_at=START + HOUR)))
    second = await room.take(published(article(title="Stays")))
    await room.enrich(first, second)
    room.later(hours=1)
    await room.store.outbox.due(room.now, 10)
    job = (await room.store.feeds.load([second]))[second]
    assert not job.expired


async def test_an_older_revision_that_comes_late_is_enriched_but_never_shown(room: Newsroom) -> None:
    new = await room.take(published(article(title="New", revision=2)))
    await room.enrich(new)
    old = await room.take(published(article(title="Old", revision=1)))
    await room.enrich(old)
    job = (await room.store.feeds.load([old]))[old]
    assert job.shown is not None
    assert job.shown.revision == 2
    fan_out = (await room.store.deliveries.load([old]))[old]
    assert fan_out.article is not None
    assert (fan_out.article.title, fan_out.event.revision) == ("Old", 1)


async def test_a_retraction_is_passed_on_without_enrichment(room: Newsroom) -> None:
    event_id = await room.take(retracted())
    [row] = await room.store.enrichments.record([Enriched(event_id, None)], room.now)
    assert row.event_id == event_id
    fan_out = (await room.store.deliveries.load([event_id]))[event_id]
    assert (fan_out.article, fan_out.ever_shown) == (None, False)
