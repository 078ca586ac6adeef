"""Bytes that no document may hold (XML 1.0 §2.2): rules 1 and 2 before anything is parsed. Pure.

By translation and plain search, which are ten times as fast as a pattern over the characters.
"""

import re

from services.syndicate.rules.fault import Fault, short

_C0 = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])
_EACH = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]|\xc2[\x80-\x9f]")
_SUSPECT = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
_C1 = re.compile(rb"\xc2[\x80-\x9f]")


def unfit(raw: bytes) -> list[Fault]:
    """Judge the bytes of XML or JSON: a byte order mark, forbidden characters, what is not UTF-8."""
    faults = [Fault(1, "", "begins with a byte order mark")] if raw.startswith(b"\xef\xbb\xbf") else []
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        lone = raw[error.start] == 0xED and error.start + 1 < len(raw) and raw[error.start + 1] >= 0xA0
        rule, what = (2, "a lone surrogate") if lone else (1, "is not UTF-8")
        return [*faults, Fault(rule, f"byte {error.start}", what)]
    clean = len(raw.translate(None, _C0)) == len(raw) and not any(each in raw for each in _SUSPECT)
    if clean and (b"\xc2" not in raw or _C1.search(raw) is None):
        return faults
    found = _EACH.search(raw)
    assert found is not None
    return [*faults, Fault(2, f"byte {found.start()}", f"a character that no feed may hold: {short(found[0])}")]
