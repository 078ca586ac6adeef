"""The structure of a page that was saved as flat text: headline, site, section, paragraphs, subheads, lists. Pure.

Tools that extract from HTML return nothing here, or leave navigation in. The rules go by shape and by a
lexicon of twelve languages: a headline is what repeats or what stands above the prose; navigation is a
short line with an arrow or a known phrase; a subhead is a lone short line without an end mark between
two long blocks; a run of short lines is a list. What is dropped is listed in `removed`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.text.lexicon import CREDIT
from services.text.lines import (
    HEADER,
    bullet,
    crumbs,
    is_dateline,
    is_header,
    is_long,
    is_navigation,
    is_prose,
    is_section,
    is_subhead,
    key,
    lines_of,
    unglue,
)
from services.text.markup import Block
from services.text.tokens import count_words, width

_HEAD = 12  # lines in which a headline is looked for
_LEAST_TITLE = 12  # width; anything shorter that repeats is a site's name


class Page(NamedTuple):
    """What a flat page consists of. `title` None: none was found. `removed` are dropped lines in order."""

    title: str | None
    site: str | None
    section: str | None
    blocks: tuple[Block, ...]
    removed: tuple[str, ...]


def read_flat_page(text: str, title: str | None = None) -> Page:
    """Find the structure. With a `title` only its own line is a headline, wherever it stands near the top."""
    lines = lines_of(text)
    place = _find_title(lines) if title is None else _line_of(lines, title)
    if place is None:
        kept, removed = _without_noise(lines, key(title or ""), frozenset())
        return Page(title, None, None, _blocks(kept), removed)
    head = _read_head(lines[:place])
    found = lines[place]
    header_keys = frozenset(key(line) for line in lines[:place] if is_header(line)) - {key(found)}
    kept, removed = _without_noise([*head.body, *lines[place + 1 :]], key(found), header_keys)
    return Page(title or unglue(found), head.site, head.section, _blocks(kept), (*head.removed, *removed))


def first_words(page: Page, limit: int = 120) -> str | None:
    """Return what can stand for a headline that is missing: the first block, cut at a word. None: there is no text."""
    if not page.blocks:
        return None
    text = page.blocks[0].text.split("\n", 1)[0]
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


class _Head(NamedTuple):
    site: str | None
    section: str | None
    body: list[str]  # lines that turned out to be text
    removed: list[str]


def _find_title(lines: Sequence[str]) -> int | None:
    """Find the headline: the longest line near the top that comes again, else the first one fit to be it."""
    head = [place for place in range(min(len(lines), _HEAD)) if not is_navigation(lines[place])]
    keys = [key(line) if len(line) <= 300 else "" for line in lines]
    again = [
        place
        for place in head
        if width(lines[place]) >= _LEAST_TITLE
        and count_words(lines[place]).total > 2
        and not is_prose(lines[place])
        and keys[place] in keys[place + 1 :]
    ]
    if again:
        return max(again, key=lambda place: width(lines[place]))
    above = []
    for place in head:
        if is_prose(lines[place]):
            break
        above.append(place)
    else:
        if len(lines) > len(above) or len(lines) > _HEAD:
            above = above[:3]  # no prose in sight: a page of short lines
    return _fit_title(lines, above)


def _fit_title(lines: Sequence[str], above: list[int]) -> int | None:
    if not above:
        return None
    marked = [place for place in above[:5] if is_section(lines[place]) or crumbs(lines[place])]
    after = [place for place in above if place > marked[-1]] if marked else above
    fit = [place for place in after if not is_dateline(lines[place]) and CREDIT.fullmatch(lines[place]) is None]
    if not fit:
        return None
    for place in fit:
        if count_words(lines[place]).total >= 4 and width(lines[place]) >= _LEAST_TITLE:
            return place
    return fit[0] if marked else max(fit, key=lambda place: width(lines[place]))


def _line_of(lines: Sequence[str], title: str) -> int | None:
    """Find the line of a given title near the top; a site's name behind it does no harm."""
    wanted = key(title)
    for place, line in enumerate(lines[:_HEAD]):
        for cut in (line, line.rsplit(" | ", 1)[0], line.rsplit(" - ", 1)[0], line.rsplit(" – ", 1)[0]):
            if wanted and key(cut) == wanted:
                return place
    return None


def _read_head(lines: Sequence[str]) -> _Head:
    """Read what stands above the headline: site and section, and whatever does not look like either."""
    body: list[str] = []
    removed: list[str] = []
    names: list[str] = []
    section: str | None = None
    for line in lines:
        trail = crumbs(line)
        if trail or is_section(line):
            if section is not None:
                removed.append(section)  # the one nearer to the headline counts
            section = trail[-1] if trail else line
            if trail:
                removed.append(line)
        elif is_navigation(line):
            removed.append(line)
        elif is_header(line):
            names.append(line)
        elif is_prose(line):
            body.append(line)
        else:
            removed.append(line)
    site = names.pop(0) if names else None
    if names and section is None:
        section = names.pop(0)
    return _Head(site, section, body, [*removed, *names])


def _without_noise(
    lines: Sequence[str], title_key: str, header_keys: frozenset[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Part the text from navigation, from the headline said again and from the header said again."""
    kept: list[str] = []
    removed: list[str] = []
    for line in lines:
        same = key(line) if len(line) <= 2 * len(title_key) + HEADER * 2 else line
        noise = (title_key and same == title_key) or same in header_keys or not same or is_navigation(line)
        (removed if noise else kept).append(line)
    return kept, tuple(removed)


def _blocks(lines: Sequence[str]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    place = 0
    while place < len(lines):
        size = _bulleted(lines, place)
        if size:
            items = tuple(unglue(bullet(line) or line) for line in lines[place : place + size])
            blocks.append(Block("ul", "\n".join(items), items))
            place += size
            continue
        size = max(_short_run(lines, place), 1)
        if size >= 3 and blocks:
            items = tuple(lines[place : place + size])
            blocks.append(Block("ul", "\n".join(items), items))
        elif size == 1 and _stands_alone(lines, place, blocks):
            blocks.append(Block("h2", lines[place]))
        else:
            blocks.extend(Block("p", unglue(line)) for line in lines[place : place + size])
        place += size
    return tuple(blocks)


def _bulleted(lines: Sequence[str], place: int) -> int:
    """How many lines with bullets follow each other; one alone is none."""
    size = 0
    while place + size < len(lines) and bullet(lines[place + size]) is not None:
        size += 1
    return size if size > 1 else 0


def _short_run(lines: Sequence[str], place: int) -> int:
    size = 0
    while place + size < len(lines) and is_subhead(lines[place + size]) and bullet(lines[place + size]) is None:
        size += 1
    return size


def _stands_alone(lines: Sequence[str], place: int, before: Sequence[Block]) -> bool:
    """Whether a short line stands between two long blocks."""
    if not is_subhead(lines[place]) or place + 1 >= len(lines) or not before:
        return False
    behind = before[-1].kind == "ul" or (before[-1].kind == "p" and is_long(before[-1].text))
    return behind and (is_long(lines[place + 1]) or _bulleted(lines, place + 1) > 0)
