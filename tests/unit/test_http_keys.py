"""The form of a key, and how one is judged. Security rules 12-14 and 16."""

import re
import secrets
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import ApiKey
from services.http.access import CACHE_S, Access
from services.http.keys import digest, key_id_of, mint

NOW = datetime(2024, 5, 1, tzinfo=UTC)
ADMIN = "x" * 32


def test_a_key_has_its_form_and_its_id() -> None:
    minted = mint(secrets.token_bytes, "test")
    assert re.fullmatch(r"wr_test_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", minted.key)
    assert key_id_of(minted.key) == minted.id
    assert minted.sha256 == digest(minted.key)
    assert mint(secrets.token_bytes).key != mint(secrets.token_bytes).key


@given(st.integers(0, 59), st.sampled_from(string.ascii_letters + string.digits))
def test_a_mistyped_character_is_told_without_the_store(place: int, char: str) -> None:
    key = mint(lambda size: bytes(range(size))).key
    at = place % len(key)
    typo = key[:at] + char + key[at + 1 :]
    assert (key_id_of(typo) is not None) is (typo == key)


@pytest.mark.parametrize("text", ["", "wr_live_", "sk_live_abcdefgh_" + "x" * 38, "wr_live_abcdefgh_" + "é" * 38])
def test_what_is_no_key_of_ours_has_no_id(text: str) -> None:
    assert key_id_of(text) is None


class Keys:
    """Keys in a dict; counts what it is asked."""

    def __init__(self) -> None:
        self.rows: dict[str, ApiKey] = {}
        self.asked = 0

    def add(self, **more: object) -> str:
        minted = mint(secrets.token_bytes)
        row = {"id": minted.id, "name": "n", "scopes": ("articles:read",), "sha256": minted.sha256, "created_at": NOW}
        self.rows[minted.id] = ApiKey.model_validate({**row, **more})
        return minted.key

    async def find(self, key_id: str) -> ApiKey | None:
        self.asked += 1
        return self.rows.get(key_id)


class World:
    def __init__(self) -> None:
        self.keys = Keys()
        self.seconds = 0.0
        self.used: list[str] = []
        self.access = Access(
            self.keys,
            admin_key=ADMIN,
            clock=lambda: NOW + timedelta(seconds=self.seconds),
            monotonic=lambda: self.seconds,
            used=self.used.append,
        )

    async def scopes(self, key: str) -> frozenset[str] | None:
        found = await self.access.principal(f"Bearer {key}")
        return None if found is None else found.scopes


async def test_a_right_key_is_asked_for_once_in_a_while_and_a_wrong_one_never_cached() -> None:
    world = World()
    key = world.keys.add()
    for _ in range(5):
        assert await world.scopes(key) == {"articles:read"}
    assert (world.keys.asked, len(world.used)) == (1, 1)
    world.seconds = CACHE_S
    await world.scopes(key)
    assert world.keys.asked == 2
    unknown = mint(secrets.token_bytes).key
    for _ in range(2):
        assert await world.scopes(unknown) is None
    assert world.keys.asked == 4


async def test_a_revoke_elsewhere_bites_within_five_seconds() -> None:
    world = World()
    key = world.keys.add()
    assert await world.scopes(key)
    [(key_id, row)] = world.keys.rows.items()
    world.keys.rows[key_id] = row.model_copy(update={"revoked_at": NOW})
    world.seconds = 4.9
    assert await world.scopes(key) is None


async def test_an_expiry_bites_at_its_instant_even_from_the_cache() -> None:
    world = World()
    key = world.keys.add(expires_at=NOW + timedelta(seconds=1))
    assert await world.scopes(key)
    world.seconds = 1
    assert await world.scopes(key) is None


async def test_the_right_id_with_another_secret_is_refused() -> None:
    world = World()
    world.keys.add()
    [(key_id, row)] = world.keys.rows.items()
    other = mint(secrets.token_bytes)
    world.keys.rows = {other.id: row.model_copy(update={"id": other.id})}
    assert key_id
    assert await world.scopes(other.key) is None


async def test_the_preset_admin_key_is_taken_as_it_is() -> None:
    world = World()
    assert await world.scopes(ADMIN) == {"admin"}
    assert await world.scopes(ADMIN + "x") is None
    assert await world.access.principal(f"bearer   {ADMIN}") is not None
    assert await world.access.principal(f"Basic {ADMIN}") is None
    assert await world.access.principal(None) is None
    assert world.keys.asked == 0


async def test_the_cache_is_bounded() -> None:
    world = World()
    for _ in range(1_005):
        assert await world.scopes(world.keys.add())
    assert len(world.access._known) <= 1_000
