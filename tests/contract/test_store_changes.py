"""The order of commits in a feed: what live streams go on from."""

from schemas.jobs import Change
from services.store.changes import Place
from tests.stores import ALL, Newsroom, article, published, retracted


async def read(room: Newsroom, place: Place = Place(), limit: int = 2) -> list[Change]:  # noqa: B008 - frozen
    """Everything behind a place, read in small parts."""
    found: list[Change] = []
    while part := await room.store.changes.after("all", place, limit):
        found += part
        place = Place(part[-1].version, part[-1].article_id)
    return found


async def test_articles_are_read_in_the_order_in_which_they_moved(room: Newsroom) -> None:
    assert await room.store.changes.last("all") == Place()
    for name in ("b1", "a1", "c1"):
        await room.through(published(article(name)))
        room.later(seconds=1)
    await room.through(published(article("b1", "Corrected")))
    found = await read(room)
    assert [change.article_id for change in found] == ["a1", "c1", "b1"]
    assert [change.first for change in found] == [True, True, False]
    assert await room.store.changes.last("all") == Place(found[-1].version, "b1")
    assert found[0].feeds == {"all", "section/world"}


async def test_articles_of_one_commit_are_told_apart_by_id_and_none_is_left_out(room: Newsroom) -> None:
    events = [await room.take(published(article(f"a{number}"))) for number in range(5)]
    await room.enrich(*events)
    await room.syndicate(*events)
    found = await read(room, limit=2)
    assert [change.article_id for change in found] == ["a0", "a1", "a2", "a3", "a4"]
    assert {change.version for change in found} == {1}
    assert [change.article_id for change in await read(room, Place(1, "a2"))] == ["a3", "a4"]


async def test_what_was_taken_back_is_read_as_what_is_left_of_it(room: Newsroom) -> None:
    await room.through(published(article()))
    before = await room.store.changes.last("all")
    room.later(seconds=1)
    event_id = await room.take(retracted())
    await room.enrich(event_id)
    await room.syndicate(event_id, feeds=(ALL,))
    [change] = await read(room, before)
    assert b'"withdrawn"' in change.entry
    assert not change.first
