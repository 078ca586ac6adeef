"""API keys and feed tokens: their form, their check sum, their digest. Pure; randomness is an argument.

`wr_<env>_<id>_<32 base62><6 base62 of CRC-32>`: the prefix lets scanners find a leaked key, the check sum
tells a mistyped one without asking the store. Only the SHA-256 is kept: 190 random bits need no slow hash.
A feed token is `wrf_<id>_…`: another kind, which opens no API.
"""

import hashlib
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"(wr_[a-z]{2,10}_([0-9A-Za-z]{8,32})_[0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)
_FEED_TOKEN = re.compile(r"(wrf_([0-9A-Za-z]{8,32})_[0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)

SCOPES = {
    "articles:write": "publish, revise and retract articles",
    "articles:read": "read articles and their traces",
    "feeds:write": "make, change, rename and end saved feeds",
    "webhooks:write": "create, change, test and delete webhooks and subscribers; replay and retry deliveries",
    "webhooks:read": "read webhooks, subscribers and deliveries",
    "ops:read": "read statistics, metrics, feeds and dead letters",
    "ops:write": "retry and trash dead letters",
    "admin": "everything, keys included",
}


class Minted(NamedTuple):
    """A new key. `key` is shown once and kept nowhere."""

    id: str
    key: str
    sha256: str


def mint(random: Callable[[int], bytes], env: str = "live") -> Minted:
    """Make a key from `random(n)` bytes, which must come from a cryptographic source."""
    key_id = _base62(int.from_bytes(random(16)), 12)
    return _minted(f"wr_{env}", key_id, random)


def mint_feed_token(random: Callable[[int], bytes]) -> Minted:
    """Make a token of one private feed, the same way."""
    return _minted("wrf", _base62(int.from_bytes(random(16)), 12), random)


def _minted(kind: str, key_id: str, random: Callable[[int], bytes]) -> Minted:
    body = f"{kind}_{key_id}_{_base62(int.from_bytes(random(40)), 32)}"
    key = body + _check_sum(body)
    return Minted(key_id, key, digest(key))


def key_id_of(key: str) -> str | None:
    """Find the id inside a key; None: it is no key of ours, or was mistyped."""
    return _id_in(_FORM, key)


def feed_token_id_of(token: str) -> str | None:
    """Find the id inside a feed token; None: it is none of ours, or was mistyped."""
    return _id_in(_FEED_TOKEN, token)


def _id_in(form: re.Pattern[str], key: str) -> str | None:
    match = form.fullmatch(key)
    return match[2] if match and _check_sum(match[1]) == match[3] else None


def digest(key: str) -> str:
    """Hash the whole key as presented."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _check_sum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), 6)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_BASE62[rest])
    return "".join(reversed(digits))
