"""Rules that are the same in every format, over the parts that a format read. Pure."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

from schemas.history import PAGE
from services.syndicate.rules.body import judge_html, lacks_rtl_block
from services.syndicate.rules.fault import Checks, Expected, Fault, Said, short
from services.syndicate.rules.part import Document, Head, Part
from services.syndicate.rules.values import not_a_language, not_an_id, not_plain, wrong_address

DocumentCheck = Callable[[Document, Expected], Said]

CAP_BYTES = 512 * 1024
FLOOR = 30  # items
SKEW = timedelta(seconds=5)  # between the clocks of two of our hosts
PAGING = frozenset({"first", "last", "next", "previous", "prev", "prev-archive", "next-archive"})


def bodies(part: Part, place: str) -> Iterator[Fault]:
    """Rules 3, 6, 7, 8, 9 and 32 over the HTML of an entry; each body is judged once, however many formats carry it."""
    for where, html in part.bodies:
        for fault in judge_html(html):
            yield Fault(fault.rule, f"{place}{where} {fault.where}".strip(), fault.what)


def _absolute(part: Part | Head) -> Said:
    for where, url in part.urls:
        if (wrong := wrong_address(url)) is not None and wrong[0] == 8:
            yield where, f"{short(url)} {wrong[1]}"


def _ascii(part: Part | Head) -> Said:
    for where, url in part.urls:
        if (wrong := wrong_address(url)) is not None and wrong[0] == 9:
            yield where, f"{short(url)} {wrong[1]}"


def _id(part: Part) -> Said:
    if part.id is not None and (why := not_an_id(part.id)) is not None:
        yield "id", f"{short(part.id)} {why}"


def _order_of_times(part: Part) -> Said:
    if part.published is not None and part.updated is not None and part.updated < part.published:
        yield "updated", f"{part.updated.isoformat()} is before {part.published.isoformat()}, when it was published"


def _dates(part: Part | Head) -> Said:
    for where, text in part.bad_dates:
        yield where, f"{short(text)} is not in the form that this format has"


def _language(part: Part | Head) -> Said:
    if part.lang is not None and (why := not_a_language(part.lang)) is not None:
        yield "language", f"{short(part.lang)} {why}"


def language_stated(part: Part | Head) -> Said:
    """Rule 31: heads and Atom's entries always say it; elsewhere an unknown language is left out."""
    if part.lang is None:
        yield "language", "is not stated (und: unknown, mul: several)"


def _direction(part: Part | Head) -> Said:
    for where, text in part.lines:
        if (why := not_plain(text)) is not None:
            yield where, why


def _rtl_block(part: Part) -> Said:
    if part.lang is not None and part.body is not None and lacks_rtl_block(part.body, part.lang):
        yield "content", f'a text in {part.lang} that stands in no dir="rtl"'


ENTRY: Checks[Part] = (
    (8, _absolute),
    (9, _ascii),
    (11, _id),
    (15, _order_of_times),
    (17, _dates),
    (31, _language),
    (32, _direction),
    (32, _rtl_block),
)
GONE: Checks[Part] = ((11, _id), (17, _dates), (31, _language), (32, _direction))
HEAD: Checks[Head] = (
    (8, _absolute),
    (9, _ascii),
    (17, _dates),
    (31, _language),
    (31, language_stated),
    (32, _direction),
)


def own_address(document: Document, expected: Expected) -> Said:
    """Whether the URL stated is the one fetched: rule 19 in Atom, 25 in RSS, 30 in JSON Feed."""
    stated = document.head.self_url
    if expected.self_url is not None and stated != expected.self_url:
        yield "self", f"{short(stated)} is not {short(expected.self_url)}, where it was read"


def _hubs(document: Document, expected: Expected) -> Said:
    for hub in expected.hub_urls:
        if hub not in document.head.hubs:
            yield "hub", f"{short(hub)} is not named"


def _twice(document: Document, _expected: Expected) -> Said:
    seen: set[str] = set()
    for part in document.parts:
        if part.kind == "entry" and part.id is not None:
            if part.id in seen:
                yield short(part.id), "stands twice in the document"
            seen.add(part.id)


def _not_ahead(document: Document, expected: Expected) -> Said:
    if expected.now is None:
        return
    for part in document.parts:
        for name, at in (("published", part.published), ("updated", part.updated)):
            if at is not None and at > expected.now + SKEW:
                yield f"{short(part.id)} {name}", f"{at.isoformat()} lies ahead"


def _feed_time(document: Document, _expected: Expected) -> Said:
    stated, last = document.head.updated, max((part.updated for part in document.parts if part.updated), default=None)
    if stated is None or last is None:
        return
    if stated < last or (stated > last and document.head.exact):
        yield "updated", f"{stated.isoformat()} is not {last.isoformat()}, when its last entry changed"


def _newest_first(document: Document, _expected: Expected) -> Said:
    told = [part for part in document.parts if part.kind == "entry" and part.published is not None and part.id]
    for one, after in pairwise(told):
        assert one.published is not None
        assert after.published is not None
        if (-one.published.timestamp(), one.id) > (-after.published.timestamp(), after.id):
            yield short(after.id), f"stands after {short(one.id)}, though it should come before it"
            return


def _window(document: Document, expected: Expected) -> Said:
    shown = len(document.parts)
    # What is too much leaves in whole pages, and 30 items stay: 54 large ones wait for the next to come.
    stories = sum(part.kind == "entry" for part in document.parts)
    if stories >= FLOOR + PAGE and document.size > CAP_BYTES * 1.1:
        yield "", f"{document.size} bytes with {shown} items: the cap is about {CAP_BYTES}"
    if expected.items is None or expected.archive or document.head.archive or document.size > CAP_BYTES * 0.9:
        return
    if shown < min(FLOOR, expected.items):
        yield "", f"shows {shown} items of {expected.items}: at least {FLOOR} belong into it"


def _history(document: Document, expected: Expected) -> Said:
    relations = {rel for rel, _ in document.head.links}
    if expected.archive and document.head.archive is False:
        yield "", "an archive that does not say so (fh:archive)"
    if document.head.archive and "current" not in relations:
        yield "", "an archive without a link to the current document"


def _complete(document: Document, _expected: Expected) -> Said:
    if document.head.complete and (paging := PAGING & {rel for rel, _ in document.head.links}):
        yield "fh:complete", f"with links to other pages: {', '.join(sorted(paging))}"


def _ttl(document: Document, expected: Expected) -> Said:
    ttl = document.head.ttl_minutes
    if ttl is None:
        return
    if not ttl.isdigit():
        yield "ttl", f"{short(ttl)} is no number of whole minutes"
    elif expected.max_age_s is not None and int(ttl) != max(1, expected.max_age_s // 60):
        yield "ttl", f"{ttl} minutes, though Cache-Control says max-age={expected.max_age_s}"


DOCUMENT: tuple[tuple[int, DocumentCheck], ...] = (
    (13, _twice),
    (15, _not_ahead),
    (16, _feed_time),
    (29, _ttl),
    (33, _newest_first),
    (34, _window),
    (35, _history),
    (36, _complete),
    (53, _hubs),
)
