"""Rude pollers (rule 51): who may fetch how often, who is one client, and how much of it is remembered."""

import pytest

from services.http.clients import Client, client_key
from services.http.feeds.limits import Limits, Rates

FEED = "https://news.example/feeds/all.rss"
READER = client_key("203.0.113.7")


def allowed(limits: Limits, count: int, client: Client = READER, document: str = FEED, now: float = 0.0) -> int:
    return sum(limits.wait_s(client, document, now) == 0 for _ in range(count))


def test_rule_51_a_first_subscription_passes_and_a_flood_does_not() -> None:
    limits = Limits(Rates(burst=3, every_s=60))
    assert allowed(limits, 3) == 3
    assert limits.wait_s(READER, FEED, 0.0) == pytest.approx(60, abs=0.1)
    assert limits.wait_s(READER, FEED, 30.0) == pytest.approx(30, abs=0.1)
    assert allowed(limits, 5, now=60.1) == 1
    assert allowed(limits, 5, now=10_000.0) == 3


def test_rule_51_by_default_three_gets_pass_many_times_over() -> None:
    assert allowed(Limits(Rates()), 1_000) == 20


def test_who_fetches_once_a_minute_is_never_refused() -> None:
    limits = Limits(Rates(burst=3, every_s=60))
    assert all(limits.wait_s(READER, FEED, minute * 60.0) == 0 for minute in range(1_000))


def test_each_document_and_each_client_has_its_own_allowance() -> None:
    limits = Limits(Rates(burst=3))
    assert allowed(limits, 9) == 3
    assert allowed(limits, 9, document=FEED + "?") == 3
    assert allowed(limits, 9, client=client_key("203.0.113.8")) == 3


def test_an_aggregator_can_add_five_hundred_feeds_but_not_walk_for_ever() -> None:
    limits = Limits(Rates())
    assert sum(allowed(limits, 3, document=str(n)) for n in range(500)) == 1_500
    assert sum(allowed(limits, 1, document=f"more{n}") for n in range(1_000)) == 500
    assert limits.wait_s(READER, "another", 0.0) == pytest.approx(0.2, abs=0.01)
    assert sum(allowed(limits, 1, document=f"later{n}", now=10.0) for n in range(100)) == 50


def test_what_is_refused_costs_no_allowance() -> None:
    limits = Limits(Rates(burst=3, every_s=60))
    assert allowed(limits, 1_000) == 3
    assert allowed(limits, 1, now=61.0) == 1


def test_a_client_on_this_machine_has_a_wider_allowance_but_has_one() -> None:
    limits = Limits(Rates())
    for address in ("127.0.0.1", "::1"):
        assert allowed(limits, 1_000, client=client_key(address)) == 40
        assert all(limits.wait_s(client_key(address), FEED, 10 + n / 20) == 0 for n in range(1_000))


def test_nobody_is_held_to_account_for_an_unknown_client_and_limits_can_be_off() -> None:
    assert allowed(Limits(Rates()), 1_000, client=client_key("")) == 1_000
    assert allowed(Limits(Rates(enabled=False)), 1_000) == 1_000


def test_ipv6_is_counted_by_64() -> None:
    limits = Limits(Rates(burst=3))
    assert allowed(limits, 9, client=client_key("2001:db8:1:2::1")) == 3
    assert allowed(limits, 9, client=client_key("2001:db8:1:2:ffff::9")) == 0
    assert allowed(limits, 9, client=client_key("2001:db8:1:3::1")) == 3
    assert client_key("2001:db8:1:2:ffff::9").key == "2001:db8:1:2::/64"
    assert client_key("::ffff:203.0.113.7") == client_key("203.0.113.7")


def test_memory_is_bounded_and_the_newest_are_remembered() -> None:
    limits = Limits(Rates(burst=3), most=1_000)
    clients = [client_key(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(20_000)]
    for client in clients:
        assert limits.wait_s(client, FEED, 0.0) == 0
    assert limits.remembered <= 2_002
    assert allowed(limits, 9, client=clients[-1]) == 2
    assert limits.wait_s(client_key("192.0.2.1"), FEED, 1e6) == 0
