"""Tokens of private feeds, on both databases."""

from datetime import timedelta

from schemas.definition import Definition
from schemas.records import FeedToken
from tests.stores import Newsroom


async def own(room: Newsroom, feed: str, owner: str) -> None:
    """Give a subscriber a private feed."""
    await room.store.subscribers.create(owner, owner, room.now)
    made = await room.store.saved_feeds.define(Definition(feed, None, filter="tag:x", owner=owner), room.now)
    assert made.outcome == "created"


def token(room: Newsroom, name: str, feed: str = "p1/news", owner: str = "p1") -> FeedToken:
    return FeedToken(id=name, subscriber_id=owner, feed=feed, hint="abcd", name="reader", created_at=room.now)


async def test_a_token_is_kept_by_digest_and_found_by_id(room: Newsroom) -> None:
    await own(room, "p1/news", "p1")
    made = await room.store.feed_tokens.create(token(room, "t1"), "digest")
    assert made is not None
    assert (made.feed, made.address, made.revoked_at) == ("p1/news", "p1/news", None)
    assert await room.store.feed_tokens.find("t1") == (made, "digest")
    assert await room.store.feed_tokens.find("t2") is None
    await room.store.feed_tokens.touch("t1", room.later(hours=1))
    [listed] = await room.store.feed_tokens.list("p1")
    assert listed.used_at == room.now


async def test_nobody_gets_a_token_for_what_is_not_theirs(room: Newsroom) -> None:
    await own(room, "p1/news", "p1")
    await own(room, "p2/news", "p2")
    assert await room.store.feed_tokens.create(token(room, "t1", owner="p2"), "x") is None
    assert await room.store.feed_tokens.create(token(room, "t1", feed="all"), "x") is None
    assert await room.store.feed_tokens.list("p2") == []
    await room.store.feed_tokens.create(token(room, "t1"), "x")
    assert not await room.store.feed_tokens.revoke("p2", "t1", room.now)


async def test_a_rotation_ends_the_old_token_when_the_overlap_is_over_never_later_than_planned(room: Newsroom) -> None:
    await own(room, "p1/news", "p1")
    soon, late = room.now + timedelta(hours=1), room.now + timedelta(days=1)
    await room.store.feed_tokens.create(token(room, "t1").model_copy(update={"expires_at": soon}), "x")
    await room.store.feed_tokens.create(token(room, "t2"), "y")
    await room.store.feed_tokens.create(token(room, "t3"), "z", ends=["t1", "t2"], ends_at=late)
    ends = {each.id: each.expires_at for each in await room.store.feed_tokens.list("p1", "p1/news")}
    assert ends == {"t1": soon, "t2": late, "t3": None}


async def test_a_revoked_token_stays_known_as_such(room: Newsroom) -> None:
    await own(room, "p1/news", "p1")
    await room.store.feed_tokens.create(token(room, "t1"), "x")
    assert await room.store.feed_tokens.revoke("p1", "t1", room.now)
    assert not await room.store.feed_tokens.revoke("p1", "t1", room.later(hours=1))
    found = await room.store.feed_tokens.find("t1")
    assert found is not None
    assert found[0].revoked_at is not None
