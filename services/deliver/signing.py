"""Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): signatures of version `v1`. Pure.

The signed text is id, full stop, timestamp, full stop, raw body. Own code: the reference library relabels
an aware datetime as UTC, so that one instant has two signatures. It is the oracle of the tests.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

PREFIX = "whsec_"
LEAST, MOST = 24, 64  # bytes of key
TOLERANCE_S = 300  # between a sender's clock and a receiver's


def make_secret(random_bytes: bytes) -> str:
    """Spell a key as partners see it. `random_bytes` are 24 to 64 from a secure source; 32 are fine."""
    if not LEAST <= len(random_bytes) <= MOST:
        raise ValueError(f"a signing key has {LEAST} to {MOST} bytes")
    return PREFIX + base64.b64encode(random_bytes).decode()


def parse_secret(text: str) -> bytes:
    """Read a key, with or without its prefix and padding. ValueError says what is wrong with it."""
    bare = text.strip().removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret is base64 with the prefix whsec_") from None
    if not LEAST <= len(key) <= MOST:
        raise ValueError(f"a secret holds {LEAST} to {MOST} bytes, this one {len(key)}")
    return key


@lru_cache(maxsize=16_384)
def parse_secrets(text: str) -> tuple[bytes, ...]:
    """Read an endpoint's keys, separated by blanks: the current one first, then those in their grace."""
    return tuple(parse_secret(part) for part in text.split())


def sign(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Make the `webhook-signature` header: one entry per key, in their order. `timestamp` is Unix seconds."""
    text = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, text, "sha256")).decode() for key in keys)


def verifies(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Judge a request as its receiver would: any `v1` entry that matches, a timestamp within five minutes.

    `headers` have lower-case names. Entries of unknown versions are skipped, comparison takes constant time.
    """
    webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(int(stamp) - now.timestamp()) > TOLERANCE_S:
        return False
    wanted = sign([parse_secret(secret)], webhook_id, int(stamp), body).encode()
    sent = headers.get("webhook-signature", "").encode("utf-8", "replace").split()
    return any([hmac.compare_digest(wanted, one) for one in sent])  # noqa: C419 - all are compared, always
