"""Words: a token is one CJK or Thai character, or a run of letters and digits. Pure.

An apostrophe, hyphen or decimal mark inside a run joins it: "l'alliance", "États-Unis" and "1,541" are one each.
CJK is taken out of the second class, or "1541公里" would be one word. Combining marks belong to their run:
without them Hindi and pointed Hebrew fall apart.
"""

import re
from typing import NamedTuple

_CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d"
    "\U00020000-\U0003ffff"
)
_SPACELESS = "\u0e01-\u0e2e\u0e30\u0e32\u0e33\u0e40-\u0e45\u0e50-\u0e59"  # Thai; its marks are no tokens
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
    "\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57"
    "\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u200c\u200d"
)
_THAI = re.compile(f"[{_SPACELESS}]")
_JOIN = "['’‑‐·\u05f3\u05f4-]"
_PLAIN_RUN = re.compile(rf"[^\W_]+(?:(?:{_JOIN}|(?<=\d)[.,](?=\d))[^\W_]+)*")
_LETTER = f"[^\\W_{_CJK}{_SPACELESS}]"
_LETTERS = f"{_LETTER}(?:{_LETTER}|[{_MARKS}])*"
_RUN = re.compile(f"{_LETTERS}(?:(?:{_JOIN}|(?<=\\d)[.,](?=\\d)){_LETTERS})*|[{_SPACELESS}]")
_CJK_CHAR = re.compile(f"[{_CJK}]")
_CJK_LOOK = re.compile("[\u2e80-\U0010ffff]")
_PLAIN_UNLIKE = re.compile("[\u0300-\u036f\u0483-\u0489\u0590-\u1dff\u200c\u200d\u2e80-\U0010ffff]")


class Words(NamedTuple):
    """Tokens in all, and how many of them are CJK characters, or Thai ones."""

    total: int
    cjk: int
    thai: int


def count_words(text: str) -> Words:
    """Count the tokens of a text."""
    if _PLAIN_UNLIKE.search(text) is None:  # the plain pattern is four times as fast
        return Words(len(_PLAIN_RUN.findall(text)), 0, 0)
    cjk = len(_CJK_CHAR.findall(text)) if _CJK_LOOK.search(text) else 0
    thai = len(_THAI.findall(text))
    return Words(len(_RUN.findall(text)) + cjk, cjk, thai)


def width(text: str) -> int:
    """How long a line looks: a CJK character says as much as two letters."""
    return len(text) + (len(_CJK_CHAR.findall(text)) if _CJK_LOOK.search(text) else 0)


def is_cjk(char: str) -> bool:
    """Whether no space stands between this character and the next word."""
    return bool(char) and (_CJK_CHAR.match(char) is not None or char in "，。！？；：、「」『』（）《》")
