"""What a line of flat text looks like: prose, a subhead, navigation, a list item. Pure.

All judgements are by shape and by `lexicon`, so that they hold for pages never seen before. Lengths are
widths: a CJK character counts twice.
"""

import re
import unicodedata

from services.text.lexicon import CREDIT, NAVIGATION, SECTIONS
from services.text.listed import listed
from services.text.tokens import count_words, is_cjk, width

SHORT = 80  # most a subhead, list item or navigation line has
HEADER = 60  # most a site's or section's name has

_END = frozenset(".!?…。！？．؟۔।:;,、，；：؛،")
_SENTENCE_END = frozenset(".!?…。！？．؟۔।")
_CLOSING = "\"'»”’“‹›」』)）】]\u200e\u200f\u2069 \u00a0\u202f"
_OPENING = tuple("\"'«»“„”‘‚’‹›「『¿¡—–-(（[…")
_ARROWS = "»«›‹→←↑↓⇒⇐⇧▶◀►◄▸◂▲▼△▽⟶⟵➜➔➡⬅↩⏎<>＞＜≫≪\ufe0e\ufe0f"
_GUILLEMETS = (("«", "»"), ("»", "«"), ("‹", "›"), ("»", "»"), ("≪", "≫"))
_BULLET = re.compile(r"[•·▪▫◦‣●○■□◆◇➢✓✔*∙・]\s*(?=\S)|-\s+(?=\S)")
_CRUMBS = re.compile(r"\s*(?:>|›|»|→|/|\|)\s*")
_NOT_ALNUM = re.compile(r"[\W_]+")
_GLUE = re.compile(r"[.!?…][^\W\d_]")
_GLUED_QUOTE = re.compile(r"([\"'»”’)\]][.!?…])(?=[^\W\d_])(?=(\w))")
_GLUED_WORD = re.compile(r"(?<=[^\W\d_]{3})[.?!](?=([^\W\d_]{2}\w*))")
_DOMAINS = listed("com net org info biz news tv app js io ai")


def key(line: str) -> str:
    """Return what makes two lines the same: letters and digits, without case and form."""
    return _NOT_ALNUM.sub("", unicodedata.normalize("NFKC", line).casefold())


def ends_sentence(line: str) -> bool:
    """Whether it closes with a full stop or the like, inside quotes or out."""
    core = line.rstrip(_CLOSING)
    return bool(core) and core[-1] in _SENTENCE_END


def is_prose(line: str) -> bool:
    """Whether it is a paragraph, and no headline: long, or a fair sentence."""
    size = len(line) if len(line) >= 200 else width(line)
    return size >= 200 or (size >= 80 and ends_sentence(line) and line.rstrip(_CLOSING)[-1] not in "?!？！؟")


def is_long(line: str) -> bool:
    """Whether it may stand beside a subhead."""
    size = len(line) if len(line) >= SHORT else width(line)
    return size >= SHORT or (size >= 40 and ends_sentence(line))


def is_dateline(line: str) -> bool:
    """Whether it is mostly figures: a date, a time, a page number."""
    signs = [char for char in line if char.isalnum()]
    return not signs or sum(char.isdigit() for char in signs) * 10 >= len(signs) * 3


def is_subhead(line: str) -> bool:
    """Whether it is short, ends without a mark, is no quotation, byline, credit or date."""
    if not line or len(line) > SHORT or width(line) > SHORT or line.startswith(_OPENING):
        return False
    core = line.rstrip(_CLOSING)
    return (
        bool(core)
        and core[-1] not in _END
        and count_words(line).total <= (40 if any(map(is_cjk, line)) else 12)
        and not is_dateline(line)
        and CREDIT.fullmatch(line) is None
        and "©" not in line
    )


def is_navigation(line: str) -> bool:
    """Whether it leads elsewhere: a short line with an arrow at either end, or a way back, teaser or button."""
    if len(line) > SHORT + 40 or width(line) > SHORT + 40:
        return False
    core = line.strip(_ARROWS + " \u00a0\u202f|·")
    arrow = len(core) < len(line.strip(" \u00a0\u202f|·"))
    if arrow and core and width(line) <= HEADER and not ends_sentence(core) and not _is_quoted(line, core):
        return True
    return bool(core) and NAVIGATION.fullmatch(core) is not None


