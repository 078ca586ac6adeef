import json
from importlib.resources import files
from typing import Any

import pytest

from services.text.language import NEWS_LANGUAGES, canonical_tag, detect, judge

STORIES: list[dict[str, Any]] = json.loads(files("services.demo").joinpath("stories.json").read_text("utf-8"))
FRENCH = (
    "Le bac a repris ses traversées mardi matin, après trois jours d’arrêt, a indiqué la mairie de la petite ville."
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story['language']}-{story['section']}")
def test_bodies_in_twelve_languages_are_known(story: dict[str, Any]) -> None:
    found = judge(story["title"], "\n".join(story["body"]), None)
    assert found.lang == story["language"]
    assert found.p > 0.9
    assert found.direction == ("rtl" if story["language"] in {"ar", "he"} else "ltr")


def test_there_are_37_news_languages() -> None:
    assert len(NEWS_LANGUAGES) == 37


@pytest.mark.parametrize(
    ("text", "lang", "script"),
    [
        ("東京で雪が降った", "ja", "Jpan"),
        ("北京今天下雪了", "zh", "Hani"),
        ("서울에 눈이 내렸다", "ko", "Kore"),
        ("Χιόνισε στην Αθήνα", "el", "Grek"),
        ("ירד שלג בירושלים", "he", "Hebr"),
        ("หิมะตกที่กรุงเทพ", "th", "Thai"),
        ("Снег выпал в Киеве, сообщили синоптики в понедельник", "ru", "Cyrl"),
        ("12345 !?", "und", None),
        ("CE4", "und", "Latn"),  # a guess would be Czech, with 0.07
        ("Queue event", "und", "Latn"),
        ("", "und", None),
        ("ქართული ენა", "und", "Geor"),  # a script whose languages the model does not know
    ],
)
def test_the_script_settles_what_it_can(text: str, lang: str, script: str | None) -> None:
    found, _, written = detect(text)
    assert (found, written) == (lang, script)


def test_a_declared_language_stays_while_nothing_contradicts_it() -> None:
    assert judge("Titre", FRENCH, "fr_CA") == ("fr-CA", 1.0, "Latn", "ltr")


def test_a_declared_language_yields_to_a_body_that_clearly_differs() -> None:
    found = judge("Title", FRENCH, "en")
    assert found.lang == "fr"
    assert 0.9 < found.p <= 1


def test_a_headline_alone_never_overrules_what_was_declared() -> None:
    assert judge(FRENCH, "", "en").lang == "en"
    assert judge(FRENCH, "Photo.", "en").lang == "en"
    assert judge("Le bac reprend", "Oui.", "en").lang == "en"


@pytest.mark.parametrize("declared", ["eu", "gl", "sw"])
def test_a_language_that_the_model_does_not_know_is_believed(declared: str) -> None:
    assert judge("Titre", FRENCH, declared).lang == declared


@pytest.mark.parametrize(("declared", "body"), [("nb", "no"), ("nn", "no"), ("bs", "hr"), ("iw", "he")])
def test_near_names_of_one_language_do_not_contradict(declared: str, body: str) -> None:
    texts = {
        "no": "Fergen gikk igjen tirsdag morgen etter tre dager, opplyste kommunen til avisen. Det var mange som ventet på kaia.",
        "hr": "Trajekt je ponovno krenuo u utorak ujutro nakon tri dana, priopćila je općina. Mnogi su čekali na obali.",
        "he": "הרכבל חזר לפעול ביום שלישי בבוקר אחרי שלושה ימים, כך מסרה העירייה. רבים חיכו בתחנה התחתונה מאז הזריחה.",
    }
    assert judge("", texts[body], declared).lang == canonical_tag(declared)


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [("PT_br", "pt-BR"), ("zh-hans-cn", "zh-Hans-CN"), ("iw", "he"), ("de-1996", "de-1996"), ("en-x-US", "en-x-us")],
)
def test_tags_are_written_as_rfc_5646_says(tag: str, canonical: str) -> None:
    assert canonical_tag(tag) == canonical
