import pytest

from services.text.characters import Form, clean, strip_forbidden


def test_good_text_stays_as_it_is() -> None:
    text = "« L’Étoile » – 1 541 公里\u3000می\u200cخواهم\u200e क्\u200dष 🇫🇷 👩\u200d🚀"
    assert clean(text) == (text, {})


@pytest.mark.parametrize(
    ("raw", "text", "kind"),
    [
        ("a\x00b\x0b", "ab", "control_characters"),
        ("it\x92s", "it’s", "control_characters"),  # a cp1252 byte, decoded carelessly
        ("\x85", "…", "control_characters"),
        ("\x81", "", "control_characters"),  # cp1252 has nothing there
        ("a\ud800b", "ab", "lone_surrogates"),
        ("a\ufffe\U0010ffffb\ufdd0", "ab", "non_characters"),
        ("\ufeffa\u200bb\u00adc", "abc", "invisible_characters"),
        ("a\u202eb\u202c", "ab", "bidi_controls"),
        ("a\u2069b\u2066", "ab", "bidi_controls"),
    ],
)
def test_what_documents_cannot_hold_goes_and_is_counted(raw: str, text: str, kind: str) -> None:
    cleaned = clean(raw)
    assert cleaned.text == text
    assert cleaned.dropped == {kind: sum(1 for char in raw if char not in "abcits")}


def test_a_pair_of_surrogates_is_the_character_it_means() -> None:
    assert clean("\ud83d\ude00") == ("😀", {})


def test_a_paired_isolate_stays_in_a_body_and_goes_in_a_title() -> None:
    text = "he said \u2067שלום\u2069 twice"
    assert clean(text).text == text
    assert clean(text, "title") == ("he said שלום twice", {"bidi_controls": 2})


def test_an_isolate_is_not_paired_across_paragraphs() -> None:
    assert clean("a\u2067b\nc\u2069").text == "ab\nc"


def test_a_title_is_one_line_and_keeps_its_no_break_spaces() -> None:
    assert clean(" Que\r\n dit-on\u00a0?\t Rien\u2028! ", "title").text == "Que dit-on\u00a0? Rien !"


def test_lines_end_with_lf() -> None:
    assert clean("a\r\nb\rc").text == "a\nb\nc"


@pytest.mark.parametrize("form", ["text", "title", "html"])
def test_accents_are_composed(form: Form) -> None:
    assert clean("e\u0301", form).text == "é"


@pytest.mark.parametrize(
    "html", ["<b>\u0338x</b>", "<b>\u0327\u0338x</b>", '<a href="\u0338x">', "a<\u0338b", "a=\u0338b"]
)
def test_no_accent_eats_the_end_of_a_tag(html: str) -> None:
    text = clean(html, "html").text
    assert text.count(">") == html.count(">")
    assert text.count("<") == html.count("<")
    assert "≯" not in text
    assert clean(text, "html").text == text


def test_the_short_form_only_strips() -> None:
    assert strip_forbidden("e\u0301\r\n\x00") == ("e\u0301\r\n", {"control_characters": 1})
