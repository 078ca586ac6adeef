"""summary: the publisher's, else the lead: two sentences, at most 320 characters.

Nothing unsupervised beats the lead on news. A supplied description always wins.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from services.enrich.draft import Draft
from services.enrich.steps.step import Step
from services.text.characters import clean
from services.text.lines import is_long
from services.text.tokens import is_cjk

LONGEST = 320  # characters
SENTENCES = 2

# "PARIS (AFP) — ", "NEW YORK, May 3 (Reuters) - ", "Moskau (dpa) – ", "【东京共同社】", "(ANSA) - ROMA, 3 MAG - "
_DATELINE = re.compile(
    r"(?:\(?[A-ZÀ-Þ]{2,12}\)?\s+[-–—]\s+)?"
    r"[^\W\d_][^\n.!?]{1,40}?(?:,[^\n().!?]{1,20})?\s*(?:\([^()\n]{2,30}\)|/[^/\n]{2,20}/)\s*(?:[-–—:]+|\.\s*[-–—])\s+"
    r"|[A-ZÀ-ÞА-Я][A-ZÀ-ÞА-Я .'’-]{2,30}(?:,\s[^\n.!?—–]{2,20})?\s+[—–]\s+"
    r"|【[^】\n]{2,20}】\s*"
)
_QUOTES = tuple("\"«“„「『”»‘'")


def run(draft: Draft) -> Draft:
    """Keep what was supplied; write a lead where there is none."""
    if draft.stated_summary:
        return replace(draft, summary=draft.stated_summary)
    lead = clean(_lead([list(group) for group in draft.sentences if group]), "title").text
    return replace(draft, summary=lead, summary_by="lead") if lead else draft


def _lead(groups: list[list[str]]) -> str:
    """Two sentences from the top, without dateline; an opening quotation is skipped, as it says nothing yet."""
    prose = [group for group in groups if is_long(group[0])]  # a byline, a date or a credit is no lead
    groups = prose or groups
    while len(groups) > 1 and groups[0][0].startswith(_QUOTES) and not groups[1][0].startswith(_QUOTES):
        groups = groups[1:]
    taken = ""
    for number, sentence in enumerate(_in_order(groups)):
        if number == 0:
            taken = _cut(sentence[found.end() :] if (found := _DATELINE.match(sentence)) else sentence)
            continue
        longer = taken + ("" if is_cjk(taken[-1:]) and is_cjk(sentence[:1]) else " ") + sentence
        if number >= SENTENCES or len(longer) > LONGEST:
            break
        taken = longer
    return taken


def _in_order(groups: list[list[str]]) -> Iterator[str]:
    for group in groups:
        for sentence in group:
            yield " ".join(sentence.split("\n"))


def _cut(sentence: str) -> str:
    """End a sentence that is too long at a word, with an ellipsis."""
    if len(sentence) <= LONGEST:
        return sentence
    start = sentence[: LONGEST - 1]
    at = start.rfind(" ")
    return (start[:at] if at > LONGEST // 2 else start).rstrip(" ,;:—–-") + "…"


STEP = Step(
    name="summary",
    version=1,
    says="the publisher's summary, else the first two sentences (at most 320 characters)",
    writes=frozenset({"summary", "summary_by"}),
    run=run,
)
