"""Search on both databases: the same words, in every language, and only what readers may see."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from schemas.article import RetractionKind
from schemas.jobs import Indexed, SyndicatePlan
from services.filters import Subject, parse
from services.filters.indexed import LONGEST, MOST, evaluate, index, recall
from services.filters.sought import sought
from services.store.search import PART, fts5, tsquery
from services.syndicate.core import plan
from services.syndicate.prepare import indexed, indexed_again
from tests.stores import ALL, Newsroom, article, published, retracted

TEXTS = {
    "fr": "L’État prépare la rentrée à Besançon ; l'œuvre est achevée",
    "de": "Die Straße nach Köln ist wegen Hochwassers gesperrt",
    "tr": "İstanbul Boğazı'nda sis nedeniyle gemi trafiği durdu",
    "pl": "W Łodzi otwarto nową linię tramwajową",
    "ru": "Ёлку привезли на площадь, жители довольны",
    "el": "Η Αθήνα γιορτάζει με μουσική στους δρόμους",
    "ar": "أعلنت الحكومةُ خطةً جديدةً للمياه",
    "fa": "بازارِ کتاب‌های کودکان رونق گرفت",
    "he": "הגשר נפתח שוב לתנועה",
    "hi": "नदी पर नया पुल बनकर तैयार है",
    "zh": "东京都政府宣布新的环境计划",
    "ja": "東京都の新しい図書館が開館しました",
    "ko": "서울의 지하철이 다시 운행합니다",
    "th": "ตลาดน้ำเปิดให้บริการอีกครั้งในวันนี้",
    "vi": "Thành phố mở lại cây cầu cũ",
}
FOUND = [
    ("besancon", "fr"),
    ("etat", "fr"),
    ('"la rentree"', "fr"),
    ("oeuvre", "fr"),
    ("strasse", "de"),
    ("hochw*", "de"),
    ("istanbul", "tr"),
    ("lodzi", "pl"),
    ("елку", "ru"),
    ("αθηνα", "el"),
    ("الحكومة", "ar"),
    ("اعلنت", "ar"),
    ("كتاب*", "fa"),
    ("הגשר", "he"),
    ("पुल", "hi"),
    ("环境", "zh"),
    ("东京都", "zh"),
    ("東京都", "ja"),
    ("図書館", "ja"),
    ("美", None),
    ("지하철", "ko"),
    ("ตลาด", "th"),
    ("cay cau", "vi"),
    ('"cau cay"', None),
    ('"nouvelle rentree"', None),
]


async def show(room: Newsroom, *submissions: Any) -> None:
    """Take events through the stages, as the worker does."""
    ids = [await room.take(one) for one in submissions]
    await room.enrich(*ids)
    await syndicate(room, ids)


async def syndicate(room: Newsroom, ids: list[str]) -> None:
    plans: list[SyndicatePlan] = []
    for job in (await room.store.feeds.load(ids)).values():
        made = plan(job, base_url="https://n.example", publisher="N")
        if made.entry is not None:
            made = made._replace(indexed=indexed(made.entry))
        plans.append(made)
    await room.store.feeds.record(plans, room.now)


async def offload(task: Any, /, *args: Any) -> Any:
    return task(*args)


async def found(room: Newsroom, line: str, *, part: int = PART) -> list[str]:
    """What matches, the newest first."""
    return [
        hit.row.article_id
        async for scanned in room.store.search.scan(parse(line), offload, part=part)
        for hit in scanned.hits
    ]


@pytest.fixture
async def library(room: Newsroom) -> Newsroom:
    await show(room, *(published(article(code, said, language=code)) for code, said in TEXTS.items()))
    return room


async def test_words_are_found_in_every_language_by_both_databases(library: Newsroom) -> None:
    for line, name in FOUND:
        assert await found(library, line) == ([name] if name else []), line


async def test_the_index_is_asked_and_not_every_article(library: Newsroom) -> None:
    """The databases find exactly the articles that hold the words: nothing is left to chance or to their parsers."""
    for line, name in FOUND:
        rows = await library.store.search.rows(parse(line))
        assert len(rows) <= 2, (line, name)
        assert name is None or name in [row.article_id for row in rows], line


async def test_terms_that_are_no_words_and_exclusions_are_asked_of_what_the_words_left(room: Newsroom) -> None:
    await show(
        room,
        published(article("a", "Ferry stops", tags=("boats",), sections=("World",))),
        published(article("b", "Ferry goes", tags=("boats",))),
        published(article("c", "Train stops")),
    )
    for line, names in {
        "ferry": ["b", "a"],
        "ferry -stops": ["b"],
        "stops -tag:boats": ["c"],
        "-ferry": ["c"],
        "section:world": ["a"],
        "tag:boats OR train": ["c", "b", "a"],
        "(ferry stops) OR (train -stops)": ["a"],
        "title:fer*": ["b", "a"],
        "": ["c", "b", "a"],
    }.items():
        assert await found(room, line) == names, line
        assert await found(room, line, part=1) == names, line


async def test_only_what_readers_may_see_is_found(room: Newsroom) -> None:
    soon = room.now + timedelta(hours=1)
    await show(
        room,
        published(article("open", "Ferry")),
        published(article("held", "Ferry", embargo_until=soon)),
        published(article("short", "Ferry", expires_at=soon)),
        published(article("wrong", "Ferry")),
        published(article("secret", "Ferry")),
    )
    assert sorted(await found(room, "ferry")) == ["open", "secret", "short", "wrong"]
    await show(room, retracted("wrong"), retracted("secret", kind=RetractionKind.TAKEDOWN))
    assert await found(room, "ferry") == ["short", "open"]
    room.later(hours=2)
    due = await room.store.outbox.due(room.now, 100)
    await syndicate(room, sorted({row.event_id for row in due if row.event_id}))
    assert await found(room, "ferry") == ["held", "open"]
    assert await found(room, "") == ["held", "open"]
    assert await room.store.search.count() == 2
    assert await hidden_words(room) == 0


async def hidden_words(room: Newsroom) -> int:
    """Words that SQLite's own table still knows of articles that are not there."""

    def count(connection: Connection) -> int:
        if connection.dialect.name != "sqlite":
            return 0
        lost = "SELECT count(*) FROM search_words WHERE search_words MATCH 'ferry' AND rowid NOT IN (SELECT id FROM search)"
        connection.execute(text("INSERT INTO search_words(search_words, rank) VALUES ('integrity-check', 1)"))
        return connection.execute(text(lost)).scalar_one()

    return await room.store.database.write(count)


