"""Words to search by, script by script."""

import time

import pytest

from services.demo.newsroom import stories
from services.text.words import Phrase, phrase, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" … — !", []),
        ("Don't STOP, re-open 1,541 items_now", ["don", "t", "stop", "re", "open", "1", "541", "items", "now"]),
        ("L’alliance États-Unis", ["l", "alliance", "etats", "unis"]),
        ("Größe ŒUVRE Ærø Łódź Đồng þing", ["grosse", "oeuvre", "aero", "lodz", "dong", "thing"]),
        ("e\u0301te\u0301 été", ["ete", "ete"]),  # decomposed or not
        ("İstanbul ısı", ["istanbul", "isi"]),
        ("ﬁn ℡ Ⅳ ＡＢＣ１", ["fin", "tel", "iv", "abc1"]),
        ("Ёлка, й, за́мок", ["елка", "й", "замок"]),
        ("ΑΘΉΝΑ Αθήνα οδός", ["αθηνα", "αθηνα", "οδοσ"]),
        ("مُحَمَّد الأخبار آسيا كتـــاب ﻻ", ["محمد", "الاخبار", "اسيا", "كتاب", "لا"]),
        ("می‌خواهم", ["ميخواهم"]),
        ("שָׁלוֹם צה״ל בית־ספר", ["שלום", "צה", "ל", "בית", "ספר"]),
        ("हिन्दी समाचार, नई।", ["हिन्दी", "समाचार", "नई"]),
        ("বাংলা தமிழ் አማርኛ ქართული", ["বাংলা", "தமிழ்", "አማርኛ", "ქართული"]),
        ("東京都。政治", ["東京", "京都", "都", "政治", "治"]),
        ("ﾄﾖﾀ カ\u3099", ["トヨ", "ヨタ", "タ", "ガ"]),  # half width; a mark apart
        ("G7峰会1541公里", ["g7", "峰会", "会", "1541", "公里", "里"]),
        ("서울에서 그래", ["서울", "울에", "에서", "서", "그래", "래"]),
        ("น้ำท่วม", ["น้ํา", "าท่", "ท่ว", "วม", "ม"]),
        ("a𠀀𠀁 😀 👍🏽", ["a", "𠀀𠀁", "𠀁"]),
    ],
)
def test_words_of_every_script(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "prefix", "sought"),
    [
        ("Climate Summit", False, Phrase(("climate", "summit"))),
        ("clim", True, Phrase(("clim",), prefix=True)),
        ("東京", False, Phrase(("東京",))),
        ("東京都", True, Phrase(("東京", "京都"))),  # what follows is free in any case
        ("都", False, Phrase(("都",), prefix=True)),
        ("G7峰会", False, Phrase(("g7", "峰会"))),
        ("東京 都", False, Phrase(("東京", "京", "都"), prefix=True)),
        ("น้ำ", False, Phrase(("น้ํา",))),
        ("!", True, Phrase(())),
    ],
)
def test_what_is_looked_for_is_read_alike(text: str, prefix: bool, sought: Phrase) -> None:  # noqa: FBT001
    assert phrase(text, prefix=prefix) == sought


@pytest.mark.parametrize("language", sorted({story["language"] for story in stories()}))
def test_an_article_of_5_kb_is_cut_within_a_few_milliseconds(language: str) -> None:
    text = (" ".join(line for story in stories() if story["language"] == language for line in story["body"]) * 20)[
        :5_000
    ]
    words(text)
    took: list[float] = []
    for _ in range(5):
        begun = time.process_time()
        words(text)
        took.append(time.process_time() - begun)
    assert min(took) < 0.005  # 0.1 to 0.9 ms on a machine of its own; five times that for a crowded one


@pytest.mark.parametrize(
    "text",
    [
        "\u0301" * 500_000,
        "é" * 500_000,
        "ab" * 250_000,
        "a\u0301" * 250_000,
        "京" * 200_000,
        "ก้" * 200_000,
        "\u0640" * 500_000,
    ],
)
def test_hostile_text_is_linear(text: str) -> None:
    begun = time.process_time()
    words(text)
    assert time.process_time() - begun < 3
