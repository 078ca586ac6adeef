"""The filter language by example: what it reads, what matches and why, what it says of mistakes."""

import random
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.filters import FilterError, FilterIndex, Subject, from_json, parse

ARTICLE = Subject(
    id="urn:x:1",
    section=("world", "economie"),
    tag=("cop31", "政治"),
    language="pt-br",
    source=("ria-novosti",),
    author=("zoe-muller",),
    has=("image", "enclosure"),
    title="Climate summit opens in Belém",
    summary="L'eau monte.",
    body_html="<p>Delegates from <b>Sao</b> Paulo.</p><p>東京都で政治家が会う。서울에서 น้ำท่วม הנשיא צה״ל</p>",
    published=datetime(2026, 3, 4, 12, tzinfo=UTC),
    updated=datetime(2026, 3, 5, tzinfo=UTC),
    urgency=2,
    words=640,
)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", ("all",)),
        ("*", ("all",)),
        ("section:World", ("section:world",)),
        ("section:Économie", ("section:economie",)),
        ("Section:(sport OR ÉCONOMIE OR world)", ("section:world", "section:economie")),
        ("section:wor*", ("section:world",)),
        ('source:"RIA Novosti"', ("source:ria-novosti",)),
        ('source:"RIA N"*', ("source:ria-novosti",)),
        ('author:"Zoë Müller"', ("author:zoe-muller",)),
        ("tag:政治", ("tag:政治",)),
        ("lang:pt", ("language:pt",)),
        ("language:PT_br", ("language:pt-br",)),
        ("lang:pt-PT", None),
        ("lang:(fr OR pt)", ("language:pt",)),
        ("climate", ("climate",)),
        ("CLIMATE Summit", ("CLIMATE", "Summit")),
        ('"climate summit"', ('"climate summit"',)),
        ('"summit climate"', None),
        ("clim*", ("clim*",)),
        ("limat*", None),
        ('"climate sum"*', ('"climate sum"*',)),
        ("belem", ("belem",)),
        ('"belem l\'eau"', None),  # no phrase crosses from the headline to the summary
        ('"sao paulo"', ('"sao paulo"',)),
        ("title:summit", ("title:summit",)),
        ("title:delegates", None),
        ("text:delegates", ("delegates",)),
        ("title:(summit OR delegates OR clim*)", ("title:summit", "title:clim*")),
        ("東京", ("東京",)),
        ("京都", ("京都",)),
        ("政治家", ("政治家",)),
        ("家会", None),
        ("都", ("都",)),
        ("서울", ("서울",)),
        ("น้ำท่วม", ("น้ำท่วม",)),
        ('צה"ל', ('"צה\\"ל"',)),
        ("eau", ("eau",)),
        ("has:image", ("has:image",)),
        ("has:(video OR audio)", None),
        ("id:urn:x:1", ("id:urn:x:1",)),
        ("id:urn:*", ("id:urn:x:1",)),
        ("id:URN:x:1", None),
        ("urgency:2", ("urgency:2",)),
        ("urgency:<2", None),
        ("urgency:1..3", ("urgency:1..3",)),
        ("words:>=640", ("words:>=640",)),
        ("words:>640", None),
        ("published:2026-03-04", ("published:2026-03-04",)),
        ("published:>2026-03-04", None),  # after that day
        ("published:>=2026-03-04", ("published:>=2026-03-04",)),
        ("published:<2026-03-04", None),
        ("published:<=2026-03-04", ("published:<=2026-03-04",)),
        ("published:2026-03", ("published:2026-03",)),
        ("published:2025", None),
        ("published:2026-03-04T12:00Z", ("published:2026-03-04T12:00Z",)),
        ("published:>2026-03-04T11:59Z", ("published:>2026-03-04T11:59Z",)),
        ("published:>2026-03-04T11:59:59Z", ("published:>2026-03-04T11:59:59Z",)),
        ("published:>2026-03-04T12:00:00Z", None),
        ("published:2025-12..2026-02", None),
        ("published:..9999", ("published:..9999",)),
        ("published:>=2026-03-04T14:01+02:00", None),
        ("published:<2026-03-04t14:01+02:00", ("published:<2026-03-04T14:01+02:00",)),
        ("published:2026-01..2026-03", ("published:2026-01..2026-03",)),
        ("published:2026-03-05..", None),
        ("updated:..2026-03-05", ("updated:..2026-03-05",)),
        ("-tag:sport", ("-tag:sport",)),
        ("-tag:cop31", None),
        ("section:world -tag:sport", ("section:world",)),
        ("NOT tag:sport section:world", ("section:world",)),
        ("-(tag:sport OR tag:cop31)", None),
        ("NOT NOT tag:cop31", ("tag:cop31",)),
        ("tag:sport OR section:world lang:fr", None),  # AND binds closer than OR
        ("(tag:sport OR section:world) lang:pt", ("section:world", "language:pt")),
        ("section:world AND lang:pt", ("section:world", "language:pt")),
        ("tag:(cop31 政治)", ("tag:cop31", "tag:政治")),
        ("tag:(cop31 -政治)", None),
        ("section:world or climate", None),  # a small "or" is a word
        ("（section：world）", ("section:world",)),
        ("“climate summit”", ('"climate summit"',)),
        ("-*", None),
        ("section:world\n\tlang:pt", ("section:world", "language:pt")),
        ("section:world (section:world OR tag:sport)", ("section:world",)),  # each reason once
        (" ".join(["-tag:sport"] * 40 + ["lang:pt"]), ("language:pt",)),  # side by side is not deep
    ],
)
def test_a_line_matches_and_says_why(line: str, why: tuple[str, ...] | None) -> None:
    assert parse(line).test(ARTICLE) == why


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("tag:a sectoin:world", 7, 'did you mean "section:"'),
        ("language:fr headline:x", 13, 'did you mean "title:"'),
        ("https://news.example", 1, "put it in quotes"),
        ("section:", 9, "write section:value"),
        ("section: world", 9, "directly after section:"),
        ('a "b c', 3, "quote is never closed"),
        ("a (b", 3, '"(" is never closed'),
        ("a) b", 2, '")" closes nothing'),
        ("a ()", 3, "nothing between the parentheses"),
        ("a OR", 5, "OR needs something after it"),
        ("OR a", 1, "OR needs something before it"),
        ("a AND AND b", 7, "AND needs something before it"),
        ("(a NOT)", 7, "NOT needs something after it"),
        ("a - b", 3, "write -word"),
        ("lang:(fr en)", 10, "write language:(a OR b)"),
        ("lang:français", 6, "write one like fr or pt-BR"),
        ("lang:fr*", 6, "write language:fr"),
        ("section:world,sport", 9, "section:(world OR sport)"),
        ("section:(a tag:b)", 12, "close the group before tag:"),
        ('section:"!!!"', 9, "no letter or digit"),
        ("a & b", 3, "no letter or digit"),
        ("*a", 1, "only at the end"),
        ("a*b", 2, "only at the end"),
        ("section:*", 9, "only at the end"),
        ("published:>-7d", 11, "write the date itself"),
        ("published:today", 11, "write the date itself"),
        ("published:soon", 11, "write 2026, 2026-01"),
        ("published:2026-02-30", 11, "not in the calendar"),
        ("published:2026-01-01T10:00", 11, "write 2026-01-01T10:00Z"),
        ("published:2026..2025", 11, "write 2025..2026"),
        ("published:..", 11, "needs an end"),
        ("published:2026*", 11, 'a time has no "*"'),
        ("published:>", 12, "value is missing"),
        ("urgency:0", 9, "from 1 to 9"),
        ("words:many", 7, "whole number"),
        ("has:pictures", 5, "it knows image"),
        ("has:vidoe", 5, 'did you mean "video"'),
        ("(" * 33 + "a" + ")" * 33, 33, "deeper than 32"),
        ("-" * 40 + "a", 33, "deeper than 32"),
        (" ".join(["a"] * 501), 1001, "at most 500 terms"),
        ("a" * 4_001, 4_000, "at most 4,000 characters"),
        ("section:" + "\ufdfa" * 300, 1, "4,000 characters"),  # eighteen letters each, written out
    ],
)
def test_a_mistake_is_named_with_its_column_and_its_cure(line: str, column: int, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(line)
    assert (caught.value.column, says.lower() in str(caught.value).lower()) == (column, True), str(caught.value)


def test_a_caret_points_at_the_place() -> None:
    with pytest.raises(FilterError) as caught:
        parse("政治 sectoin:world")
    assert caught.value.pointed().splitlines()[:2] == ["政治 sectoin:world", "     ^"]
    with pytest.raises(FilterError) as caught:
        parse("word " * 100 + "sectoin:world\n" + "word " * 50)
    line, caret, _ = caught.value.pointed().splitlines()
    assert line[caret.index("^") :].startswith("sectoin:world ")
    assert len(line) <= 80


@pytest.mark.parametrize(
    ("value", "where", "says"),
    [
        ({"sectoin": "world"}, "/sectoin", 'did you mean "section:"'),
        ({"and": [{"tag": "a"}, {"not": {"urgency": 12}}]}, "/and/1/not/urgency", "from 1 to 9"),
        ({"or": []}, "/or", "a list of parts"),
        ({"or": ["tag:a"]}, "/or/0", "is an object"),
        ({"tag": ["a", None]}, "/tag/1", "a string or a number"),
        ({"tag": True}, "/tag", "a string or a number"),
        ({"prefix": "clim"}, "/prefix", "is an object"),
        ({"a/b~": 1}, "/a~1b~0", "there is no field"),
        ({"tag": [str(n) for n in range(501)]}, "/tag/500", "at most 500"),
    ],
)
def test_a_mistake_in_json_is_named_with_its_pointer(value: dict[str, object], where: str, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        from_json(value)
    assert (caught.value.where, says in str(caught.value)) == (where, True), str(caught.value)


def test_json_nested_without_end_is_refused() -> None:
    deep: dict[str, object] = {"tag": "a"}
    for _ in range(5_000):
        deep = {"not": deep}
    with pytest.raises(FilterError, match="nested"):
        from_json(deep)
    mixed: dict[str, object] = {"tag": "a"}
    for n in range(90):
        mixed = {"or" if n % 2 else "and": [mixed, {"tag": str(n)}]}
    with pytest.raises(FilterError, match="32 levels"):
        from_json(mixed)


def test_the_simple_json_is_lists_of_names() -> None:
    stated = {"section": ["World", "Économie"], "tag": [], "language": ["pt"]}
    assert str(from_json(stated)) == "section:(world OR economie) language:pt"
    assert from_json(stated).to_json() == {"section": ["world", "economie"], "language": ["pt"]}
    assert from_json("section:world") == parse("section:world")


@pytest.mark.parametrize(
    "line",
    [
        "(" * 4_000,
        ")" * 4_000,
        '"' * 3_999,
        '"\\' * 1_999,
        "-" * 4_000,
        "NOT " * 999,
        "a:" * 2_000,
        "a " * 2_000,
        "(a OR " * 600,
        "lang:(" * 600,
        "*" * 4_000,
        "published:>" + "9" * 3_000,
        "published:" + ".." * 1_900,
        "a" * 3_999 + "*",
        "é" * 4_000,
        "\u0301" * 4_000,
        "x\u0301" * 2_000,
        "𠀀" * 4_000,
        'א"' * 2_000,
        "<" * 4_000,
        "section:" + "<>=" * 1_300,
    ],
)
def test_a_hostile_line_costs_milliseconds(line: str) -> None:
    begun = time.process_time()
    try:
        query = parse.__wrapped__(line)
    except FilterError as error:
        error.pointed()
    else:
        query.test(ARTICLE)
    assert time.process_time() - begun < 0.1


def test_a_hostile_filter_on_a_large_article_is_linear() -> None:
    body = "<p>" + "ab " * 100_000 + "</p>" + "<" * 50_000
    article = replace(ARTICLE, body_html=body)
    begun = time.process_time()
    assert "ab" in article.text_words
    assert time.process_time() - begun < 2
    query = parse(" ".join(f'"{"ab " * 3}x{n}"' for n in range(200)))
    begun = time.process_time()
    assert query.test(article) is None
    assert parse("OR".join(f' "{"ab " * 3}x{n}" ' for n in range(200))).test(article) is None
    assert time.process_time() - begun < 2


def test_the_index_asks_few_filters_of_many() -> None:
    chance = random.Random(5)
    index = FilterIndex[int]()
    for n in range(20_000):
        topic = chance.choice((f"tag:t{n}", f"word{n}", f'"phrase number{n}"', f"pre{n}*", f"author:a{n} -tag:x"))
        index.put(n, parse(f"{topic} section:s{n % 5} lang:(fr OR en)"))
    index.put(-1, parse("section:s1 lang:fr"))
    index.put(-2, parse("section:s1 lang:fr"))
    article = Subject(section=("s1",), tag=("t1", "t6"), language="fr", title="phrase number16 word21 pre99901")
    found = index.match(article)
    by_hand = {n for n in found if n >= 0}
    assert found.keys() >= {-1, -2}
    assert len(by_hand) < 20
    assert index.candidates(article) < 60


def test_an_unlikely_key_that_is_not_filed_is_still_asked() -> None:
    index = FilterIndex[int]()
    index.put(1, parse("section:world a"))
    assert index.match(Subject(section=("world",))) == {}
    assert index.match(Subject(section=("world",), title="A")) == {1: ("section:world", "a")}


def test_a_filter_put_again_is_replaced() -> None:
    index = FilterIndex[str]()
    index.put("k", parse("tag:a"))
    index.put("k", parse("tag:b"))
    assert (len(index), "k" in index) == (1, True)
    assert index.match(Subject(tag=("a",))) == {}
    assert index.match(Subject(tag=("b",))) == {"k": ("tag:b",)}
    index.remove("k")
    index.remove("k")
    assert (len(index), index.match(Subject(tag=("b",)))) == (0, {})
