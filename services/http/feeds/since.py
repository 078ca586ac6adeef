"""What a reader asks of a feed's history: `?since=&limit=&wait=`. Pure.

since: an instant (RFC 3339) or the cursor of a `next` link; `cursor` is another word for it. Without either,
`wait` alone asks for what moves from now on.
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from schemas.refusal import Fault
from services.http.problems import Problem
from services.syndicate.history import read_since
from services.syndicate.joiner import Behind

LIMIT, MOST = 50, 250
LONGEST_WAIT_S = 30.0


class Since(NamedTuple):
    """One question. `behind` None: behind everything there is now."""

    behind: Behind | None
    text: str  # `behind` as it was asked
    limit: int = LIMIT
    wait_s: float = 0.0

    def query(self, cursor: str) -> str:
        """Make the query of the address that asks the same behind another place; "": behind this one."""
        said = {"since": cursor or self.text} if cursor or self.text else {}
        if self.limit != LIMIT:
            said["limit"] = str(self.limit)
        return "?" + urlencode(said) if said else ""


def asks(query: bytes) -> bool:
    """Whether the query asks for history. A `limit` alone does not: all that is unknown is ignored."""
    return bool({"since", "cursor", "wait"} & _parameters(query).keys())


def read(query: bytes) -> Since:
    """Read the question. Raises Problem 400, which says what to do."""
    given = _parameters(query)
    faults: list[Fault] = []
    name = "since" if "since" in given else "cursor"
    text, behind = given.get(name, ""), None
    if text:
        try:
            behind = read_since(text)
        except (ValueError, OverflowError):
            faults.append(
                Fault(
                    where=name,
                    what="is no time (2026-11-03T08:15:00Z) and no cursor: follow the next link as it stands",
                )
            )
    limit = _number(given, "limit", LIMIT, faults)
    wait_s = _number(given, "wait", 0, faults)
    if limit is not None and limit < 1:
        faults.append(Fault(where="limit", what=f"is a number from 1 to {MOST}"))
    if faults:
        detail = "The question cannot be read. Start with since=<time>, then follow the next links as they stand."
        raise Problem(400, "bad_cursor", detail, errors=faults, headers={"Cache-Control": "no-store"})
    return Since(behind, text, min(limit or LIMIT, MOST), min(float(wait_s or 0), LONGEST_WAIT_S))


def _parameters(query: bytes) -> dict[str, str]:
    """Read the query; of a name given twice the last counts."""
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}


def _number(given: dict[str, str], name: str, default: int, faults: list[Fault]) -> int | None:
    text = given.get(name, "")
    if not text:
        return default
    if text.isascii() and text.isdigit() and len(text) < 7:
        return int(text)
    faults.append(Fault(where=name, what="is a whole number" + (" of seconds" if name == "wait" else "")))
    return None
