"""Which content coding a reader gets (RFC 9110 §12.5.3). Pure.

Ours, at equal weight: br, then zstd, then gzip, for that is the order of their sizes.
"""

import re
from functools import lru_cache

ALWAYS = frozenset({"gzip", "identity"})  # made with the document; the others when somebody can read them
_OURS = ("br", "zstd", "gzip")
_MEMBER = re.compile(
    r"^\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$", re.IGNORECASE | re.ASCII
)


@lru_cache(maxsize=2_048)
def codings(accept_encoding: bytes | None) -> tuple[str, ...]:
    """List what may answer, best first; only the last is sure to be there (`ALWAYS`).

    Not sent: identity, for a reader that asks for nothing may be able to do nothing. `*` stands for gzip
    alone: whoever can read br says so. Where nothing is acceptable, identity, as §12.5.3 allows.
    """
    if accept_encoding is None:
        return ("identity",)
    weights: dict[str, float] = {}
    for member in accept_encoding.decode("latin-1").split(","):
        if (match := _MEMBER.match(member)) is not None:
            weights[match[1].lower()] = float(match[2]) if match[2] is not None else 1.0
    stated = {"identity": weights.get("identity", 0.0)}
    for name in ("br", "zstd"):
        stated[name] = weights.get(name, 0.0)
    stated["gzip"] = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    listed = [name for name in _OURS if stated[name] > 0 and stated[name] >= stated["identity"]]
    listed.sort(key=lambda name: -stated[name])  # stable: ours at equal weight
    if "gzip" in listed:
        return tuple(listed[: listed.index("gzip") + 1])
    return (*listed, "identity")
