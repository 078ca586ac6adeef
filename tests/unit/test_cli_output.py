"""What people are shown: durations, unknowns, tables, and nothing that steers their terminal."""

import pytest

from services.cli.errors import UsageError
from services.cli.output import clean, number, seconds, table
from services.cli.places import redis_cli, without_password


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.25, "250 ms"),
        (1, "1.0 s"),
        (9.96, "10.0 s"),
        (12.4, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_durations_are_said_as_people_say_them(value: float | None, said: str) -> None:
    assert seconds(value) == said


def test_an_error_and_its_cure_are_two_sentences() -> None:
    assert str(UsageError("no such file", "Name one")) == "no such file. Name one"
    assert str(UsageError("which one?", "Name it")) == "which one? Name it"


def test_an_unknown_count_is_a_dash_and_zero_is_zero() -> None:
    assert (number(None), number(0), number(12_345)) == ("–", "0", "12,345")


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("a\nb\r\tc", "a b c"),
        ("\x9b2Jx\x7f", "�2Jx�"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("\ud800", "�"),
        ("Élan « 政治 » العربية 👩\u200d🚀", "Élan « 政治 » العربية 👩\u200d🚀"),
        (None, "–"),
    ],
)
def test_control_and_bidi_characters_are_made_harmless(hostile: str | None, shown: str) -> None:
    assert clean(hostile) == shown


def test_a_table_is_plain_and_aligned_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    table(("id", "title"), [("1", "[bold]x[/]"), ("22", "\x1b[2Jy")])
    assert capsys.readouterr().out.splitlines() == ["id  title", "1   [bold]x[/]", "22  �[2Jy"]


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    table(("id",), [], empty="no webhooks")
    assert capsys.readouterr().out == "no webhooks\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p%40ss@db:5432/w", "postgresql://***@db:5432/w"),
        ("redis://:p@h:6379/0", "redis://***@h:6379/0"),
        ("postgresql:///w?host=/run", "postgresql:///w?host=/run"),
        ("/data/with@sign/wireroom.sqlite", "/data/with@sign/wireroom.sqlite"),
        ("unix:///run/a@b/redis.sock", "unix:///run/a@b/redis.sock"),
    ],
)
def test_passwords_in_urls_are_hidden(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_the_queue_s_address_is_ready_for_redis_cli() -> None:
    assert redis_cli("unix:///home/é è/redis.sock?db=0") == "redis-cli -s '/home/é è/redis.sock'"
    assert redis_cli("unix:///home/%C3%A9%20%C3%A8/s") == "redis-cli -s '/home/é è/s'"  # as the private Redis names it
    assert redis_cli("redis://127.0.0.1:6379/0") == "redis-cli -u redis://127.0.0.1:6379/0"
