"""Which language a text is in, its script and its direction. Pure but for the model, read once from its package.

The script settles ja, zh, ko, he, el and th; among the others py3langid decides, restricted to the news
languages that use that script. A title alone misleads (a Japanese one without kana looks Chinese), so
callers pass title and body together. A declared language is a prior: see `judge`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_LATIN = "cs da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl sv tr vi".split()  # noqa: SIM905
_BY_SCRIPT = {
    "Latn": tuple(_LATIN),
    "Cyrl": ("bg", "ru", "sr", "uk"),
    "Arab": ("ar", "fa"),
    "Deva": ("hi",),
    "Jpan": ("ja",),
    "Hani": ("zh",),
    "Kore": ("ko",),
    "Hebr": ("he",),
    "Grek": ("el",),
    "Thai": ("th",),
}
NEWS_LANGUAGES = frozenset(lang for langs in _BY_SCRIPT.values() for lang in langs)
"""The 37 languages that can be found. Any other can be declared."""

_RTL = frozenset({"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm"})
_SAME = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "bs": "hr", "cmn": "zh"}
_CLOSE = ({"hr", "sr"}, {"da", "no"}, {"cs", "sk"})
_RENAMED = {"iw": "he", "in": "id", "ji": "yi"}  # withdrawn from ISO 639-1

_RANGES: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x024F, "Latn"),
    (0x0370, 0x03FF, "Grek"),
    (0x0400, 0x052F, "Cyrl"),
    (0x0530, 0x058F, "Armn"),
    (0x0590, 0x05FF, "Hebr"),
    (0x0600, 0x06FF, "Arab"),
    (0x0700, 0x074F, "Syrc"),
    (0x0750, 0x077F, "Arab"),
    (0x0780, 0x07BF, "Thaa"),
    (0x07C0, 0x07FF, "Nkoo"),
    (0x08A0, 0x08FF, "Arab"),
    (0x0900, 0x097F, "Deva"),
    (0x0980, 0x09FF, "Beng"),
    (0x0A00, 0x0A7F, "Guru"),
    (0x0A80, 0x0AFF, "Gujr"),
    (0x0B80, 0x0BFF, "Taml"),
    (0x0C00, 0x0C7F, "Telu"),
    (0x0C80, 0x0CFF, "Knda"),
    (0x0D00, 0x0D7F, "Mlym"),
    (0x0D80, 0x0DFF, "Sinh"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Laoo"),
    (0x1000, 0x109F, "Mymr"),
    (0x10A0, 0x10FF, "Geor"),
    (0x1100, 0x11FF, "Kore"),
    (0x1200, 0x139F, "Ethi"),
    (0x1780, 0x17FF, "Khmr"),
    (0x1E00, 0x1EFF, "Latn"),
    (0x1F00, 0x1FFF, "Grek"),
    (0x3040, 0x30FF, "Jpan"),
    (0x3130, 0x318F, "Kore"),
    (0x3400, 0x9FFF, "Hani"),
    (0xAC00, 0xD7AF, "Kore"),
    (0xF900, 0xFAFF, "Hani"),
    (0xFB1D, 0xFB4F, "Hebr"),
    (0xFB50, 0xFEFF, "Arab"),
    (0x1E900, 0x1E95F, "Adlm"),
    (0x20000, 0x3FFFF, "Hani"),
)
_SPACES = re.compile(r"\s+")

GATE = 240  # letters that the script is counted over
SAMPLE = 700  # characters that the model reads
LIKELY = 0.5  # below this a language is a guess that is rather wrong than right ("CE4" would be Czech, with 0.07)
SURE = 0.9  # a declared language yields only above this
SHORT = 60  # letters of body below which a declared language never yields


class Judgement(NamedTuple):
    """`lang` is BCP 47, "und" when unknown; `p` a probability; `script` ISO 15924, None without letters."""

    lang: str
    p: float
    script: str | None
    direction: str


@cache
def _script_of(char: str) -> str | None:
    code = ord(char)
    if not char.isalpha():
        return None
    return next((script for low, high, script in _RANGES if low <= code <= high), "Zyyy")


def scripts(text: str) -> Mapping[str, int]:
    """Letters per script, over the first 240 letters. Kana make Han Japanese, in any share above a twentieth."""
    counts: Counter[str] = Counter()
    seen = 0
    for char in text:
        if (script := _script_of(char)) is not None:
            counts[script] += 1
            seen += 1
            if seen >= GATE:
                break
    if counts["Jpan"] * 20 > counts["Hani"]:
        counts["Jpan"] += counts.pop("Hani", 0)
    else:
        counts["Hani"] += counts.pop("Jpan", 0)
    if counts["Kore"] * 5 > counts["Hani"]:
        counts["Kore"] += counts.pop("Hani", 0)
    return counts


@cache
def _model(script: str) -> LanguageIdentifier:
    if script == "":
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    whole = _model("")
    part = LanguageIdentifier(*_parts(whole), norm_probs=True, tk_row=whole.tk_row)
    part.set_languages(_BY_SCRIPT[script])
    return part


def _parts(whole: LanguageIdentifier) -> tuple[object, ...]:
    weights, priors, classes = whole._full_model  # noqa: SLF001 - shared, so that each script costs no second copy
    return weights, priors, classes, whole.tk_nextmove, whole.tk_output


def warm() -> None:
    """Load the model (0.6 s, 100 MB), so that the first article need not wait for it."""
    detect("Le premier article ne doit pas attendre.")
    detect("Первая статья не должна ждать.")


def detect(text: str) -> tuple[str, float, str | None]:
    """Language, probability and script of a text; "und" where it is unlikely or there are no letters."""
    counts = scripts(text)
    total = sum(counts.values())
    script = max(counts, key=lambda name: (counts[name], name)) if total else None
    if script is None:
        return "und", 0.0, None
    if script == "Zyyy" or script not in _BY_SCRIPT:
        return "und", 0.0, None if script == "Zyyy" else script
    known = _BY_SCRIPT[script]
    if len(known) == 1:
        return known[0], round(counts[script] / total, 4), script
    lang, p = _model(script).classify(_SPACES.sub(" ", text[: SAMPLE + GATE])[:SAMPLE])
    return (lang, round(p, 4), script) if p >= LIKELY else ("und", 0.0, script)


def judge(title: str, body: str, declared: str | None) -> Judgement:
    """Judge what language an article is in.

    Without a declared language: what title and body say. A declared one stays unless a body of some
    length says otherwise with p > 0.9; one that the model does not know always stays.
    """
    lang, p, script = detect(
        body[: SAMPLE * 2] if declared and letters(body) >= SHORT else f"{title}\n{body[: SAMPLE * 2]}"
    )
    direction = "rtl" if script in _RTL else "ltr"
    if declared is None:
        return Judgement(lang, p, script, direction)
    tag = canonical_tag(declared)
    if tag == "und":
        return Judgement(lang, p, script, direction)
    if p > SURE and letters(body) >= SHORT and contradicts(tag, lang):
        return Judgement(lang, p, script, direction)
    return Judgement(tag, 1.0, script, direction)


def letters(text: str) -> int:
    """Letters among the first 240 characters; a CJK character counts twice."""
    return sum(1 + ("\u2e80" <= char <= "\uffdc" or char > "\U00020000") for char in text[:GATE] if char.isalpha())


def contradicts(tag: str, found: str) -> bool:
    """Whether a declared tag and a found language cannot both be right."""
    primary = tag.split("-", 1)[0]
    primary = _SAME.get(primary, primary)
    if found in ("und", primary) or primary not in NEWS_LANGUAGES:
        return False
    return not any({primary, found} <= pair for pair in _CLOSE)


def canonical_tag(tag: str) -> str:
    """`pt_br` → `pt-BR`, `zh-hans` → `zh-Hans` (RFC 5646 §2.1.1); a withdrawn code → its successor."""
    first, *rest = unicodedata.normalize("NFKC", tag).replace("_", "-").split("-")
    parts = [_RENAMED.get(first.lower(), first.lower())]
    after_singleton = False
    for part in rest:
        if after_singleton or len(part) not in (2, 4) or not part.isalpha():
            parts.append(part.lower())
            after_singleton = after_singleton or len(part) == 1
        else:
            parts.append(part.upper() if len(part) == 2 else part.title())
    return "-".join(parts)
