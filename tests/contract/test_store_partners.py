"""Subscribers, endpoints, keys, and what the installation knows of itself."""

from datetime import timedelta

import pytest

from schemas.subscription import BodyFormat, EndpointState, Filter
from services.store import Store
from tests.stores import START, Newsroom, OpenAgain, article, published


async def test_a_subscriber_is_made_once_renamed_and_listed(room: Newsroom) -> None:
    subscribers = room.store.subscribers
    made = await subscribers.create("p1", "Radio Nord", room.now)
    assert await subscribers.create("p1", "Other", room.later(hours=1)) == made
    await subscribers.rename("p1", "Radio Süd")
    await subscribers.create("p2", "Zwei", room.now)
    page = await subscribers.list(limit=1)
    rest = await subscribers.list(page.next, limit=1)
    assert [(one.id, one.name) for one in page.items + rest.items] == [("p1", "Radio Süd"), ("p2", "Zwei")]
    assert rest.next is None
    assert await subscribers.get("p3") is None
    assert await subscribers.rename("p3", "x") is None


async def test_an_endpoint_is_read_back_as_it_was_made(room: Newsroom) -> None:
    made = await room.endpoint(
        filter=Filter(tag=("a", "b"), language=("fr",)),
        format=BodyFormat.THIN,
        headers={"X-Ä": "1"},
        description="their desk",
        paused_until=START,
    )
    assert await room.store.endpoints.get("w1") == made
    assert await room.store.endpoints.create(made) == made  # a repeat
    assert (await room.store.endpoints.list()).items == [made]
    with pytest.raises(LookupError):
        await room.store.endpoints.create(made.model_copy(update={"id": "w2", "subscriber_id": "unknown"}))


async def test_an_endpoint_changes_in_what_is_given_only(room: Newsroom) -> None:
    made = await room.endpoint()
    changed = await room.store.endpoints.update("w1", url="https://new.example/", filter=Filter(section=("x",)))
    expected = made.model_copy(update={"url": "https://new.example/", "filter": Filter(section=("x",))})
    assert changed == expected == await room.store.endpoints.get("w1")
    rotated = await room.store.endpoints.rotate("w1", "whsec_" + "n" * 32)
    assert rotated is not None
    assert rotated.secret == "whsec_" + "n" * 32
    assert await room.store.endpoints.update("unknown", url="https://x.example/") is None


async def test_a_subscribers_view_never_leaves_its_own_rows(room: Newsroom) -> None:
    mine = await room.endpoint("w1", "p1")
    theirs = await room.endpoint("w2", "p2")
    view = room.store.endpoints.of("p1")
    assert (await view.list()).items == [mine]
    assert (await view.snapshot())[1] == [mine]
    assert await view.count() == {"active": 1}
    assert await view.get("w2") is None
    for answer in (
        await view.update("w2", url="https://evil.example/"),
        await view.rotate("w2", "whsec_" + "e" * 32),
        await view.pause("w2", room.now),
        await view.resume("w2", room.now),
        await view.disable("w2", room.now, "x"),
    ):
        assert answer is None
    assert not await view.delete("w2", room.now)
    assert await room.store.endpoints.get("w2") == theirs
    with pytest.raises(LookupError):
        await view.create(theirs.model_copy(update={"id": "w3"}))


async def test_a_snapshot_is_read_again_only_after_a_change(room: Newsroom) -> None:
    endpoints = room.store.endpoints
    first, nothing = await endpoints.snapshot()
    assert nothing == []
    await room.endpoint()
    second, made = await endpoints.snapshot(first)
    assert made is not None
    assert [one.id for one in made] == ["w1"]
    assert await endpoints.snapshot(second) == (second, None)
    versions = [second]
    for change in (
        lambda: endpoints.update("w1", description="x"),
        lambda: endpoints.pause("w1", room.now),
        lambda: endpoints.resume("w1", room.now),
        lambda: endpoints.delete("w1", room.now),
    ):
        await change()
        version, found = await endpoints.snapshot(versions[-1])
        assert found is not None
        versions.append(version)
    assert versions == sorted(set(versions))
    assert (await endpoints.snapshot())[1] == []


async def test_endpoints_are_listed_by_age(room: Newsroom) -> None:
    for n in range(5):
        await room.endpoint(f"w{4 - n}")
        room.later(seconds=n % 2)
    page = await room.store.endpoints.list(limit=3)
    rest = await room.store.endpoints.list(page.next, limit=3)
    assert [one.id for one in page.items + rest.items] == ["w3", "w4", "w1", "w2", "w0"]


async def test_a_deleted_endpoints_secret_is_gone(room: Newsroom) -> None:
    await room.endpoint()
    await room.through(published(article()))
    await room.store.endpoints.delete("w1", room.now)

    def secrets(connection: object) -> list[str]:
        from sqlalchemy import Connection, text

        assert isinstance(connection, Connection)
        return list(connection.execute(text("SELECT secret FROM endpoint")).scalars())

    assert await room.store.database.read(secrets) == [""]


async def test_keys_are_found_revoked_and_touched(room: Newsroom) -> None:
    keys = room.store.keys
    made = await keys.create("k1", "ab" * 32, "desk", ("publish", "read"), room.now, expires_at=START + timedelta(1))
    assert await keys.create("k1", "cd" * 32, "other", (), room.now) == made
    assert await keys.find("k1") == made
    assert (made.scopes, made.expires_at) == (("publish", "read"), START + timedelta(1))
    await keys.touch("k1", room.later(hours=1))
    assert await keys.revoke("k1", room.now)
    assert not await keys.revoke("k1", room.now)
    [listed] = await keys.list()
    assert (listed.used_at, listed.revoked_at) == (room.now, room.now)
    assert await keys.find("k2") is None


async def test_an_installation_keeps_its_namespace(store: Store, open_again: OpenAgain) -> None:
    namespace = await store.meta.get("namespace")
    assert namespace is not None
    other = open_again()
    await other.migrate()
    assert await other.meta.get("namespace") == namespace
    await store.meta.set("redis.epoch", "1")
    await store.meta.set("redis.epoch", "2")
    assert await other.meta.get("redis.epoch") == "2"
    await store.meta.set("redis.epoch", None)
    assert await other.meta.get("redis.epoch") is None


async def test_a_probe_writes_and_reads_only_where_it_may_not(store: Store, open_again: OpenAgain) -> None:
    await store.probe()
    assert await store.meta.get("probe") == "1"
    await open_again(readonly=True).probe()


async def test_states_are_counted(room: Newsroom) -> None:
    await room.endpoint("w1")
    await room.endpoint("w2", state=EndpointState.PAUSED)
    assert await room.store.endpoints.count() == {"active": 1, "paused": 1}