async def test_a_revision_is_found_by_its_own_words_and_keeps_its_place(room: Newsroom) -> None:
    await show(room, published(article("a", "Ferry")), published(article("b", "Ferry")))
    await show(room, published(article("a", "Steamer")))
    assert await found(room, "ferry") == ["b"]
    assert await found(room, "steamer") == ["a"]
    assert await found(room, "") == ["b", "a"]


async def test_words_without_end_do_not_stop_an_article(room: Newsroom) -> None:
    """PostgreSQL refuses a lexeme of 2 KB and a vector of 1 MB; its transaction would take others with it."""
    giant, many = "g" * 5_000, " ".join(f"{number:x}é" for number in range(200_000))
    await show(
        room,
        published(article("giant", f"Ferry {giant[:900]}", content_text=giant)),
        published(article("many", "Ferry", content_text="x")),
        published(article("quote", "Ferry ' \" \\ :* & | ! ( ) <-> NEAR AND")),
    )
    for name, subject in {
        "giant": Subject(id="giant", title=giant),
        "many": Subject(id="many", title="Ferry", body_html=many),
    }.items():
        event_id = await room.take(published(article(name, "Ferry 2")))
        await room.enrich(event_id)
        [job] = (await room.store.feeds.load([event_id])).values()
        made = plan(job, base_url="", publisher="")
        await room.store.feeds.record([made._replace(indexed=index(subject), feeds=(ALL,))], room.now)
    assert await found(room, "ggggg*") == ["giant"]
    assert await found(room, "ferry") == ["quote", "many"]
    assert await found(room, "near") == ["quote"]
    assert len(index(Subject(body_html=many)).words.encode()) <= MOST
    assert max(map(len, index(Subject(title=giant)).words.split("\x1f"))) == LONGEST


async def test_entries_of_an_older_version_are_read_once_and_only_as_they_are_now(room: Newsroom) -> None:
    await show(
        room, published(article("a", "Ferry")), published(article("b", "Ferry")), published(article("c", "Ferry"))
    )

    def forget(connection: Connection) -> None:
        connection.execute(text("DELETE FROM search"))

    await room.store.database.write(forget)
    search = room.store.search
    first, second = await search.unread("", 2), await search.unread("b", 2)
    assert [row.article_id for row in (*first, *second)] == ["a", "b", "c"]
    rows = [*first, *second]
    made = [one for one in indexed_again([row.data for row in rows]) if one is not None]
    await show(room, retracted("a"))
    await show(room, published(article("b", "Steamer")))
    await search.learn(list(zip(rows, made, strict=True)))
    assert await found(room, "ferry") == ["c"]
    assert await found(room, "steamer") == ["b"]
    assert await search.unread("", 10) == []


def test_what_the_index_gives_back_answers_as_the_article_did() -> None:
    subject = Subject(
        id="a", section=("world",), tag=("t",), language="pt-br", source=("s",), author=("x",), has=("image",),
        title="東京都 ferry", summary="short", body_html="<p>long text</p>", urgency=3, words=7,
    )  # fmt: skip
    kept = index(subject)
    assert isinstance(kept, Indexed)
    again = recall(*kept)
    for line in (
        "title:ferry",
        '"東京都"',
        "long",
        '"short long"',
        "title:long",
        "lang:pt urgency:3 words:<8",
        "has:image",
    ):
        [why] = evaluate(parse(line), [kept])
        assert why == parse(line).test(subject) == parse(line).test(again), line


@pytest.mark.parametrize(
    ("line", "sqlite", "postgresql"),
    [
        ("a b*", '("a" AND "b" *)', "('a' & 'b':*)"),
        ('"a b" OR title:c', '(("a" AND "b") OR "c")', "(('a' & 'b') | 'c')"),
        ("a -b tag:x", '"a"', "'a'"),
        ("a (b OR tag:x)", '"a"', "'a'"),
        ("a a", '"a"', "'a'"),
    ],
)
def test_what_must_be_there_is_written_for_each_database(line: str, sqlite: str, postgresql: str) -> None:
    needed = sought(parse(line).root)
    assert needed is not None
    assert (fts5(needed), tsquery(needed)) == (sqlite, postgresql)


@pytest.mark.parametrize("line", ["", "tag:x", "-a", "a OR tag:x", "-(a b)"])
def test_where_no_word_must_be_there_every_article_is_asked(line: str) -> None:
    assert sought(parse(line).root) is None
