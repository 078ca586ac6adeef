"""Who reads: from User-Agents to counts, without keeping anybody (reference: aggregators count once)."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b

import pytest

from schemas.feed_health import ClientCount, Readers
from schemas.serving import Served
from services.observe.audience import PROGRAMS, Audience
from services.observe.user_agents import NOBODY, OTHER, agent_of
from services.store.errors import StoreUnavailable
from services.store.sketch import estimate, merged
from tests.http_api import Clock

FEEDLY = b"Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1234 subscribers; like FeedFetcher-Google)"


@pytest.mark.parametrize(
    ("sent", "name", "subscribers"),
    [
        (FEEDLY, "Feedly", 1_234),
        (b"FeedlyBot/1.0 (http://feedly.com)", "Feedly", None),
        (b"Feedbin feed-id:1373711 - 142 subscribers", "Feedbin", 142),
        (b"NewsBlur Feed Fetcher - 27 subscribers - http://www.newsblur.com/site/1/x", "NewsBlur", 27),
        (b"Mozilla/5.0 (compatible; inoreader.com; 1,024 subscribers; feed-id=9)", "Inoreader", 1_024),
        (b"Inoreader/1.0 (+http://www.inoreader.com/feed-fetcher; 3 subscribers; )", "Inoreader", 3),
        (b"Mozilla/5.0 (compatible; theoldreader.com; 1 subscribers; feed-id=abc)", "The Old Reader", 1),
        (b"Bloglovin/1.0 (http://www.bloglovin.com; 12 subscribers)", "Bloglovin", 12),
        (b"Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 5 subscribers)", "BazQux", 5),
        (b"CommaFeed/3.1 (https://github.com/Athou/commafeed) 4 readers", "CommaFeed", 4),
        (b"FeedHQ/1.0 (https://feedhq.org; readers: 8)", "FeedHQ", 8),
        (b"Some Reader/2 users=17", "Some Reader", 17),
        (b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", None),
        (b"Mozilla/5.0 (compatible; Nice Thing/1.0; +http://nice.example)", "Nice Thing", None),
        (b"curl/8.5.0", "curl", None),
        (b"Miniflux/2.2 (https://miniflux.app) 10 subscribers 2024", "Miniflux", 10),
        (b"Reader 5.0 (iPhone; 17 things)", "Reader", None),
        (b"", NOBODY, None),
        (b"192.0.2.7", OTHER, None),
        (b"me@home.example/1", OTHER, None),
        (b"x 99999999999999999999 subscribers", "x", None),
        (b"\xff\x00\x1b[31m\r\nEvil/1", "31m Evil", None),
    ],
)
def test_a_program_is_known_by_its_name_and_what_it_reports(sent: bytes, name: str, subscribers: int | None) -> None:
    assert agent_of(sent)[:2] == (name, subscribers)


class Kept:
    """What SQL would keep, added up; `away` for as long as it does not answer."""

    def __init__(self) -> None:
        self.clients: dict[tuple[str, int, str, str], list[int]] = {}
        self.subscribers: dict[tuple[str, int, str, str], int] = {}
        self.sketches: dict[tuple[str, int], bytes] = {}
        self.salts: dict[int, str] = {}
        self.pruned: list[tuple[int, int]] = []
        self.away = False

    async def add(self, clients: Sequence[ClientCount], readers: Sequence[Readers] = ()) -> None:
        if self.away:
            raise StoreUnavailable("away")
        for one in clients:
            sums = self.clients.setdefault(one[:4], [0] * 5)
            for at, more in enumerate(one[4:9]):
                sums[at] += more
            if one.subscribers is not None:
                self.subscribers[one[:4]] = one.subscribers
        for each in readers:
            known = self.sketches.get((each.feed, each.day), bytes(len(each.sketch)))
            self.sketches[each.feed, each.day] = merged(known, each.sketch)

    async def salt(self, day: int, proposed: str) -> str:
        return self.salts.setdefault(day, proposed)

    async def prune(self, before_day: int, today: int) -> None:
        self.pruned.append((before_day, today))

    def readers(self, feed: str = "all") -> list[int]:
        return [estimate(sketch) for (name, _), sketch in sorted(self.sketches.items()) if name == feed]


def told(client: str = "192.0.2.7", agent: bytes = b"NetNewsWire/6", status: int = 200, **more: object) -> Served:
    values: dict[str, object] = {
        "feed": "all",
        "format": "rss",
        "size": 100 if status == 200 else 0,
        "conditional": False,
        **more,
    }
    return Served(status=status, client=client, user_agent=agent, **values)  # pyright: ignore[reportArgumentType]


def audience(kept: Kept, clock: Clock, seed: bytes = b"a") -> Audience:
    return Audience(kept, clock=clock, random=lambda size: blake2b(seed, digest_size=size).digest())


async def test_an_aggregator_counts_once_with_the_number_it_reports_however_many_addresses_it_has() -> None:
    kept, clock = Kept(), Clock()
    mine = audience(kept, clock)
    for n in range(50):
        mine.served(told(f"192.0.2.{n}", FEEDLY, 304 if n else 200, conditional=bool(n)))
    mine.served(told("198.51.100.1", FEEDLY.replace(b"1234", b"1250")))
    await mine.flush()
    [(key, sums)] = kept.clients.items()
    assert (key[0], key[2:], sums) == ("all", ("rss", "Feedly"), [51, 49, 2, 0, 200])
    assert kept.subscribers[key] == 1_250  # the newest
    assert kept.sketches == {}  # nobody of them is a single reader


async def test_single_readers_are_told_apart_and_nothing_of_them_is_kept() -> None:
    kept, clock = Kept(), Clock()
    mine = audience(kept, clock)
    for n in range(20):
        for _ in range(5):
            mine.served(told(f"192.0.2.{n}", status=304, conditional=True))
    mine.served(told("192.0.2.1", b"FreshRSS/1.20"))  # two programs in one house
    mine.served(told("192.0.2.1", b"Googlebot/2.1"))  # a machine is no reader
    mine.served(told(""))  # nobody knows who
    await mine.flush()
    assert kept.readers() == [21]
    stored = repr((kept.clients, kept.sketches))
    assert "192.0.2" not in stored
    assert all(max(sketch) < 64 for sketch in kept.sketches.values())


async def test_two_processes_share_the_days_salt_and_count_a_reader_once() -> None:
    kept, clock = Kept(), Clock()
    one, other = audience(kept, clock, b"a"), audience(kept, clock, b"b")
    for n in range(30):
        one.served(told(f"192.0.2.{n}"))
        other.served(told(f"192.0.2.{n + 10}"))
    await one.flush()
    await other.flush()
    assert abs(kept.readers()[0] - 40) <= 3
    [sums] = kept.clients.values()
    assert sums[0] == 60


async def test_a_day_ends_with_a_new_salt_and_old_days_are_forgotten() -> None:
    kept, clock = Kept(), Clock()
    mine = audience(kept, clock)
    mine.served(told())
    await mine.fold()
    clock.now += timedelta(days=1)
    mine.served(told())
    await mine.flush()
    assert sorted(kept.salts) == [day := min(kept.salts), day + 1]
    assert kept.readers() == [1, 1]
    assert {key[1] for key in kept.clients} == {day, day + 1}
    assert kept.pruned[-1] == (day + 1 - 30, day + 1)


async def test_what_sql_does_not_take_is_told_with_the_next() -> None:
    kept, clock = Kept(), Clock()
    mine = audience(kept, clock)
    mine.served(told())
    kept.away = True
    await mine.flush()
    mine.served(told(status=429))
    kept.away = False
    await mine.flush()
    await mine.flush()
    assert list(kept.clients.values()) == [[2, 0, 1, 1, 100]]
    assert kept.readers() == [1]


async def test_programs_of_a_feed_are_bounded() -> None:
    kept, clock = Kept(), Clock()
    mine = audience(kept, clock)
    for n in range(PROGRAMS + 50):
        mine.served(told(agent=f"Own{chr(65 + n // 26)}{chr(65 + n % 26)}/1".encode()))
    await mine.flush()
    assert len(kept.clients) == PROGRAMS + 1
    assert sum(sums[0] for sums in kept.clients.values()) == PROGRAMS + 50
    assert next(sums[0] for key, sums in kept.clients.items() if key[3] == OTHER) == 50
