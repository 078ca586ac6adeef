"""Streams: how many may be open, and that nobody's past is read for a client that left."""

import asyncio
from contextlib import ExitStack

import pytest

from schemas.jobs import Change
from services.filters import parse
from services.http.problems import Problem
from services.http.stream import Hub
from services.http.stream.events import Selection, wants
from services.http.stream.hub import Listener
from services.http.stream.places import Limits, Places
from services.store.changes import Place

LENGTH = 50_000


def test_one_household_is_one_client_and_nobody_is_none() -> None:
    places = Places(Limits(all=10, client=2))
    with ExitStack() as opened:
        for address in ("2001:db8::1", "2001:db8::2:2", "2001:db8:0:1::1", "192.0.2.1", "", "", ""):
            opened.enter_context(places.stream(address))
        with pytest.raises(Problem, match="At most 2"), places.stream("2001:db8::3:3"):
            pass
    with places.stream("2001:db8::3"), places.stream("2001:db8::4"):
        pass  # all left meanwhile


def test_places_are_taken_once_and_given_back() -> None:
    places = Places(Limits(all=2, filters=1))
    with places.stream("192.0.2.1"), places.filter("tag:a"):
        with places.stream("192.0.2.2"), places.filter("tag:a"), pytest.raises(Problem, match="All streams"):
            places.stream("192.0.2.3").__enter__()
        with places.filter(""), pytest.raises(Problem, match="save the filter"), places.filter("tag:b"):
            pass
    with places.stream("192.0.2.1"), places.filter("tag:b"):
        pass


class Past:
    """A long order of commits; `listener` leaves when the third part of it is read."""

    def __init__(self) -> None:
        self.parts = 0
        self.listener = Listener()
        self.hub = Hub(self)
        self.stop = self.listener.leave

    async def last(self, feed: str) -> Place:
        return Place(LENGTH, feed)

    async def after(self, feed: str, place: Place, limit: int = 200) -> list[Change]:
        self.parts += 1
        if self.parts == 3:
            self.stop()
        numbers = range(place.version + 1, min(place.version + limit, LENGTH) + 1)
        others, entry = frozenset({"section/other"}), b'{"id":"urn:x:1","state":"published"}'
        return [Change(number, feed, entry=entry, first=True, item=b"{}", feeds=others) for number in numbers]


@pytest.mark.parametrize("how", ["the client leaves", "we stop"])
async def test_the_past_is_read_no_further_when_the_stream_is_over(how: str) -> None:
    past = Past()
    if how == "we stop":
        past.stop = past.hub.close
    selection = Selection("section/none", "tag:a")
    parts = past.hub.follow(selection, wants(selection, parse("tag:a")), Place(1, ""), past.listener)
    async with asyncio.timeout(20):
        assert [part async for part in parts] == []
    assert past.parts == 3
