"""What the doors share: what is in memory, who may have it, and codings that are made once somebody can read them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.serving import Served
from services.http.clients import Client
from services.http.feeds import Answers, Limits, Rates
from services.http.feeds.answers import Visitor
from services.http.feeds.decision import Asked
from services.http.feeds.target import Target, asks_history, parse, parse_raw
from services.syndicate.document import Document
from services.syndicate.documents import Documents
from tests.buses import eventually
from tests.unit.test_documents import SITE, T0, Shelf

READER = Visitor(Client("203.0.113.7", is_local=False))
MODERN = Asked(accept_encoding=b"gzip, br, zstd")


@pytest.fixture
def shelf() -> Shelf:
    made = Shelf()
    for n in range(20):
        made.put("tag/x", str(n), "First " * 20, n)
        made.put("tag/secret", str(n), "Secret", n)
    made.rows["tag/secret"] = made.rows["tag/secret"].model_copy(update={"owner": "s1"})
    return made


@pytest.fixture
async def answers(shelf: Shelf) -> AsyncIterator[Answers]:
    documents = Documents(shelf, SITE, cache_bytes=10_000_000)
    made = Answers(
        documents,
        clock=lambda: T0 + timedelta(days=1),
        monotonic=lambda: 0.0,
        limits=Limits(Rates()),
    )
    yield made
    await made.close()
    await documents.close()


async def ready(answers: Answers, name: str = "tag/x", form: str = "rss") -> Document:
    found = await answers.documents.get(name, form)
    assert isinstance(found, Document)
    return found


async def test_a_public_document_in_memory_is_found_by_its_raw_path(answers: Answers) -> None:
    assert answers.find(b"/feeds/tag/x.rss") is None
    document = await ready(answers)
    for path in (b"/feeds/tag/x.rss", b"/feeds/tag%2Fx.rss"):
        assert answers.find(path) is document
        assert answers.find(path) is document  # remembered
    for path in (b"/feeds/tag/x.xml", b"/feeds/tag/x", b"/other/tag/x.rss", b"/feeds/tag/x.atom", b"/feeds/\xff.rss"):
        assert answers.find(path) is None


async def test_a_private_document_is_never_found_without_its_gate(answers: Answers) -> None:
    assert (await ready(answers, "tag/secret")).policy.kind == "private"
    assert answers.find(b"/feeds/tag/secret.rss") is None


async def test_rule_47_br_is_made_once_for_all_who_can_read_it(answers: Answers) -> None:
    document = await ready(answers)
    replies = [answers.answer(document, MODERN, READER) for _ in range(10)]
    assert {dict(reply.headers)[b"content-encoding"] for reply in replies} == {b"gzip"}
    await eventually(lambda: "br" in document.more)
    reply = answers.answer(document, MODERN, READER)
    assert dict(reply.headers)[b"content-encoding"] == b"br"
    assert len(reply.body) < len(replies[0].body)
    assert dict(reply.headers)[b"etag"] == document.tags["br"]
    assert answers.packer.made == 1
    assert "zstd" not in document.more


async def test_rule_47_a_coding_that_fails_leaves_gzip(answers: Answers) -> None:
    broken = replace(await ready(answers), tags={})
    answers.packer.want(broken, "br")
    await eventually(lambda: "br" in broken.more)
    assert broken.coded("br") is None


async def test_one_who_only_asks_for_news_makes_no_coding(answers: Answers) -> None:
    document = await ready(answers)
    tag = document.tags["gzip"]
    assert answers.answer(document, MODERN._replace(if_none_match=tag), READER).status == 304
    await asyncio.sleep(0)
    assert document.more == {}


async def test_what_is_told_holds_no_more_than_counting_needs(answers: Answers) -> None:
    told: list[Served] = []
    made = Answers(
        answers.documents,
        clock=answers.clock,
        monotonic=lambda: 0.0,
        limits=Limits(Rates(burst=3)),
        on_served=told.append,
    )
    document = await ready(made)
    visitor = Visitor(Client("203.0.113.7", is_local=False), b"Reader/1")
    for _ in range(4):
        made.answer(document, Asked(), visitor)
    size = len(document.identity.data)
    assert told[0] == Served("tag/x", "rss", 200, size, b"Reader/1", "203.0.113.7", conditional=False)
    assert [one.status for one in told] == [200, 200, 200, 429]


async def test_before_its_last_change_by_the_clock_nothing_is_remembered(answers: Answers) -> None:
    """Rule 44: Last-Modified follows the clock until it has caught up."""
    document = await ready(answers)
    at = [document.changed_at - timedelta(seconds=5)]
    early = Answers(answers.documents, clock=lambda: at[0], monotonic=lambda: 0.0, limits=Limits(Rates()))
    first = dict(early.answer(document, Asked(), READER).headers)[b"last-modified"]
    at[0] += timedelta(seconds=1)
    assert dict(early.answer(document, Asked(), READER).headers)[b"last-modified"] != first


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/feeds/all.rss", Target("all", "rss")),
        ("/feeds/section/x.y.json", Target("section/x.y", "json")),
        ("/feeds/all/archive/1/26-50.atom", Target("all", "atom", "archive/1/26-50")),
        ("/feeds/section/archive/archive/2/1-25.rss", Target("section/archive", "rss", "archive/2/1-25")),
        ("/feeds/section/archive.rss", Target("section/archive", "rss")),
        ("/feeds/saved/page/abc_-1.json", Target("saved", "json", "page/abc_-1")),
        ("/feeds/page/x.rss", Target("page/x", "rss")),
        ("/feeds/all/archive/1/x-50.atom", Target("all/archive/1/x-50", "atom")),
        ("/feeds/.rss", None),
        ("/feeds/all.RSS", None),
        ("/feeds/all.xml", None),
        ("/feeds/all", None),
        ("/feeds", None),
        ("/all.rss", None),
    ],
)
def test_a_path_names_a_document(path: str, target: Target | None) -> None:
    assert parse(path) == target
    assert parse_raw(path.encode()) == target


def test_some_parameters_ask_for_history_and_all_others_are_ignored() -> None:
    for query in (b"since=1", b"a=b&cursor=x", b"limit", b"wait=15&since"):
        assert asks_history(query)
    for query in (b"", b"utm_source=since", b"sinces=1", b"null", b"&&"):
        assert not asks_history(query)
