import pytest

from services.text.sentences import split
from services.text.tokens import count_words, width


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        ("en", ["Dr. Smith met J. K. Holt at 5 p.m. on Monday.", 'He said: "No way."', "Then he left."]),
        ("en", ["U.S. troops left.", "It cost 3.5 million, i.e. too much."]),
        ("fr", ["M. Dupont est là.", "« Oui ! » a-t-il dit.", "Mme Durand est partie."]),
        ("de", ["Am 3. Mai kam Dr. Meyer z. B. nach Berlin.", "Der 2. Zug fiel aus."]),
        ("es", ["El Sr. López vino.", "¿Qué pasó?", "¡Nada!"]),
        ("ru", ["В 2021 г. в городе выпал снег.", "А. С. Веткина рада.", "Это 5 млн. рублей."]),
        ("tr", ["3. Mayıs günü Dr. Ahmet geldi.", "Sonra gitti."]),
        ("it", ["Il dott. Rossi è qui.", "Va bene."]),
        ("pt", ["A Sra. Roxo chegou.", "Sim."]),
        ("ar", ["قال الوزير نعم.", "هل وافق؟", "لا."]),
        ("he", ["הוא אמר כן.", "היא הלכה."]),
        ("hi", ["यह है।", "वह है।"]),
        ("und", ["One thing.", "Another."]),
        ("tlh", ["One thing.", "Another."]),
    ],
)
def test_sentences_end_where_a_reader_says(lang: str, sentences: list[str]) -> None:
    assert split(" ".join(sentences), lang) == sentences


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [("zh", ["今天下雨。", "明天呢？", "好！"]), ("ja", ["彼は言った。", "「そうだ。」と答えた。", "終わり。"])],
)
def test_scripts_without_spaces(lang: str, sentences: list[str]) -> None:
    assert split("".join(sentences), lang) == sentences


def test_a_line_end_ends_a_sentence() -> None:
    assert split("No full stop\nAnd another", "en") == ["No full stop", "And another"]


@pytest.mark.parametrize(
    ("text", "total", "cjk"),
    [
        ("", 0, 0),
        ("l'alliance des États-Unis", 3, 0),
        ("1541公里", 3, 2),
        ("1,541 and 3.5.", 3, 0),
        ("東京 2026", 3, 2),
        ("हिन्दी में", 2, 0),
        ("צה״ל אמר", 2, 0),
        ("שָׁלוֹם", 1, 0),
        ("a_b — c", 3, 0),
        ("👩‍🚀 ok", 1, 0),
    ],
)
def test_words(text: str, total: int, cjk: int) -> None:
    words = count_words(text)
    assert (words.total, words.cjk) == (total, cjk)


def test_thai_is_counted_by_letters() -> None:
    assert count_words("ภาษาไทย") == (7, 0, 7)


def test_a_chinese_character_is_as_wide_as_two_letters() -> None:
    assert width("ab公里") == 6
