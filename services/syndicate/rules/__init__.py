"""The rules of docs/feed-rules.md over bytes: fragments when they are made, documents in the background. Pure.

    bytes ─▶ parts (dialects.py) ─▶ every rule of the part (common.py, atom.py, rss.py …) ─▶ faults

Nothing here is shared with the code that renders, so that one mistake cannot hide another. To add a rule:
a function that yields where and what, and its line with the rule's number in the module's table.
"""

from collections.abc import Mapping

from services.syndicate.rules.cures import CURES
from services.syndicate.rules.dialects import DIALECTS, judge_part, judge_whole
from services.syndicate.rules.fault import NOTHING, Expected, Fault

__all__ = ["CURES", "DIALECTS", "RULES", "Expected", "Fault", "check_document", "check_entry", "check_fragment"]

BYTES = frozenset({1, 2, 3, 5, 6, 7, 8, 9, 10, 32})
"""Rules that are judged wherever there are bytes or HTML, by the readers of both."""

RULES: Mapping[int, tuple[str, ...]] = {
    rule: tuple(
        name
        for name, each in DIALECTS.items()
        if rule in BYTES or rule in {number for number, _ in (*each.entry, *each.gone, *each.head, *each.whole)}
    )
    for rule in sorted(
        BYTES | {rule for each in DIALECTS.values() for rule, _ in (*each.entry, *each.gone, *each.head, *each.whole)}
    )
}
"""Which formats' bytes are judged by each rule, by its number."""


def check_fragment(name: str, fragment: bytes) -> list[Fault]:
    """Judge one entry's bytes. `name` is a fragment's (`atom`, `atom-summary`); one that has no rules has no faults."""
    dialect = DIALECTS.get(name.removesuffix("-summary"))
    if dialect is None:
        return []
    read = dialect.fragment(fragment)
    faults = read.faults
    for part in read.parts:
        faults.extend(judge_part(dialect, part))
    return faults


def check_document(name: str, document: bytes, expected: Expected = NOTHING) -> list[Fault]:
    """Judge a whole document of a format: its bytes, its head, each entry and what they are together."""
    dialect = DIALECTS.get(name)
    if dialect is None:
        return []
    read = dialect.document(document)
    return [*read.faults, *judge_whole(dialect, read, len(document), expected)]


def check_entry(fragments: Mapping[str, bytes]) -> list[tuple[str, Fault]]:
    """Judge all fragments of one entry, each with its name, and that they tell one story (rules 12 and 14)."""
    faults: list[tuple[str, Fault]] = []
    ids: dict[str | None, str] = {}
    published: dict[object, str] = {}
    for name, fragment in fragments.items():
        dialect = DIALECTS.get(name.removesuffix("-summary"))
        if dialect is None:
            continue
        read = dialect.fragment(fragment)
        faults.extend((name, fault) for fault in read.faults)
        for part in read.parts:
            faults.extend((name, fault) for fault in judge_part(dialect, part))
            ids.setdefault(part.id, name)
            if part.published is not None:
                published.setdefault(part.published, name)
    if len(ids) > 1:
        faults.append(("", Fault(12, "id", " but ".join(f"{each!r} in {name}" for each, name in ids.items()))))
    if len(published) > 1:
        faults.append(
            ("", Fault(14, "published", " but ".join(f"{each} in {name}" for each, name in published.items())))
        )
    return faults