def _is_quoted(line: str, core: str) -> bool:
    if any(line.startswith(opening) and line.endswith(closing) for opening, closing in _GUILLEMETS):
        return True
    # An arrow that is a guillemet must not be the partner of one inside: Il parle du « Grand Soir »
    return any(mark in core for mark in "«»‹›≪≫")


def crumbs(line: str) -> list[str]:
    """Return the parts of a breadcrumb trail ("Home > World > Europe"); empty: it is none."""
    if len(line) > HEADER * 2 or width(line) > HEADER * 2 or ends_sentence(line):
        return []
    parts = [part for part in _CRUMBS.split(line.strip(_ARROWS + " ")) if part]
    short = all(width(part) <= 30 for part in parts)
    return parts if len(parts) > 1 and short and (len(parts) > 2 or any(map(is_section, parts))) else []


def is_section(line: str) -> bool:
    """Whether a newsroom calls a section so, in one of twelve languages."""
    return line.casefold().strip(" :|·").replace("i̇", "i") in SECTIONS


def is_header(line: str) -> bool:
    """Whether it can be the name of a site or section."""
    return width(line) <= HEADER and line[-1] not in _END and not line.startswith(_OPENING) and not is_dateline(line)


def bullet(line: str) -> str | None:
    """Return the item behind a bullet; None: there is no bullet."""
    found = _BULLET.match(line)
    return line[found.end() :] if found is not None else None


def unglue(line: str) -> str:
    """Give back the space that a lost tag took: `".La` → `". La`. Nothing else changes; nothing is guessed."""
    if _GLUE.search(line) is None:
        return line
    line = _GLUED_QUOTE.sub(lambda cut: cut[1] + ("" if is_cjk(cut[2]) or cut[2].islower() else " "), line)
    return _GLUED_WORD.sub(_parted, line)


def _parted(cut: re.Match[str]) -> str:
    """Part two words, but no address, file name or the like."""
    word = cut[1]
    before = cut.string[max(0, cut.start() - 60) : cut.start()].split()[-1]
    if not (word[0].isupper() and word[1].islower()) or word.casefold() in _DOMAINS or not before[-3:].islower():
        return cut[0]
    after = cut.string[cut.end() + len(word) : cut.end() + len(word) + 2]
    address = any(mark in before for mark in "./@_:") or (after[:1] == "." and after[1:].isalpha())
    return cut[0] if address else cut[0] + " "


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, stripped, without empty ones. Lines broken at a column are joined again."""
    chunks = [
        [line.strip() for line in part.split("\n")] for part in re.split(r"\n[ \t\u00a0]*\n", text.replace("\v", "\n"))
    ]
    chunks = [[line for line in chunk if line] for chunk in chunks]
    if _is_wrapped(chunks):
        return [_rejoined(chunk) for chunk in chunks if chunk]
    return [line for chunk in chunks for line in chunk]


def _is_wrapped(chunks: list[list[str]]) -> bool:
    """Whether paragraphs were broken at a column: nearly all lines but the last of each are almost as wide as the widest."""
    inner = [width(line) for chunk in chunks for line in chunk[:-1]]
    if len(inner) < 4 or sum(1 for chunk in chunks if chunk) < 2:
        return False
    widest = max(inner + [width(chunk[-1]) for chunk in chunks if chunk])
    if not 40 <= widest <= 120:
        return False
    full = sum(1 for size in inner if size >= widest * 0.75)
    cut = sum(1 for chunk in chunks for line in chunk[:-1] if not ends_sentence(line))
    return full >= len(inner) * 0.85 and cut >= len(inner) * 0.6


def _rejoined(chunk: list[str]) -> str:
    text = chunk[0]
    for line in chunk[1:]:
        text += line if is_cjk(text[-1]) and is_cjk(line[0]) else f" {line}"
    return text
