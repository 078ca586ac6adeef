"""counts: words of the running text, and minutes to read it."""

from dataclasses import replace
from math import ceil

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.tokens import count_words

# Words a minute, silent reading: Trauzettel-Klosinski, Dietz et al., IReST (IOVS 2012;53:5452), rounded.
_WORDS = {
    "ar": 138, "de": 179, "en": 228, "es": 218, "fi": 161, "fr": 195, "he": 187, "it": 188, "nl": 202,
    "pl": 166, "pt": 181, "ru": 184, "sl": 180, "sv": 199, "tr": 166,
}  # fmt: skip
_CHARACTERS = {"zh": 255, "ja": 357}
_OTHER = 200
_THAI = 4 * _OTHER  # characters: about four to a word, and no space between words


def run(draft: Draft) -> Draft:
    """Count paragraphs and lists, not subheads and captions. At least a minute, where there is anything to read."""
    text = "\n".join(block.text for block in draft.blocks if block.kind in ("p", "ul"))[: len(draft.text)]
    found = count_words(text)
    lang = draft.lang.split("-", 1)[0]
    minutes = (
        (found.total - found.cjk - found.thai) / _WORDS.get(lang, _OTHER)
        + found.cjk / _CHARACTERS.get(lang, 255)
        + found.thai / _THAI
    )
    reading = max(1, ceil(round(minutes, 6))) if found.total else 0
    return replace(draft, words=found.total, chars_cjk=found.cjk, reading_minutes=reading)


STEP = Step(
    name="counts",
    version=1,
    says="words (a CJK character is one), CJK characters, minutes to read at the language's usual speed",
    writes=frozenset({"words", "chars_cjk", "reading_minutes"}),
    run=run,
)
