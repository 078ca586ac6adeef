"""Words to search by: the same list from an article's text and from what somebody types. Pure.

text ─▶ NFKC, casefold ─▶ marks folded ─▶ runs of letters and digits ─▶ words

Latin and Greek letters lose their marks and Latin ones are spelled as in a slug (ß→ss, ø→o); Russian ё is е;
Arabic loses its vowel signs, stretching and the hamza on an alef, Hebrew its points, since print leaves them
out. Marks that make another letter stay (й, Devanagari vowels). Apostrophes and hyphens part words:
`alliance` finds "l'alliance", and `États-Unis` is a phrase of two.

Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese are written without spaces, or with endings joined to
the word, so every character counts with the one that follows it in its run, and the last alone:
東京都 ─▶ 東京, 京都, 都. Whatever stands inside a run is found as a phrase, and nothing is found
across a space or a full stop. Unlike `services.text.tokens`, which counts words as people do.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from operator import add
from typing import NamedTuple
from unicodedata import category, is_normalized, normalize

from schemas.feed import slug

_SPACELESS = (
    "\u0e01-\u0e2e\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e50-\u0e59"  # Thai, without its marks
    "\u0e81-\u0eae\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"  # Lao
    "\u1000-\u102a\u103f-\u1049\u1050-\u1055\u1780-\u17b3\u17d7\u17dc\u17e0-\u17e9"  # Burmese, Khmer
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u303c\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff"
)
_SPACELESS_BEYOND = "\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"  # rarer characters of the same scripts
_JOINERS = "\u200c\u200d"  # they shape a word (Persian, Indic), and part none


def _marks(*blocks: tuple[int, int]) -> str:
    return "".join(chr(code) for first, last in blocks for code in range(first, last) if category(chr(code))[0] == "M")


_MARKS = _marks((0x300, 0x1B00), (0x1C00, 0x2100), (0x3000, 0x3100), (0xA600, 0xAC00))


class _Patterns(NamedTuple):
    """How a folded text is cut. `odd`: what needs more than a run of letters and digits."""

    odd: re.Pattern[str]
    run: re.Pattern[str]
    unit: re.Pattern[str]
    spaceless: re.Pattern[str]


def _patterns(spaceless: str, marks: str) -> _Patterns:
    letter = f"[^\\W_{spaceless}]"
    return _Patterns(
        odd=re.compile(f"[{spaceless}{marks}]"),
        run=re.compile(f"{letter}+(?:[{marks}]+{letter}*)*|[{spaceless}][{spaceless}{marks}]*"),
        unit=re.compile(f"[{spaceless}][{marks}]*"),
        spaceless=re.compile(f"[{spaceless}]"),
    )


_NEAR = _patterns(_SPACELESS, _MARKS)
_BEYOND = re.compile("[\U00010000-\U0003ffff]")
_PLAIN = re.compile("[a-z0-9]+")
_SIMPLE_RUN = re.compile(r"[^\W_]+")

_LATIN = "\u00c0-\u024f\u0250-\u02af\u1d00-\u1dbf\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff"
_GREEK = "\u0386-\u03ce\u1f00-\u1fff"
_UNPRINTED = (
    "\u064b-\u065f\u0670\u0640\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
)
_ODD = re.compile(f"[{_LATIN}{_GREEK}\u0451\u0622\u0623\u0625\u0671\u0649\u06a9\u06cc{_UNPRINTED}{_JOINERS}]")
_STRAY = re.compile("(?<=[a-z\u03b1-\u03c9\u0430-\u0455])[\u0300-\u036f]+")
_MARK = re.compile("[\u0300-\u036f]")
_SPELLED = {"ё": "е", "آ": "ا", "أ": "ا", "إ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك"}


class Phrase(NamedTuple):
    """What to look for: these words one after another. `prefix`: of the last one only the beginning is given."""

    words: tuple[str, ...]
    prefix: bool = False


@cache
def _far() -> _Patterns:
    """Make what is seldom needed: a class that reaches beyond U+FFFF is forty times as slow to search with."""
    return _patterns(_SPACELESS + _SPACELESS_BEYOND, _MARKS + _marks((0x10A00, 0x11E00)))


def _patterns_for(text: str) -> _Patterns:
    return _far() if _BEYOND.search(text) is not None else _NEAR


def words(text: str) -> list[str]:
    """List the words of a text, in order and with repetitions. No word holds a space; none is empty."""
    text = _folded(text)
    if text.isascii():
        return _PLAIN.findall(text)
    patterns = _patterns_for(text)
    if patterns.odd.search(text) is None:
        return _SIMPLE_RUN.findall(text)
    runs = patterns.run.findall(text)
    return runs if patterns.spaceless.search(text) is None else list(_paired(runs, patterns))


def phrase(text: str, *, prefix: bool = False) -> Phrase:
    """Read what somebody looks for, as `words` reads the article. Without a letter or digit it is empty.

    A lone character of a script without spaces is a prefix: 美 finds 美国.
    """
    found, patterns = words(text), _patterns_for(text)
    if not found or patterns.spaceless.match(found[-1]) is None:
        return Phrase(tuple(found), prefix and bool(found))
    if len(found) > 1 and found[-2].endswith(found[-1]) and len(patterns.unit.findall(found[-2])) > 1:
        return Phrase(tuple(found[:-1]))  # the last alone only says where a run ends, and what follows is free
    return Phrase(tuple(found), prefix=True)


def _paired(runs: list[str], patterns: _Patterns) -> Iterator[str]:
    for run in runs:
        if patterns.spaceless.match(run) is None:
            yield run
        else:
            units = patterns.unit.findall(run)
            yield from map(add, units, units[1:])
            yield units[-1]


def _folded(text: str) -> str:
    text = text.casefold()
    if text.isascii():
        return text
    if not is_normalized("NFKC", text):
        text = normalize("NFKC", text)
        text = normalize("NFKC", text.casefold())  # ℡ is TEL only now
    if _ODD.search(text) is not None:
        text = _ODD.sub(_letter, text)
    return _STRAY.sub("", text) if _MARK.search(text) is not None else text


def _letter(match: re.Match[str]) -> str:
    return _spelled(match[0])


@lru_cache(maxsize=2_048)
def _spelled(char: str) -> str:
    if char in _SPELLED:
        return _SPELLED[char]
    if char in _JOINERS or category(char) == "Mn" or char == "\u0640":
        return ""
    if char >= "\u0370" and (char <= "\u03ff" or "\u1f00" <= char <= "\u1fff"):
        return "".join(part for part in normalize("NFD", char) if not "\u0300" <= part <= "\u036f").casefold()
    return slug(char) if char.isalnum() else " "
